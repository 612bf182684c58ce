"""What oracledb is told, the parameters it comes from, and which of them do not fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Chars, Param, tls_params

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics.connectors.contract import Target

# What stands in parentheses is a part of a descriptor: another address, another wallet.
SERVICE = Chars(r"[A-Za-z0-9_.$#-]+", "letters, digits and . _ - $ #")
# All bind: by the service's name, or the SID, a listener sends the login on to another machine.
PARAMS = (
    *tls_params(),
    Param("service_name", str, "the service to connect to (our choice of name)"),
    Param("sid", str, "the SID of the instance, where there is no service"),
    Param(
        "protocol",
        str,
        "of the listener: TCPS speaks TLS; by default TCPS when ssl_mode is verify or require, else TCP (our choice of name)",
        choices=("TCP", "TCPS"),
    ),
)


def implied(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the protocol that the mode of TLS stands for."""
    return {"protocol": "TCPS" if values["parameters"]["ssl_mode"] in {"verify", "require"} else "TCP"}


def requires(values: Mapping[str, Any], _secrets: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Yield what is missing or at odds: a service or a SID, and TLS where the protocol has it."""
    parameters = values.get("parameters") or {}
    named = [name for name in ("service_name", "sid") if parameters.get(name)]
    if not named:
        yield "parameters.service_name", "is needed for oracle", "give the service's name, or sid"
    if len(named) > 1:
        yield "parameters.sid", "stands beside service_name", "keep one of them"
    protocol, mode = parameters.get("protocol"), parameters.get("ssl_mode")
    if protocol == "TCPS" and mode == "disable":
        yield "parameters.ssl_mode", "is disable, but the protocol is TCPS", "remove one of them"
    if protocol == "TCP" and mode in {"verify", "require"}:
        yield (
            "parameters.protocol",
            f"is TCP, but ssl_mode is {mode}",
            'give "protocol": "TCPS" and the port of that listener',
        )


def is_encrypted(target: Target) -> bool:
    """Say whether TLS is spoken: as the protocol says, else when ssl_mode demands it; a TCP port offers none."""
    protocol = target.parameters.get("protocol")
    return protocol == "TCPS" or (
        protocol is None and target.tls is not None and target.tls.mode in {"verify", "require"}
    )


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of oracledb.connect; what names this machine and its user is not sent."""
    found: dict[str, Any] = {
        "user": target.username,
        "password": target.password.reveal() if target.password is not None else "",
        "host": target.address or target.host,
        "port": target.port,
        "protocol": "tcp",
        "tcp_connect_timeout": target.timeout_s,
        "retry_count": 0,
        "config_dir": target.directory,  # an empty one: no tnsnames.ora, no sqlnet.ora
        "externalauth": False,
        **dict.fromkeys(("program", "machine", "terminal", "osuser"), "qualytics"),
    }
    for name in ("service_name", "sid"):
        if name in target.parameters:
            found[name] = target.parameters[name]
    if is_encrypted(target) and target.tls is not None:
        # The certificate is checked against the name.
        found |= {
            "host": target.host,
            "protocol": "tcps",
            "ssl_context": target.tls.context,
            "ssl_server_dn_match": target.tls.verified,
        }
    return found
