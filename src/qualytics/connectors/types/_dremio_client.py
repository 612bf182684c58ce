"""ADBC's driver for Flight SQL: to the address that was checked, under the name that stands in the certificate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared.preamble import expect_silence, offers_tls
from qualytics.connectors.types._dremio_listing import rows

if TYPE_CHECKING:
    import socket

    from qualytics.connectors.contract import Target

_OPTION = "adbc.flight.sql."
_CLIENT = f"{_OPTION}client_option."
_CLEAR = "turn TLS on at the server, or set ssl_mode=disable to send it all the same"


def is_plain(answer: bytes) -> bool:
    """Say whether an HTTP/2 server without TLS could have said so: SETTINGS (4), often before all else, or GOAWAY (7)."""
    return answer[:2] == b"\0\0" and answer[3:4] in {b"\x04", b"\x07"}


def greet(sock: socket.socket) -> bool:
    """Ask whether the server speaks TLS."""
    return offers_tls(sock, "Arrow Flight", is_plain, may_begin=is_plain)


def connect(target: Target) -> Any:
    """Log in: without a password nothing would be sent before the first query."""
    expect_silence(target, "Arrow Flight", is_plain)
    import adbc_driver_flightsql
    import adbc_driver_manager

    database = adbc_driver_flightsql.connect(address(target), db_kwargs=arguments(target))
    handle = adbc_driver_manager.AdbcConnection(database)
    next(rows(handle, "select 1"))
    return handle


def address(target: Target) -> str:
    """Return where the driver connects, made of the dialled address and the port alone."""
    scheme = "grpc+tls" if target.tls is not None and target.tls.active else "grpc+tcp"
    return f"{scheme}://{_bracketed(target.address or target.host)}:{target.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def arguments(target: Target) -> dict[str, str]:
    """Return the options of the driver; the trusted roots go in as PEM text."""
    parameters = target.parameters
    seconds = f"{target.timeout_s:g}"
    found = {f"{_OPTION}rpc.timeout_seconds.{call}": seconds for call in ("fetch", "query", "update")}
    found[f"{_OPTION}rpc.with_cookie_middleware"] = "true"
    if project := parameters.get("project_id"):
        found[f"{_OPTION}rpc.call_header.project_id"] = project
    return found | _login(target) | _security(target)


def _login(target: Target) -> dict[str, str]:
    tls = target.tls
    secret = target.password.reveal() if target.password is not None else None
    if secret is not None and tls is not None and not tls.active and tls.mode != "disable":
        raise refuse("tls", "the server offers no TLS, and the secret would go out in clear text", _CLEAR)
    if target.parameters.get("authentication_type") == "ACCESS_TOKEN":
        return {f"{_OPTION}authorization_header": f"Bearer {secret}"}
    return {"username": target.username or "", "password": secret or ""}


def _security(target: Target) -> dict[str, str]:
    # The name goes to the server as well: for its certificate and its authority with TLS, for its authority without.
    tls = target.tls
    if tls is None or not tls.active:
        return {f"{_CLIENT}authority": f"{_bracketed(target.host)}:{target.port}"}
    found = {f"{_CLIENT}tls_override_hostname": target.host}
    if not tls.verified:
        found[f"{_CLIENT}tls_skip_verify"] = "true"
    elif tls.ca_file:
        found[f"{_CLIENT}tls_root_certs"] = Path(tls.ca_file).read_text(encoding="utf-8")
    return found
