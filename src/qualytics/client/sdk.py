"""The way in from Python: a client of a control plane, of a store, or of what the commands would use."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from qualytics import client
from qualytics.client import config
from qualytics.errors import UsageError
from qualytics.settings import has_home, load
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qualytics.client.asynchronous import AsyncClient
    from qualytics.client.config import ControlPlane
    from qualytics.client.contract import Client
    from qualytics.settings import Settings
    from qualytics.types import Verdict

_STORE = ("QUALYTICS_STORE", "QUALYTICS_STORE_PASSWORD", "QUALYTICS_STORE_PASSWORD_FILE")


def connect(
    url: str | None = None,
    token: str | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    timeout: float | None = None,
) -> Client:
    """Return a client: of the control plane at `url`, of the embedded store in `home`, else of what the commands use.

    Close it, or use it in a `with` statement. Nothing is opened or sent before the first verb. Without a `token` the
    one is used that variables or config.yaml hold for that URL. `timeout` is in seconds: how long a control plane may
    take to answer (30 by default), or others may write to the store (30); a test has a time limit of its own.

    Raises:
        UsageError: an argument is wrong, or, where it counts, a variable or config.yaml.

    """
    return client.of(*_place(url, token, home, timeout))


def given_or_own(given: Client | None) -> contextlib.AbstractContextManager[Client]:
    """Return a context with the client that was given, which stays open, or with one of what the commands use."""
    return contextlib.nullcontext(given) if given is not None else connect()


def aconnect(
    url: str | None = None,
    token: str | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    timeout: float | None = None,
) -> AsyncClient:
    """Return the asynchronous twin of what `connect` gives; use it in an `async with` statement.

    Raises:
        UsageError: as `connect` does.

    """
    from qualytics.client.asynchronous import AsyncClient

    return AsyncClient(*_place(url, token, home, timeout))


def _place(
    url: str | None, token: str | None, home: str | os.PathLike[str] | None, timeout: float | None
) -> tuple[Settings, ControlPlane | None]:
    if url is not None and home is not None:
        raise UsageError(
            "url and home are both given", "give url for a control plane, home for a store on this machine"
        )
    if token is not None and url is None:
        raise UsageError("token is given, and url is not", "give url as well, or neither")
    for name, value in (("url", url), ("token", token), ("home", home)):
        if value is not None and not os.fspath(value):
            raise UsageError(f"{name} is empty", f"give another value, or leave {name} out")
    if timeout is not None and not 0 < timeout <= config.MAX_TIMEOUT_S:
        raise UsageError(f"timeout must be more than 0 and at most {config.MAX_TIMEOUT_S:,}", "it is in seconds")
    settings = load() if home is None else _settings_of(home)
    if url is None:
        control_plane = config.find(settings.home) if home is None else None
    else:
        control_plane = _control_plane(url, token, settings.home)
    if timeout is not None:
        settings = replace(settings, busy_s=float(timeout))
        if control_plane is not None:
            endpoint = replace(control_plane.endpoint, timeout_s=float(timeout))
            control_plane = replace(control_plane, endpoint=endpoint)
    return settings, control_plane


def explain(message: str, type_name: str | None = None) -> Verdict:
    """Return what an error message of any tool, or a code alone, means; asks no server.

    Raises:
        InvalidInput: there is no such type, or the message does not tell it and none was named.

    """
    return client.explain(type_name, message)


def _settings_of(home: str | os.PathLike[str]) -> Settings:
    # A store on a database server is what variables name, not this directory.
    env = {name: value for name, value in os.environ.items() if name not in _STORE}
    return load(env | {"QUALYTICS_CONFIG_HOME": os.path.expanduser(home)})


def _control_plane(url: str, token: str | None, home: Path) -> ControlPlane:
    wanted = config.parse_url(url, "url")[0]
    entry = next((entry for entry in _entries(home) if _is_at(entry, wanted)), {})
    token = token or entry.get("token")
    if not token:
        raise UsageError(f"there is no token for {wanted}", "give token, or qualytics auth login keeps one")
    names = {key: f"{key} of {wanted}" for key in config.KEYS} | {"url": "url", "token": "token"}
    return config.make({**entry, "url": url, "token": token}, "connect()", os.environ, names=names)


def _entries(home: Path) -> Iterator[dict[str, Any]]:
    with contextlib.suppress(UsageError):  # one alone says nothing of this URL
        if pair := config.variables(os.environ):
            yield dict(zip(("url", "token"), pair, strict=True))
    if has_home(home):
        yield from config.contexts_of(config.read(home)).values()


def _is_at(entry: dict[str, Any], url: str) -> bool:
    with contextlib.suppress(UsageError):
        return config.parse_url(str(entry.get("url")), "url")[0] == url
    return False
