"""The socket that a control plane listens on: one program has it alone, and all of its workers share it."""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import pwd
import socket

from qualytics.errors import AddressTaken, QualyticsError, UsageError
from qualytics.settings import API_LEVEL_HEADER

_LISTENS = "0A"  # <net/tcp_states.h>: TCP_LISTEN
_ANSWER_S = 1.0
# Where a program may listen that has a port of all addresses, or of one of them.
_LOOPBACK = {"0.0.0.0": ("127.0.0.1",), "::": ("127.0.0.1", "::1")}  # noqa: S104 - asked about, not listened on


def take(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address; nobody else can listen there, this user's other programs neither.

    Raises:
        AddressTaken: somebody listens there already.
        UsageError: it is no address of this machine.

    """
    listener = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        listener = socket.socket(family, kind, protocol)
        # What a server before us has left behind in TIME_WAIT is no reason to wait, too. Never SO_REUSEPORT: with it
        # two programs share an address in silence.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, UnicodeError) as exc:
        if listener is not None:
            listener.close()
        raise _refusal(exc, host, port) from exc
    return listener


def listen(listener: socket.socket, backlog: int) -> None:
    """Listen on a socket that was taken.

    Raises:
        AddressTaken: another program took the address at the same moment, and was faster.

    """
    try:
        listener.listen(backlog)
    except OSError as exc:
        raise _refusal(exc, *listener.getsockname()[:2]) from exc


def _refusal(exc: Exception, host: str, port: int) -> QualyticsError:
    where = f"cannot listen on {f'[{host}]' if ':' in host else host}:{port}"
    hint = "choose another with --listen"
    if getattr(exc, "errno", None) == errno.EADDRINUSE:
        return AddressTaken(f"{where}: {_holder(host, port)} there", hint)
    return UsageError(f"{where}: {getattr(exc, 'strerror', None) or exc}", hint)


def _holder(host: str, port: int) -> str:
    """Return who has a port, as far as the system tells, or what answers there."""
    process, user = _listener(port)
    if process is None and any(_is_control_plane(one, port) for one in _LOOPBACK.get(host, (host,))):
        return "a qualytics control plane answers"
    return f"{process or (f'a program of user {user}' if user else 'another program')} listens"


def _is_control_plane(host: str, port: int) -> bool:
    with contextlib.closing(http.client.HTTPConnection(host, port, timeout=_ANSWER_S)) as caller:
        try:
            caller.request("GET", "/")
            return API_LEVEL_HEADER in caller.getresponse().headers
        except (OSError, http.client.HTTPException):  # silent, or of another protocol
            return False


def _listener(port: int) -> tuple[str | None, str | None]:
    """Return the process that listens on a port, and its user, each None where the system does not tell."""
    inodes = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as lines:
                entries = [line.split() for line in lines][1:]
        except OSError:  # not Linux, or without IPv6
            continue
        for entry in entries:
            if entry[3] == _LISTENS and int(entry[1].rpartition(":")[2], 16) == port:
                inodes[f"socket:[{entry[9]}]"] = int(entry[7])
    for pid in sorted(int(name) for name in (os.listdir("/proc") if inodes else ()) if name.isdecimal()):
        if not inodes.keys().isdisjoint(_files(pid)):
            return f"{_name(pid)} (process {pid})", None
    users = {_user(uid) for uid in inodes.values()}
    return None, users.pop() if len(users) == 1 else None


def _files(pid: int) -> list[str]:
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:  # it has ended, or hides what it does, as a control plane of ours
        return []
    files = []
    for name in names:
        with contextlib.suppress(OSError):  # closed meanwhile
            files.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return files


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as name:
            return name.read().strip()
    except OSError:
        return "a program"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
