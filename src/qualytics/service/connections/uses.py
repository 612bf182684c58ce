"""A connection as a command uses it: the variables that its tools read, with the secrets in clear."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics import connectors, text, urls
from qualytics.connectors import shape
from qualytics.errors import TooMany
from qualytics.fields import BY_NAME, KEYS
from qualytics.model import MAX_PURPOSE, CommandEnvironment, Connection, Document, UsedConnection
from qualytics.secret import Secret
from qualytics.service import lookup, validate
from qualytics.service.connections import tests
from qualytics.service.connections.drafts import merge, stored_with_secrets, with_secrets
from qualytics.service.rights import READ, USE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qualytics import types
    from qualytics.connectors.contract import Connector
    from qualytics.connectors.foreign import Environment
    from qualytics.errors import NotAllowed
    from qualytics.model import Scope
    from qualytics.probe import Plan
    from qualytics.service.context import Context

# Every connection has these, by the names of its fields and parameters, beside what its own tools read.
OWN_PREFIX = "QUALYTICS_CONNECTION_"
# Uses by one token in a minute.
PER_MINUTE, _MINUTE_S = 60, 60.0
_NAME = r"\{(\w+)\}"


class Uses:
    """Uses of connections outside of this program, each with the secrets in clear.

    The owner of an embedded store may use all; on a control plane it takes a grant, and `refusal` is why the way that
    a request came carries no secrets.
    """

    def __init__(self, context: Context, refusal: NotAllowed | None = None) -> None:
        self._context, self._refusal = context, refusal

    def use(self, record: int | str, *, purpose: str) -> UsedConnection:
        """Return a connection with its secrets; `purpose` says in the audit log what it is used for.

        Raises:
            NotFound: there is no such connection.
            InvalidInput: the purpose is missing or too long.
            NotAllowed: the way carries no secrets, or nobody has granted it; the message names the grant.
            TooMany: the token was used more than 60 times in a minute.

        """
        with self._context.audited(USE, "connection.use", record) as action:
            if self._context.is_shared and self._refusal is not None:
                raise self._refusal
            purpose = checked_purpose(purpose)
            if self._context.is_shared:
                self._count()
            if not self._context.is_audited:
                return self._used(*stored_with_secrets(self._context.store, record))
            with self._context.writing() as store:
                found = lookup.connection(store, record)
                action.found(found.id, found.name)
                if self._context.is_shared:
                    from qualytics.service import grants  # an embedded store needs none

                    grants.active(self._context, found.id, found.name)
                secrets = store.connections.secrets(found.id)
                action.record(found.id, found.name, purpose=purpose)
            return self._used(found, secrets)

    def grant(self, record: int | str) -> types.Grant:
        """Return the grant by which whoever asks may use a connection now; nothing is used by that.

        Raises:
            NotFound: there is no such connection.
            NotAllowed: as in `use`.

        """
        from qualytics.service import grants

        self._context.require(USE)
        if self._refusal is not None:
            raise self._refusal
        found = lookup.connection(self._context.store, record)
        return grants.document(grants.active(self._context, found.id, found.name))

    def last(self, record: int | str) -> Sequence[types.LastUse]:
        """Return the last use of a connection by each user, the newest first; an embedded store keeps none.

        Raises:
            NotFound: there is no such connection.

        """
        self._context.require(READ)
        found = lookup.connection(self._context.store, record)
        entries = self._context.store.audit.last_of_each("connection", found.id, "connection.use")
        return [
            {
                "user": {"id": entry.actor_id, "name": entry.actor},
                "at": entry.created,
                "purpose": str(entry.detail.get("purpose", "")),
            }
            for entry in entries
        ]

    def _count(self) -> None:
        from qualytics.digests import digest_of
        from qualytics.service.accounts import sign_in_limits

        key = digest_of(f"use\0{self._context.actor.token_id}")
        with self._context.writing() as store:
            wait_s = sign_in_limits.count(store.accounts, [(key, PER_MINUTE)], _MINUTE_S)
        if wait_s:
            raise TooMany(f"this token was used for more than {PER_MINUTE} connections in a minute", None, wait_s)

    def _used(self, found: Connection, secrets: Mapping[str, Secret]) -> UsedConnection:
        ssl_mode = self._context.default_ssl_mode
        return UsedConnection(found.id, found.name, found.type, found.values, secrets, ssl_mode, found.version)


def document(used: UsedConnection) -> Document:
    """Return a used connection as a document, whose secrets are in clear."""
    kind, has_uri = shape(used.type)
    keys = (key for key in KEYS[kind] if key in BY_NAME and (key != "uri" or has_uri))
    known = {"tags": [], **used.values, **{name: secret.reveal() for name, secret in used.secrets.items()}}
    head = {"id": used.id, "name": used.name, "type": used.type, "connection_type": kind}
    return Document.of(head | {key: known.get(key) for key in keys if key not in head}, used.version)


def purpose_of(words: str) -> str:
    """Return a purpose in words that may hold anything, as the name of a table does."""
    return text.visible(words).strip()[:MAX_PURPOSE]


def checked_purpose(purpose: object) -> str:
    """Return the purpose of a use.

    Raises:
        InvalidInput: it is missing or too long.

    """
    problems = validate.Problems()
    if not isinstance(purpose, str) or not purpose[: MAX_PURPOSE + 1].strip():
        problems.add("purpose", "is needed", "say what the connection is used for", "missing-value")
    else:
        validate.check_text("purpose", purpose, problems, max_length=MAX_PURPOSE)
    problems.finish()
    return str(purpose)


def plan_of(used: UsedConnection, scope: Scope) -> Plan:
    """Return the plan by which sessions of a used connection are opened.

    Raises:
        InvalidInput: a value may not stand where a driver would write it.

    """
    from qualytics import probe

    stored = Connection(used.id, used.name, used.type, dict(used.values), frozenset(used.secrets), {}, "", used.version)
    draft = with_secrets(merge(stored, {}), used.secrets)
    tests.check_values(draft, scope)
    return probe.Plan(
        type=used.type,
        values=draft.values,
        secrets=draft.secrets,
        timeout_s=tests.checked_timeout(None),
        **vars(scope),
        ssl_mode=used.ssl_mode,
    )


def environment(used: UsedConnection, scope: Scope) -> CommandEnvironment:
    """Return the variables with which the tools of a connection's type reach it, in the place of `scope`.

    Raises:
        InvalidInput: the type has no such database or schema.
        UsageError: no variables say how this connection logs in.

    """
    connector = connectors.get(used.type)
    tests.check_place(connector, scope)
    return _environment(connector, values_of(connector, used, scope), used)


def values_of(connector: Connector, used: UsedConnection, scope: Scope) -> dict[str, str]:
    """Return all that is set, by the names of fields and parameters, defaults and secrets too, as texts."""
    defaults: dict[str, Any] = {"port": connector.default_port if "port" in connector.fields else None}
    defaults |= {param.name: param.default for param in connector.params}
    if "ssl_mode" in defaults:
        defaults["ssl_mode"] = used.ssl_mode
    stored = {name: value for name, value in used.values.items() if name in connector.fields}
    whole = {**defaults, **stored, **(used.values.get("parameters") or {})}
    whole |= {"database": scope.database, "schema": scope.schema}
    values = {name: _as_text(value) for name, value in whole.items() if value is not None}
    if values.get("ssl_mode") == "verify":
        from qualytics.probe.trusted_roots import system_roots  # it brings OpenSSL, which few uses need

        values["system_roots"] = system_roots() or ""
    return values | {name: secret.reveal() for name, secret in used.secrets.items()}


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _environment(connector: Connector, values: dict[str, str], used: UsedConnection) -> CommandEnvironment:
    texts = {OWN_PREFIX + name.upper(): Secret(value) for name, value in values.items() if name != "system_roots"}
    files: dict[str, Secret] = {}
    cleared: tuple[str, ...] = (f"{OWN_PREFIX}*", "DATABASE_URL")
    if connector.foreign is not None:
        known = connector.foreign.environment
        if known.complete is not None:
            known.complete(values)
        values = {name: known.words.get(name, {}).get(value, value) for name, value in values.items()}
        texts |= {name: Secret(text) for name, text in known.defaults.items()} | dict(_texts(known, values))
        files = {variable: Secret(values[name]) for variable, name in known.files.items() if values.get(name)}
        cleared += (*known.cleared, *known.texts, *known.files)
    shown = {variable: value for variable, value in texts.items() if value.reveal()}
    return CommandEnvironment(used.name, used.secrets, shown, files, cleared)


def _texts(environment: Environment, values: Mapping[str, str]) -> Iterator[tuple[str, Secret]]:
    for variable, template in environment.texts.items():
        if (text := filled(template, values)) is not None:
            yield variable, Secret(text)
    if environment.url is not None:
        yield "DATABASE_URL", Secret(_url(environment, values))


def filled(template: str, values: Mapping[str, str]) -> str | None:
    """Return a text with values in the place of their names in braces, None where one of them has no value."""
    if not all(values.get(name) for name in re.findall(_NAME, template)):
        return None
    return re.sub(_NAME, lambda match: values[match[1]], template)


def _url(environment: Environment, values: Mapping[str, str]) -> str:
    path = [values.get(name, "") for name in environment.path]
    query = {key: values.get(name, "") for key, name in environment.query.items()}
    return urls.build(str(environment.url), values, path, query)
