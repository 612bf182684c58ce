"""What a control plane forbids, beyond the rules that hold for everybody's own store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from qualytics import connectors
from qualytics.errors import InvalidInput, Problem, SecretNeeded
from qualytics.fields import BY_NAME
from qualytics.service import validate
from qualytics.service.validate import Problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from qualytics.connectors.contract import Connector, Param
    from qualytics.fields import Field
    from qualytics.model import Connection
    from qualytics.probe.egress import Policy
    from qualytics.secret import Secret
    from qualytics.service.context import Context
    from qualytics.service.draft import Draft
    from qualytics.settings import ServerPolicy, Settings


def require_allowed(settings: Settings, connector: Connector, values: Mapping[str, Any]) -> None:
    """Refuse a connection that would read files of the server, or whose driver could reach anywhere.

    Raises:
        InvalidInput: with the code type-not-allowed, or for a path in a parameter.

    """
    if settings.policy is None:
        return
    parameters = values.get("parameters") or {}
    problems = Problems()
    for param in connector.params:
        if param.is_path and param.name in parameters:
            hint = f"give the text itself, as {param.name.removesuffix('_file')}"
            problems.add(f"parameters.{param.name}", "is a file, which a control plane does not read", hint)
    problems.finish()
    files = list(_files(connector, values, parameters))
    if files and not all(_is_listed(settings.policy, path) for path in files):
        hint = "an Admin lists the directory of the file, or the driver's jar, with --allow-file when the server starts"
        raise _not_allowed(
            f"this {connector.type} connection reads a file that this control plane does not allow", hint
        )
    is_held = connector.pinned is not None or bool(files)
    if not is_held and connector.type not in settings.policy.types:
        hint = f"an Admin can allow it with --allow-type {connector.type} when the server starts"
        message = f"{connector.type} is off here: its driver cannot be pinned to the address that was checked"
        raise _not_allowed(message, hint)


def default_credentials(
    policy: ServerPolicy | None, connector: Connector, values: Mapping[str, Any]
) -> dict[str, Secret]:
    """Return what the control plane's own identity gives a connection that has none, by field."""
    if policy is None or policy.identity is None or connector.default_credentials is None:
        return {}
    return dict(zip(connector.default_credentials(values), policy.identity, strict=False))


def policy_of(settings: Settings) -> Policy | None:
    """Return what tests may reach; None where nothing is forbidden."""
    if settings.policy is None:
        return None
    from qualytics.probe.egress import Policy

    return Policy(settings.policy.targets, tuple(own_store(settings)))


def own_store(settings: Settings) -> Iterator[tuple[str, int]]:
    """Yield host and port of the database server that keeps the store, which no test may reach."""
    if settings.store_url is None:
        return
    from psycopg import conninfo  # which reads the address as the driver itself does

    address = conninfo.conninfo_to_dict(settings.store_url.reveal())
    parts = {name: str(address.get(name) or "") for name in ("host", "hostaddr", "port")}
    hosts, ports = (parts["host"] or os.environ.get("PGHOST", "")), (parts["port"] or os.environ.get("PGPORT", ""))
    for listed in filter(None, (hosts, parts["hostaddr"])) if hosts or parts["hostaddr"] else ("",):
        places = listed.split(",")
        numbers = ports.split(",") * (len(places) if "," not in ports else 1)
        for place, number in zip(places, numbers, strict=False):
            is_here = not place or place.startswith(("/", "@"))  # a socket of this machine
            yield "localhost" if is_here else place, int(number or 5432)


def require_same_target(context: Context, before: Connection, changed: Draft) -> None:
    """Refuse to use a stored secret for another target than it was given for; an Admin may.

    Raises:
        SecretNeeded: something that binds the secret changes, and a stored secret stays.

    """
    if not context.is_shared or context.actor.is_admin or not changed.kept:
        return
    if names := _moved(before, changed):
        secrets = " and ".join(sorted(changed.kept))
        raise SecretNeeded(
            f"{', '.join(names)} of connection {before.name!r} would change while its stored {secrets} stays",
            f"give the {secrets} again with this change, or ask an Admin",
            sorted(changed.kept),
        )


def _moved(before: Connection, changed: Draft) -> list[str]:
    old, new = bound(changed.connector, before.values), bound(changed.connector, changed.values)
    # A secret in this call counts as another one: to compare it with the stored one would tell who guesses right.
    touched = changed.secrets.keys() | (before.secrets_set - changed.kept)
    secrets = {name for name in touched if not BY_NAME[name].harmless}
    return sorted({name for name in old if old[name] != new[name]} | secrets)


def bound(connector: Connector, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides who receives the secret, who checks it and how it is protected on the way.

    Each value is there in the form in which two spellings are equal; what is left out, as what it then stands for.
    """
    defaults = {param.name: param.shared_default or param.default for param in connector.params}
    parameters = {name: default for name, default in defaults.items() if default is not None}
    parameters |= values.get("parameters") or {}
    left_out = {"port": connector.default_port} | dict(connector.implied({**values, "parameters": parameters}))
    fields = {
        name: _form(BY_NAME[name], values.get(name, left_out.get(name)))
        for name in validate.accepted(connector)
        if not BY_NAME[name].is_secret and not BY_NAME[name].harmless
    }
    return fields | {
        f"parameters.{param.name}": _form(param, parameters.get(param.name, left_out.get(param.name)))
        for param in connector.params
        if not param.harmless
    }


def _form(entry: Field | Param, value: Any) -> Any:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else entry.same(value)  # a default is written as a text


def _files(connector: Connector, values: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterable[str]:
    if connector.kind == "embedded":
        yield str(values.get("uri") or "")
    for param in connector.params:
        if param.names_files:
            yield from parameters.get(param.name) or ()


def _is_listed(policy: ServerPolicy, path: str) -> bool:
    real = os.path.realpath(path)  # a link must not lead out of what is allowed
    return any(_holds(os.path.realpath(allowed), real) for allowed in policy.files)


def _holds(allowed: str | Path, path: str) -> bool:
    return path == allowed or (os.path.isdir(allowed) and os.path.commonpath([allowed, path]) == str(allowed))


def _not_allowed(message: str, hint: str) -> InvalidInput:
    return InvalidInput([Problem("type", message, hint, "type-not-allowed")])


def known_types(names: Iterable[str]) -> tuple[str, ...]:
    """Return the types of a setting; unknown names raise InvalidInput."""
    return tuple(connectors.get(name).type for name in names)
