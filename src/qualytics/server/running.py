"""Running the workers: the store is made ready first, then HTTP is answered until a signal ends it."""

from __future__ import annotations

import functools
import os
import tempfile
from typing import TYPE_CHECKING, Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.net import SocketHolder  # type: ignore[attr-defined]  # imported there, though not for export

from qualytics.probe._platform import die_with, harden, raise_descriptor_limit
from qualytics.server import listening
from qualytics.server.config import SHARED
from qualytics.settings import pages_url
from qualytics.store import open_pool

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from qualytics.server.config import Config

# How long a worker may take to end what it began, once it is asked to stop.
_STOP_S = 30
# Between these lies how many connections a worker holds: half of what it may open.
_MIN_BACKLOG, _MAX_BACKLOG = 256, 16_384
_LOGS: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "qualytics.server.logs.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "json"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "INFO", "propagate": False}
        for name in ("_granian", "granian.access", "qualytics.server")
    },
}


def serve(config: Config, say: Callable[[str], None]) -> None:
    """Serve until a signal ends it; requests that are being answered are finished.

    Raises:
        StoreError, KeyProblem: the store cannot be opened; nothing is served then.
        AddressTaken, UsageError: the address cannot be listened on.

    """
    harden()  # a test's child is of the same user: it is not to look into who holds the key
    with listening.take(*config.address) as listener:
        _serve(config, say, listener)


def _serve(config: Config, say: Callable[[str], None], listener: socket.socket) -> None:
    pool = open_pool(config.settings)
    try:
        with pool.lease() as store:  # made, migrated and proved before anybody can ask for it
            store.key()
    finally:
        pool.close()
    most = raise_descriptor_limit()
    say(f"serving http://{config.listen}{config.path} with {config.workers} worker{'s' * (config.workers > 1)}")
    if config.has_pages:
        say(f"pages for browsers: {pages_url(config.environ)}")
    host, port = config.address
    server = _Server(
        "qualytics.server.app",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=config.workers,
        # Connections of one worker, silent ones too; the default of 1,024 would let one client keep all others out.
        backpressure=max(_MIN_BACKLOG, min(_MAX_BACKLOG, most // 2)),
        websockets=False,
        # To guess the version it would wait for the first bytes as long as they like to take.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=round(config.idle_s * 1_000)),
        log_dictconfig=_LOGS,
        respawn_failed_workers=True,
        workers_kill_timeout=_STOP_S,
        reload_paths=[config.settings.home],  # nothing is reloaded; by default it asks for the working directory
    )
    server.listener = listener
    with tempfile.TemporaryDirectory(prefix="qualytics-metrics-") as shared:
        os.environ[SHARED] = shared
        server.serve(target_loader=functools.partial(_application, os.getpid()), wrap_loader=False)


class _Server(Granian):  # type: ignore[misc,valid-type]  # which of two it is depends on the interpreter
    """Has its workers listen on our socket; each with one of its own could share the address with anybody's."""

    listener: socket.socket

    def _init_shared_socket(self) -> None:
        listening.listen(self.listener, self.backlog)
        self.listener.set_inheritable(True)
        self._ssp, self._sso, self._sfd = None, self.listener, self.listener.fileno()
        self._shd = SocketHolder(*(self._sfd, False, self.backlog))  # type: ignore[call-arg]  # False: no Unix socket


def _application(parent: int) -> Any:
    die_with(parent)
    # Only a worker imports it: the library of metrics looks at SHARED when it is imported. By a name, granian would
    # look for it in the working directory first.
    from qualytics.server.app import from_environment

    return from_environment()
