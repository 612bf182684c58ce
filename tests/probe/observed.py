"""Runs commands, or the child of a test, in an interpreter that writes down every file, socket and process it asks for.

`commands` takes a JSON list of command lines from the standard input and writes a list of
{code, out, err, events} in their order; `child` is the child itself and takes its plan as ever. Events are Python's own
audit events, so they tell of what is asked through Python, whichever library asks.
"""

from __future__ import annotations

import io
import json
import os
import resource
import site
import sys
import sysconfig
from pathlib import Path

SOURCE = str(Path(__file__).parents[2] / "src")
OWN = tuple({os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, *site.getsitepackages(), SOURCE)})
OWN += tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
# Where the command looks for the control plane to use, if any.
OWN += tuple(filter(None, [os.environ.get("QUALYTICS_CONFIG_HOME")]))
WATCHED = ("socket.", "subprocess.", "os.fork", "os.exec", "os.spawn", "os.posix_spawn", "os.system", "ctypes.dlopen")
WATCHED += ("sqlite3.connect", "webbrowser.", "urllib.", "http.client.", "ftplib.", "smtplib.", "pty.")


def watch(tell):
    """Tell each event that counts; an audit hook stays until the interpreter ends."""

    def hear(event, args):
        if event == "open":
            path = args[0]
            if isinstance(path, (str, bytes)) and not os.fsdecode(path).startswith(OWN):
                tell([event, os.fsdecode(path)])
        elif event.startswith(WATCHED):
            # Without the object that was asked, which is another each time.
            tell(
                [event, repr(args[1:] if event.startswith("socket.") and event != "socket.getaddrinfo" else args)[:200]]
            )

    sys.addaudithook(hear)


def commands():
    from qualytics.cli import main

    cases, stdout, events, found = json.load(sys.stdin), sys.stdout, [], []
    watch(events.append)
    for words in cases:
        sys.stdin, sys.stdout, sys.stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(3))
        events.clear()
        code = main(words)
        seen = list(events)
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = (stream.buffer.getvalue().decode() for stream in (sys.stdout, sys.stderr))
        found.append({"code": code, "out": out, "err": err, "events": seen})
    # Of whatever was started and waited for, past every hook.
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    json.dump({"results": found, "children": children, "modules": sorted(sys.modules)}, stdout)


def child(log):
    from qualytics.probe.child.main import main

    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    # Into a file at once: the worker is forked, and ends without a word.
    watch(lambda event: os.write(out, json.dumps(event).encode() + b"\n"))
    main()


if __name__ == "__main__":
    if sys.argv[1] == "child":
        child(sys.argv[2])
    else:
        commands()
