"""A connection as a command uses it: the variables that its tools read, with the secrets in clear."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics import connectors, urls
from qualytics.errors import NotAllowed
from qualytics.model import Use
from qualytics.secret import Secret
from qualytics.service.connections import tests
from qualytics.service.connections.drafts import stored_with_secrets
from qualytics.service.rights import READ

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics.connectors.contract import Connector
    from qualytics.connectors.foreign import Environment
    from qualytics.model import Connection, Scope
    from qualytics.service.context import Context

# Every connection has these, by the names of its fields and parameters, beside what its own tools read.
OWN_PREFIX = "QUALYTICS_CONNECTION_"
# As many as a database counts.
_ALL = 2**63 - 1
_NAME = r"\{(\w+)\}"


class Uses:
    """Uses of connections outside of this program, on the embedded store."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def environment(self, record: int | str, scope: Scope) -> Use:
        """Return the variables with which the tools of a connection's type reach it, in the place of `scope`.

        Raises:
            NotFound: there is no such connection.
            InvalidInput: the type has no such database or schema.
            NotAllowed: many users share the store.
            UsageError: no variables say how this connection logs in.

        """
        if self._context.is_shared:
            raise NotAllowed("a control plane gives no secrets", "use a connection of an embedded store")
        with self._context.audited(READ, "connection.use", record) as action:
            found, secrets = stored_with_secrets(self._context.store, record)
            action.found(found.id, found.name)
            connector = connectors.get(found.type)
            tests.check_place(connector, scope)
            values = _values(connector, found, secrets, scope, self._context.default_ssl_mode)
            use = _use(connector, values, found.name, secrets)
            if self._context.is_audited:
                with self._context.writing():
                    action.record(found.id, found.name)
        return use

    def names(self) -> list[str]:
        """Return the names of all connections, which tell apart what their files and variables are called."""
        self._context.require(READ)
        return [name for _, name in self._context.store.connections.names(_ALL)]


def _values(
    connector: Connector, found: Connection, secrets: Mapping[str, Secret], scope: Scope, ssl_mode: str
) -> dict[str, str]:
    """Return all that is set, by the names of fields and parameters, defaults too, as texts."""
    defaults: dict[str, Any] = {"port": connector.default_port if "port" in connector.fields else None}
    defaults |= {param.name: param.default for param in connector.params}
    if "ssl_mode" in defaults:
        defaults["ssl_mode"] = ssl_mode
    stored = {name: value for name, value in found.values.items() if name in connector.fields}
    whole = {**defaults, **stored, **(found.values.get("parameters") or {})}
    whole |= {"database": scope.database, "schema": scope.schema}
    values = {name: _as_text(value) for name, value in whole.items() if value is not None}
    if values.get("ssl_mode") == "verify":
        from qualytics.probe.trusted_roots import system_roots  # it brings OpenSSL, which few uses need

        values["system_roots"] = system_roots() or ""
    return values | {name: secret.reveal() for name, secret in secrets.items()}


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _use(connector: Connector, values: dict[str, str], name: str, secrets: Mapping[str, Secret]) -> Use:
    texts = {OWN_PREFIX + name.upper(): Secret(value) for name, value in values.items() if name != "system_roots"}
    files: dict[str, Secret] = {}
    cleared: tuple[str, ...] = (f"{OWN_PREFIX}*", "DATABASE_URL")
    if connector.foreign is not None:
        environment = connector.foreign.environment
        if environment.complete is not None:
            environment.complete(values)
        values = {name: environment.words.get(name, {}).get(value, value) for name, value in values.items()}
        texts |= dict(_texts(environment, values))
        files = {variable: Secret(values[name]) for variable, name in environment.files.items() if values.get(name)}
        cleared += (*environment.cleared, *environment.texts, *environment.files)
    shown = {variable: text for variable, text in texts.items() if text.reveal()}
    return Use(name, secrets, shown, files, cleared)


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
