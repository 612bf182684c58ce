"""Drafts: a checked connection before it is stored, made from what is given or by merging that into a stored one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qualytics import connectors, text
from qualytics.errors import InvalidInput, Problem
from qualytics.fields import BY_NAME, MAX_NAME
from qualytics.secret import Secret
from qualytics.service import documents, validate
from qualytics.service.policy import lent, require_allowed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.connectors import Connector
    from qualytics.model import Connection
    from qualytics.settings import Plane, Settings
    from qualytics.store.base import Store

# What "-2", "-3" … may take when a name is made for a connection that was given none.
_SUFFIX = 10


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Draft:
    """A checked connection that is not stored yet, or the changed form of one that is.

    `secrets` are those given now; `kept` names stored ones that stay.
    """

    connector: Connector
    values: dict[str, Any]
    secrets: dict[str, Secret]
    kept: frozenset[str] = frozenset()


def draft(given: Mapping[str, Any], plane: Plane | None = None) -> Draft:
    """Check the fields of a new connection; needs no store.

    Raises:
        InvalidInput: with every problem there is.

    """
    rest = dict(given)
    kind = rest.pop("type", None)
    if not isinstance(kind, str) or not kind:
        raise InvalidInput([Problem("type", "type is missing", "give it with --type", "missing-value")])
    connector = connectors.get(kind)
    problems = validate.Problems()
    clean = validate.check_values(connector, rest, problems, masks_keep=False)
    values = {name: value for name, value in clean.items() if value is not None}
    values = _with_parameters(values, values.get("parameters"))
    _check_complete(connector, values, problems, frozenset(), plane)
    return _split(connector, values)


def allowed_draft(given: Mapping[str, Any], settings: Settings) -> Draft:
    """Return the draft of a new connection that is allowed here, too.

    Raises:
        InvalidInput: the type is unknown or not allowed, or a value breaks a rule.

    """
    new = draft(given, settings.plane)
    require_allowed(settings, new)
    return new


def preview(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the masked payload that a create would send; needs no store and contacts nothing."""
    new = draft(given)
    values = {"name": derived_name(new.connector, new.values)} | new.values
    return documents.payload_document(new.connector, values | dict.fromkeys(new.secrets, ""))


def merge(before: Connection, given: Mapping[str, Any], plane: Plane | None = None) -> Draft:
    """Check changes to a stored connection and return its changed form.

    None unsets a field; `parameters` merge by key, None removes a key; a mask keeps the secret.

    Raises:
        InvalidInput: with every problem there is.

    """
    connector = connectors.get(before.type)
    rest = dict(given)
    problems = validate.Problems()
    kind = rest.pop("type", before.type)
    if kind not in (connector.type, *connector.aliases):
        problems.add("type", f"of a connection cannot change; this one is {before.type}", "create a new connection")
    clean = validate.check_values(connector, rest, problems, masks_keep=True)
    if "name" in clean and clean["name"] is None and not problems.found:
        problems.add("name", "cannot be unset", "give another name with --name", "missing-value")
    values = {"name": before.name} | before.values | clean
    if clean.get("parameters") is not None:
        values = _with_parameters(values, {**before.values.get("parameters", {}), **clean["parameters"]})
    values = {name: value for name, value in values.items() if value is not None}
    kept = frozenset(before.secrets_set - clean.keys())
    _check_complete(connector, values, problems, kept, plane)
    return replace(_split(connector, values), kept=kept)


def derived_name(connector: Connector, values: Mapping[str, Any]) -> str:
    """Return the name of a connection that was given none: its type, and its host or the end of its uri."""
    place = values.get("host") or str(values.get("uri") or "").rstrip("/").rpartition("/")[2]
    return text.visible(f"{connector.type}-{place}")[: MAX_NAME - _SUFFIX].rstrip("- ")


def with_secrets(changed: Draft, stored: Mapping[str, Secret]) -> Draft:
    """Return a draft that holds, beside the secrets given now, those stored ones that stay."""
    kept = {name: secret for name, secret in stored.items() if name in changed.kept}
    return replace(changed, secrets=kept | changed.secrets)


def stored_with_secrets(store: Store, connection_id: int) -> tuple[Connection | None, dict[str, Secret]]:
    """Return a stored connection and the secrets that belong to it, never those of a change meanwhile.

    Else the password that goes with a new host would be sent to the one before.
    """
    with store.reading():
        found = store.connections.get(connection_id)
        return found, store.connections.secrets(connection_id) if found is not None else {}


def as_changed(before: Connection, changed: Draft) -> Connection:
    """Return the connection that a draft would make of the stored one."""
    return replace(
        before,
        name=changed.values["name"],
        values={name: value for name, value in changed.values.items() if name != "name"},
        secrets_set=changed.kept | changed.secrets.keys(),
    )


def _check_complete(
    connector: Connector,
    values: Mapping[str, Any],
    problems: validate.Problems,
    kept: frozenset[str],
    plane: Plane | None,
) -> None:
    # What a control plane lends counts as set, but where the connection has its own.
    loan = {name for name in lent(plane, connector, values) if values.get(name) is None and name not in kept}
    plain = {name: str(name) for name in loan if not BY_NAME[name].is_secret}
    validate.check_complete(connector, {**values, **plain}, problems, kept | (loan - plain.keys()))
    problems.finish()


def _split(connector: Connector, values: dict[str, Any]) -> Draft:
    plain = {name: value for name, value in values.items() if not BY_NAME[name].is_secret}
    secrets = {name: Secret(value) for name, value in values.items() if BY_NAME[name].is_secret}
    return Draft(connector, plain, secrets)


def _with_parameters(values: dict[str, Any], parameters: dict[str, Any] | None) -> dict[str, Any]:
    # A null removes a parameter, and an object without any is no object.
    left = {name: value for name, value in (parameters or {}).items() if value is not None}
    rest = {name: value for name, value in values.items() if name != "parameters"}
    return rest | ({"parameters": left} if left else {})
