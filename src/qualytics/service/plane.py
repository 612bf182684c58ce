"""What a control plane forbids, beyond the rules that hold for everybody's own store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from qualytics import connectors
from qualytics.errors import InvalidInput, Problem, SecretNeeded
from qualytics.service.validate import Problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from qualytics.connectors import Connector
    from qualytics.model import Connection
    from qualytics.probe.egress import Policy
    from qualytics.secret import Secret
    from qualytics.service import Context
    from qualytics.service.drafts import Draft
    from qualytics.settings import Plane, Settings

# A stored secret goes to where these point, in the clear if they say so, and as what they say it is: what proves a
# service principal to its issuer is nothing for the database to hear.
_TARGET = ("host", "port", "uri", "catalog", "catalog_type")
_TARGET_PARAMETERS = (
    *("ssl", "protocol", "encryptdata", "authentication_type"),
    *("endpoint_url", "driver_class", "jars", "region", "account"),
)


def require_allowed(settings: Settings, draft: Draft) -> None:
    """Refuse what would read files of the server, or reach out of what holds a driver.

    Raises:
        InvalidInput: with the code type-not-allowed, or for a path in a parameter.

    """
    if settings.plane is None:
        return
    connector, values = draft.connector, draft.values
    parameters = values.get("parameters") or {}
    problems = Problems()
    for param in connector.params:
        if param.is_path and param.name in parameters:
            hint = f"give the text itself, as {param.name.removesuffix('_file')}"
            problems.add(f"parameters.{param.name}", "is a file, which a control plane does not read", hint)
    problems.finish()
    files = list(_files(connector, values, parameters))
    if files and not all(_is_listed(settings.plane, path) for path in files):
        hint = "an Admin lists the directory of the file, or the driver's jar, with --allow-file when the server starts"
        raise _not_allowed(f"a {connector.type} connection reads a file that this control plane does not allow", hint)
    is_held = connector.pinned is not None or bool(files)
    if not is_held and connector.type not in settings.plane.types:
        hint = f"an Admin can allow it with --allow-type {connector.type} when the server starts"
        message = f"{connector.type} is off here: nothing holds its driver to the address that was checked"
        raise _not_allowed(message, hint)


def lent(plane: Plane | None, connector: Connector, values: Mapping[str, Any]) -> dict[str, Secret]:
    """Return what the control plane's own identity gives a connection that has none, by field."""
    if plane is None or plane.identity is None or connector.borrows is None:
        return {}
    return dict(zip(connector.borrows(values), plane.identity, strict=False))


def policy_of(settings: Settings) -> Policy | None:
    """Return what tests may reach; None where nothing is forbidden."""
    if settings.plane is None:
        return None
    from qualytics.probe.egress import Policy

    return Policy(settings.plane.targets, tuple(own_store(settings)))


def own_store(settings: Settings) -> Iterator[tuple[str, int]]:
    """Yield host and port of the database server that keeps the store, which no test may reach."""
    if settings.store_url is None:
        return
    from psycopg import conninfo  # which reads the address as the driver itself does

    found = conninfo.conninfo_to_dict(settings.store_url.reveal())
    given = {name: str(found.get(name) or "") for name in ("host", "hostaddr", "port")}
    hosts, ports = (given["host"] or os.environ.get("PGHOST", "")), (given["port"] or os.environ.get("PGPORT", ""))
    for listed in filter(None, (hosts, given["hostaddr"])) if hosts or given["hostaddr"] else ("",):
        places = listed.split(",")
        numbers = ports.split(",") * (len(places) if "," not in ports else 1)
        for place, number in zip(places, numbers, strict=False):
            is_here = not place or place.startswith(("/", "@"))  # a socket of this machine
            yield "localhost" if is_here else place, int(number or 5432)


def require_same_target(context: Context, before: Connection, changed: Draft) -> None:
    """Refuse to send a stored secret to another target than it was given for; an Admin may.

    Raises:
        SecretNeeded: the target changes and a stored secret stays.

    """
    if not context.is_shared or context.actor.is_admin or not changed.kept:
        return
    connector = changed.connector
    old, new = _target(connector, before.values), _target(connector, changed.values)
    if names := sorted(name for name in old if old[name] != new[name]):
        secrets = " and ".join(sorted(changed.kept))
        raise SecretNeeded(
            f"{', '.join(names)} of connection {before.name!r} would change while its stored {secrets} stays",
            f"give the {secrets} again with this change, or ask an Admin",
        )


def _target(connector: Connector, values: Mapping[str, Any]) -> dict[str, Any]:
    parameters = values.get("parameters") or {}
    names = [param.name for param in connector.params if _is_target(param.name)]
    found = {name: values.get(name) for name in _TARGET if name in connector.fields}
    if "port" in found:
        found["port"] = found["port"] or connector.default_port
    if host := found.get("host"):
        found["host"] = str(host).lower().removesuffix(".")
    return found | {f"parameters.{name}": parameters.get(name) for name in names}


def _is_target(name: str) -> bool:
    return name in _TARGET_PARAMETERS or name.startswith("ssl_") or name.endswith(("_url", "_host", "_endpoint"))


def _files(connector: Connector, values: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterable[str]:
    if connector.kind == "embedded":
        yield str(values.get("uri") or "")
    yield from parameters.get("jars") or ()


def _is_listed(plane: Plane, path: str) -> bool:
    real = os.path.realpath(path)  # a link must not lead out of what is allowed
    return any(_holds(os.path.realpath(allowed), real) for allowed in plane.files)


def _holds(allowed: str | Path, path: str) -> bool:
    return path == allowed or (os.path.isdir(allowed) and os.path.commonpath([allowed, path]) == str(allowed))


def _not_allowed(message: str, hint: str) -> InvalidInput:
    return InvalidInput([Problem("type", message, hint, "type-not-allowed")])


def known_types(names: Iterable[str]) -> tuple[str, ...]:
    """Return the types of a setting; unknown names raise InvalidInput."""
    return tuple(connectors.get(name).type for name in names)
