"""Reaching a host: every address that its name has, the next one dialled while the one before is silent."""

from __future__ import annotations

import errno
import os
import select
import socket
from typing import Any

from qualytics.settings import DIAL_STAGGER_S

_NO_WAY = frozenset({errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EINVAL})


def dial(addresses: list[Any]) -> tuple[socket.socket, str]:
    """Connect to the first of many addresses that answers; the next is dialled after a short pause.

    Returns the socket and its IP address. When all fail, raises the error of the address that got
    furthest: a refusal says more than silence, which the deadline ends.
    """
    waiting: dict[socket.socket, str] = {}
    poll = select.poll()  # a program that opens a session may hold more files than `select` can name
    errors: list[OSError] = []
    todo = list(dict.fromkeys((family, address) for family, _, _, _, address in addresses))
    try:
        while todo or waiting:
            if todo:
                _start(todo.pop(0), waiting, errors)
            if not waiting:
                continue
            by_number = {sock.fileno(): sock for sock in waiting}
            for number in by_number:
                poll.register(number, select.POLLOUT)
            for number, _ in poll.poll(DIAL_STAGGER_S * 1_000 if todo else None):
                poll.unregister(number)
                sock = by_number[number]
                address = waiting.pop(sock)
                failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not failed:
                    sock.setblocking(True)  # noqa: FBT003 - the standard library's own signature
                    return sock, address
                sock.close()
                errors.append(OSError(failed, os.strerror(failed)))
        raise min(errors, key=_nearness)
    finally:
        for sock in waiting:
            sock.close()


def _nearness(exc: OSError) -> int:
    # A server that refuses was reached; an address that this machine has no way to was not even asked.
    return 0 if isinstance(exc, ConnectionRefusedError) else 2 if exc.errno in _NO_WAY else 1


def _start(endpoint: tuple[Any, Any], waiting: dict[socket.socket, str], errors: list[OSError]) -> None:
    family, address = endpoint
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as exc:  # a kernel without IPv6
        errors.append(exc)
        return
    sock.setblocking(False)  # noqa: FBT003
    code = sock.connect_ex(address)
    if code in {0, errno.EINPROGRESS}:
        waiting[sock] = address[0]
    else:
        sock.close()
        errors.append(OSError(code, os.strerror(code)))
