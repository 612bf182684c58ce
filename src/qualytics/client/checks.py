"""What the doctor looks at on the way to a control plane: each step, until one fails."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import qualytics
from qualytics.client import config
from qualytics.client.http.api import Api
from qualytics.client.http.replies import URL_HINT
from qualytics.client.sign_in.claims import expiry_of
from qualytics.errors import QualyticsError
from qualytics.transport import connect
from qualytics.transport.connect import Deadline
from qualytics.transport.http import failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Times in tokens are whole seconds; a minute is what clocks may differ by.
_MAX_SKEW_S = 60.0
_MAX_ADDRESSES = 3


def examine(home: Path) -> list[dict[str, Any]]:
    """Return the checks of the control plane that is configured, none when there is none."""
    try:
        control_plane = config.find(home)
    except QualyticsError as exc:
        return [_check("config", exc.message, exc.hint, ok=False)]
    if control_plane is None:
        return []
    checks = [_check("config", f"{control_plane.url} from {control_plane.source}")]
    api = Api(control_plane)
    try:
        for name, step in (("network", _network), ("health", _health), ("status", _status), ("token", _token)):
            try:
                checks += step(api)
            except QualyticsError as exc:
                checks.append(_check(name, exc.message, exc.hint, ok=False))
            if not checks[-1]["ok"]:  # what comes after it would fail as well
                break
    finally:
        api.close()
    return checks


def _network(api: Api) -> Iterator[dict[str, Any]]:
    endpoint = api.control_plane.endpoint
    deadline, step, sock = Deadline(endpoint.timeout_s), "dns", None
    try:
        proxy = connect.proxy_of(endpoint)
        host, port = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port)
        addresses = connect.look_up(host, port)
        shown = list(dict.fromkeys(str(entry[4][0]) for entry in addresses))[:_MAX_ADDRESSES]
        yield _check("dns", f"{host} is {', '.join(shown)}")
        step = "tcp"
        sock = connect.connect(addresses, deadline)
        if proxy:
            proxy.open_tunnel(sock, endpoint, deadline)
        yield _check("tcp", f"{host}:{port} answers" + (f", a proxy to {endpoint.authority}" if proxy else ""))
        step = "tls"
        if endpoint.scheme == "http":
            yield _check("tls", "none: plain http")
        else:
            sock = connect.secure(sock, connect.make_context(endpoint), endpoint, deadline)
            verified = "verified" if endpoint.ssl_verify else "not verified: anybody on the network can read the token"
            yield _check("tls", f"{sock.version()}, certificate {verified}")
    except (OSError, ValueError) as exc:
        error = failure(exc, endpoint, deadline)
        yield _check(step, error.message, error.hint, ok=False)
    finally:
        if sock is not None:
            sock.close()


def _health(api: Api) -> Iterator[dict[str, Any]]:
    reply = api.send("GET", "/health", is_public=True)
    if reply.status >= 300:
        yield _check("health", f"{api.control_plane.api_url}/health answered {reply.status}", URL_HINT, ok=False)
    else:
        yield _check("health", f"answered {reply.status}")
        yield _clock(reply.headers.get("date", ""))


def _clock(date: str) -> dict[str, Any]:
    from email.utils import parsedate_to_datetime

    try:
        skew_s = time.time() - parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError):
        return _check("clock", "the control plane does not say its time")
    if abs(skew_s) <= _MAX_SKEW_S:
        return _check("clock", "the same, to a minute")
    side = "ahead" if skew_s > 0 else "behind"
    return _check("clock", f"this machine is {abs(skew_s):.0f} s {side}", "set its clock", ok=False)


def _status(api: Api) -> Iterator[dict[str, Any]]:
    document, _ = api.call("GET", "/status", is_public=True)
    parts = document.items() if isinstance(document, dict) else ()
    if failing := [str(name) for name, state in parts if name.endswith("_connection") and state != "OK"]:
        hint = "see the log of the control plane"
        yield _check("status", f"not well: {', '.join(failing)}", hint, ok=False)
        return
    yield _check("status", "well")
    reply = api.send("GET", "/openapi.json")
    yield _check("version", f"control plane {_version(reply.body)}, this program {qualytics.__version__}")


def _token(api: Api) -> Iterator[dict[str, Any]]:
    user, _ = api.call("GET", "/users/me")
    user = user if isinstance(user, dict) else {}
    yield _check("token", f"of {user.get('name')}, with the role {user.get('role')}")
    expires = expiry_of(api.control_plane.token.reveal()) if api.control_plane.token else None
    if expires is None:
        yield _check("expiry", "the token does not say when it ends")
    else:
        hint = "qualytics auth login gets a new one" if expires.warning else None
        yield _check("expiry", expires.warning or expires.text, hint, ok=expires.days_left > 0)


def _version(body: bytes) -> str:
    try:
        version = json.loads(body)["info"]["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "of an unknown version"
    return str(version)[:100]


def _check(name: str, found: str, hint: str | None = None, *, ok: bool = True) -> dict[str, Any]:
    return {"name": name, "ok": ok, "found": found, "hint": hint}
