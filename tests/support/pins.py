"""Whom a driver dials when it is given a name that exists nowhere: proof of what keeps it to one address."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import tempfile

# No resolver answers for it (RFC 6761, section 6.4).
NOWHERE = "db.invalid"

# Opens a connection as the child of a test does. With `answers`, Python's own look-ups know the name; nobody else does.
_PROGRAM = """
import json, socket, sys
from qualytics.connectors import get
from qualytics.connectors.contract import Target
from qualytics.probe.child.tls import make_tls
from qualytics.secret import Secret
plan = json.load(sys.stdin)
answers, mode, directory = plan.pop("answers"), plan.pop("mode"), plan["directory"]
look_up = socket.getaddrinfo
def only(host, *rest, **named):
    if host not in {plan["host"], "127.0.0.1"}:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")
    return look_up("127.0.0.1", *rest, **named)
if answers:
    socket.getaddrinfo = only
tls = make_tls(mode, {}, directory)
tls.active = mode != "disable"
get(plan["type"]).open(Target(timeout_s=5, username="ann", password=Secret("secret"), tls=tls, **plan))
"""


def dials(type_: str, *, by: str | None, mode: str = "disable", **parameters: object) -> bool:
    """Say whether a driver that is given a name of nowhere still dials 127.0.0.1.

    `by` is how its type is pinned: "address", the target's; "resolver", what Python's look-ups answer;
    with None nobody knows the name, and none can.
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        tempfile.TemporaryDirectory() as directory,
        subprocess.Popen(
            [sys.executable, "-B", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=directory,
            start_new_session=True,
        ) as child,
    ):
        place = {"host": NOWHERE, "port": listener.getsockname()[1], "address": "127.0.0.1" if by == "address" else ""}
        plan = {"type": type_, "parameters": parameters, "directory": directory, "mode": mode, **place}
        try:
            child.stdin.write(json.dumps({**plan, "answers": by == "resolver"}).encode())
            child.stdin.close()
            # The pipe is readable at its end: when the child gave up.
            return listener in select.select([listener, child.stdout], [], [], 60)[0]
        finally:
            child.kill()
