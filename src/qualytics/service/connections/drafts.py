"""Drafts: a checked connection before it is stored, made from what is given or by merging that into a stored one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics import connectors, text
from qualytics.errors import InvalidInput, Problem, UsageError
from qualytics.fields import BY_NAME, FIELDS, MAX_NAME, READ_ONLY, SECRETS, TAG_CHANGES, TEST
from qualytics.secret import Secret
from qualytics.service import documents, lookup, validate
from qualytics.service.connections import paths, tagging
from qualytics.service.draft import Draft
from qualytics.service.policy import default_credentials, require_allowed
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.connectors.contract import Connector
    from qualytics.model import Connection
    from qualytics.settings import ServerPolicy, Settings
    from qualytics.store.base import Store

# What "-2", "-3" … may take when a name is made for a connection that was given none.
_SUFFIX = 10


def draft(given: Mapping[str, Any], policy: ServerPolicy | None = None) -> Draft:
    """Check the fields of a new connection, null, an empty secret and an empty list standing for none; needs no store.

    Raises:
        InvalidInput: with every problem there is.

    """
    rest = {name: value for name, value in given.items() if not _is_none(name, value)}
    type_name = rest.pop("type", None)
    if not isinstance(type_name, str) or not type_name:
        raise InvalidInput([Problem("type", "type is missing", "give it with --type", "missing-value")])
    connector = connectors.get(type_name)
    problems = validate.Problems()
    clean = validate.check_values(connector, rest, problems, masks_keep=False)
    return _complete(connector, _with_parameters(clean, clean.get("parameters")), problems, policy)


def allowed_draft(given: Mapping[str, Any], settings: Settings) -> Draft:
    """Return the draft of a new connection that is allowed here, too.

    Raises:
        InvalidInput: the type is unknown or not allowed, or a value breaks a rule.

    """
    new = draft(given, settings.policy)
    require_allowed(settings, new.connector, new.values)
    return new


def new_draft(given: Mapping[str, Any], settings: Settings) -> Draft:
    """Return the draft of a connection to be stored: one that is allowed here, and whose files are there.

    Raises:
        InvalidInput: as `allowed_draft`, and for a file that is not there.

    """
    new = allowed_draft(given, settings)
    paths.require_files(new.connector, given)
    return new


def preview(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the masked payload that a create would send; needs no store and contacts nothing."""
    new = draft(given)
    values = {"name": derived_name(new.connector, new.values)} | new.values
    return documents.payload_document(new.connector, values | dict.fromkeys(new.secrets, ""))


def as_patch(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes in a document, which a client may have read before: nothing read-only.

    Raises:
        UsageError: nothing is left.

    """
    changes = {name: value for name, value in given.items() if name not in READ_ONLY}
    require_some(changes)
    return changes


def as_replacement(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes in a whole document: null keeps a secret, and says nothing of what the type lacks.

    Raises:
        InvalidInput: name or type is missing, or the type is unknown.

    """
    if missing := [name for name in ("name", "type") if given.get(name) is None]:
        raise InvalidInput([Problem(name, f"{name} is missing", None, "missing-value") for name in missing])
    kept = {name: value for name, value in given.items() if not (name in SECRETS and value in (None, ""))}
    return _without_blanks(str(given["type"]), kept)


def as_overrides(type_name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a test puts in place of stored values: not the name and the like, nor its own type."""
    connector = connectors.get(type_name)
    unheard = (field.name for field in FIELDS if TEST not in field.verbs)
    ignored = {
        *unheard,
        *TAG_CHANGES,
        *READ_ONLY,
        *(("type",) if given.get("type") in (connector.type, *connector.aliases) else ()),
    }
    return _without_blanks(type_name, {name: value for name, value in given.items() if name not in ignored})


def _without_blanks(type_name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    # Some clients send every field there is, null or empty where the type lacks it.
    takes = {*validate.accepted(connectors.get(type_name)), "type"}
    return {
        name: value
        for name, value in given.items()
        if not (value in (None, "") and name in BY_NAME and name not in takes)
    }


def require_some(changes: Mapping[str, Any]) -> None:
    """Raise UsageError when an update changes nothing."""
    if not changes:
        raise UsageError("nothing to update", "give at least one field, as in --host db.example.com")


def merge(before: Connection, given: Mapping[str, Any], policy: ServerPolicy | None = None) -> Draft:
    """Check changes to a stored connection and return its changed form.

    None unsets a field; `parameters` merge by key, None removes a key; a mask keeps the secret. `add_tags` and
    `remove_tags` change the tags and keep the others.

    Raises:
        InvalidInput: with every problem there is.

    """
    connector = connectors.get(before.type)
    rest = {name: value for name, value in given.items() if name not in TAG_CHANGES}
    problems = validate.Problems()
    if rest.pop("type", before.type) not in (connector.type, *connector.aliases):
        problems.add("type", f"of a connection cannot change; this one is {before.type}", "create a new connection")
    clean = validate.check_values(connector, rest, problems, masks_keep=True)
    if rest.get("name", before.name) is None:
        problems.add("name", "cannot be unset", "give another name with --name", "missing-value")
    values = {"name": before.name} | before.values | clean
    if not given.keys().isdisjoint(TAG_CHANGES):
        values["tags"] = tagging.merged(values.get("tags") or (), given, problems)
    if clean.get("parameters") is not None:
        values = _with_parameters(values, {**before.values.get("parameters", {}), **clean["parameters"]})
    values = {name: value for name, value in values.items() if value is not None}
    kept = frozenset(before.secrets_set - clean.keys())
    return replace(_complete(connector, values, problems, policy, kept), stored_name=before.name)


def derived_name(connector: Connector, values: Mapping[str, Any]) -> str:
    """Return the name of a connection that was given none: its type, and its host or the end of its uri."""
    place = values.get("host") or str(values.get("uri") or "").rstrip("/").rpartition("/")[2]
    return text.visible(f"{connector.type}-{place}")[: MAX_NAME - _SUFFIX].rstrip("- ")


def with_secrets(changed: Draft, stored: Mapping[str, Secret]) -> Draft:
    """Return a draft that holds, beside the secrets given now, those stored ones that stay."""
    kept = {name: secret for name, secret in stored.items() if name in changed.kept}
    return replace(changed, secrets=kept | changed.secrets)


def stored_with_secrets(store: Store, record: int | str) -> tuple[Connection, dict[str, Secret]]:
    """Return a stored connection and the secrets that belong to it, never those of a change meanwhile.

    Else the password that goes with a new host would be sent to the one before.

    Raises:
        NotFound: there is no such connection.

    """
    with store.reading():
        connection = lookup.connection(store, record)
        return connection, store.connections.secrets(connection.id)


def _complete(
    connector: Connector,
    clean: Mapping[str, Any],
    problems: validate.Problems,
    policy: ServerPolicy | None,
    kept: frozenset[str] = frozenset(),
) -> Draft:
    """Return the draft of checked values, once nothing is missing; `kept` names the secrets that are stored and stay.

    Raises:
        InvalidInput: with every problem there is.

    """
    values = {name: value for name, value in clean.items() if not BY_NAME[name].is_secret}
    secrets = {name: Secret(value) for name, value in clean.items() if BY_NAME[name].is_secret}
    held = kept | secrets.keys()
    # What a control plane gives counts as set, but where the connection has its own.
    defaults = default_credentials(policy, connector, values).keys() - held - values.keys()
    plain = {name: str(name) for name in defaults if not BY_NAME[name].is_secret}
    # Some types look at a secret, too: whether it is a private key, or the name of an account.
    validate.check_complete(connector, {**clean, **plain}, problems, held | (defaults - plain.keys()))
    problems.finish()
    return Draft(connector, values, secrets, kept)


def _is_none(name: str, value: Any) -> bool:
    if value == "":
        return name in SECRETS and name != "password"  # which some servers take empty
    return value is None or (value == [] and name in BY_NAME and BY_NAME[name].type is list)


def _with_parameters(values: dict[str, Any], parameters: dict[str, Any] | None) -> dict[str, Any]:
    # A null removes a parameter, and an object without any is no object.
    left = {name: value for name, value in (parameters or {}).items() if value is not None}
    rest = {name: value for name, value in values.items() if name != "parameters"}
    return rest | ({"parameters": left} if left else {})
