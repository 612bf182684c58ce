"""A connection as a command uses it: the variables that its tools read, with the secrets in clear."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics import connectors, urls
from qualytics.errors import NotAllowed
from qualytics.model import MAX_PURPOSE, CommandEnvironment, UsedConnection
from qualytics.secret import Secret
from qualytics.service import validate
from qualytics.service.connections import tests
from qualytics.service.connections.drafts import stored_with_secrets
from qualytics.service.rights import READ

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics.connectors.contract import Connector
    from qualytics.connectors.foreign import Environment
    from qualytics.model import Scope
    from qualytics.service.context import Context

# Every connection has these, by the names of its fields and parameters, beside what its own tools read.
OWN_PREFIX = "QUALYTICS_CONNECTION_"
_NAME = r"\{(\w+)\}"


class Uses:
    """Uses of connections outside of this program, each with the secrets in clear."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def use(self, record: int | str, *, purpose: str) -> UsedConnection:
        """Return a connection with its secrets; `purpose` says in the audit log what it is used for.

        Raises:
            NotFound: there is no such connection.
            InvalidInput: the purpose is missing or too long.
            NotAllowed: many users share the store.

        """
        with self._context.audited(READ, "connection.use", record) as action:
            if self._context.is_shared:
                raise NotAllowed("a control plane gives no secrets", "use a connection of an embedded store")
            purpose = checked_purpose(purpose)
            found, secrets = stored_with_secrets(self._context.store, record)
            action.found(found.id, found.name)
            if self._context.is_audited:
                with self._context.writing():
                    action.record(found.id, found.name, purpose=purpose)
        ssl_mode = self._context.default_ssl_mode
        return UsedConnection(found.id, found.name, found.type, found.values, secrets, ssl_mode, found.version)


def checked_purpose(purpose: object) -> str:
    """Return the purpose of a use.

    Raises:
        InvalidInput: it is missing or too long.

    """
    problems = validate.Problems()
    if not isinstance(purpose, str) or not purpose:
        problems.add("purpose", "is needed", "say what the connection is used for", "missing-value")
    else:
        validate.check_text("purpose", purpose, problems, max_length=MAX_PURPOSE)
    problems.finish()
    return str(purpose)


def environment(used: UsedConnection, scope: Scope) -> CommandEnvironment:
    """Return the variables with which the tools of a connection's type reach it, in the place of `scope`.

    Raises:
        InvalidInput: the type has no such database or schema.
        UsageError: no variables say how this connection logs in.

    """
    connector = connectors.get(used.type)
    tests.check_place(connector, scope)
    return _environment(connector, _values(connector, used, scope), used)


def _values(connector: Connector, used: UsedConnection, scope: Scope) -> dict[str, str]:
    """Return all that is set, by the names of fields and parameters, defaults too, as texts."""
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
        texts |= dict(_texts(known, values))
        files = {variable: Secret(values[name]) for variable, name in known.files.items() if values.get(name)}
        cleared += (*known.cleared, *known.texts, *known.files)
    shown = {variable: text for variable, text in texts.items() if text.reveal()}
    return CommandEnvironment(used.name, used.secrets, shown, files, cleared)


def _texts(environment: Environment, values: Mapping[str, str]) -> Iterator[tuple[str, Secret]]:
    for variable, template in environment.texts.items():
        if all(values.get(name) for name in re.findall(_NAME, template)):
            yield variable, Secret(re.sub(_NAME, lambda match: values[match[1]], template))
    if environment.url is not None:
        yield "DATABASE_URL", Secret(_url(environment, values))


def _url(environment: Environment, values: Mapping[str, str]) -> str:
    path = [values.get(name, "") for name in environment.path]
    query = {key: values.get(name, "") for key, name in environment.query.items()}
    return urls.build(str(environment.url), values, path, query)
