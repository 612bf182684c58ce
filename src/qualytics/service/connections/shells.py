"""The clients that engines bring, as they are started for a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics import connectors
from qualytics.errors import Conflict, UsageError
from qualytics.model import ShellCommand
from qualytics.secret import Secret
from qualytics.service.connections.uses import filled, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qualytics.connectors.foreign import Shell
    from qualytics.model import Scope, UsedConnection


def programs(connector_type: str) -> Sequence[str]:
    """Return the names of the clients of a type, the first choice first.

    Raises:
        Conflict: none is known that takes secrets elsewhere than among its arguments.

    """
    return [shell.program for shell in _shells(connector_type)]


def command(used: UsedConnection, scope: Scope, program: str) -> ShellCommand:
    """Return how the client of that name is started; `uses.environment` tells it the rest.

    Raises:
        UsageError: its options cannot say how this connection uses TLS.

    """
    connector = connectors.get(used.type)
    values = values_of(connector, used, scope)
    if connector.foreign is not None and connector.foreign.environment.complete is not None:
        connector.foreign.environment.complete(values)
    return _command(next(shell for shell in _shells(used.type) if shell.program == program), values)


def _shells(connector_type: str) -> Sequence[Shell]:
    foreign = connectors.get(connector_type).foreign
    if foreign is None or not foreign.shells:
        raise Conflict(
            f"no client of {connector_type} is known that takes its secrets from the environment",
            "qualytics run starts any program with the connection in its environment",
        )
    return foreign.shells


def _command(shell: Shell, values: Mapping[str, str]) -> ShellCommand:
    words = [word for template in shell.words if (word := filled(template, values)) is not None]
    if shell.tls:
        mode = values["ssl_mode"]
        if mode not in shell.tls:
            raise UsageError(f"{shell.program} has no option for ssl_mode {mode}", "choose another ssl_mode")
        words += [word for template in shell.tls[mode] if (word := filled(template, values)) is not None]
    files = {beginning: Secret(values[name]) for beginning, name in shell.files.items() if values.get(name)}
    return ShellCommand(shell.program, tuple(words), files)
