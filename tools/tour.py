"""Writes `docs/tour.md`: a user's first ten minutes, recorded by running them on a real PostgreSQL.

`record` runs the same commands on a store of one's own and on a control plane. What differs from run to run (times,
ports, versions, keys) is written as one and the same, so that a test can compare.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from testbed import servers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGE = Path(__file__).parent.parent / "docs" / "tour.md"
PROGRAM = Path(sys.executable).with_name("qualytics")
PORT = 54_321  # as the page has it
_HEAD = """# The first ten minutes

<!-- Written by `python -m tools.tour`; edit that instead. -->

What each command prints, stdout and stderr as a terminal shows them one after the other. Recorded by running the
commands on a real PostgreSQL; times, ports, versions and keys are the same in every recording. To an Admin of
a control plane, after `qualytics auth login`, the same commands print the same, up to the last chapter.

## Install

In a clone, with Python 3.11 or newer:

```console
$ python3 -m venv .venv
$ .venv/bin/pip install '.[postgresql]'
$ export PATH="$PWD/.venv/bin:$PATH"
```
"""


_CREATE = """qualytics connections create --type postgresql --name prod --host 127.0.0.1 --port $PORT \\
    --username app --password '${DB_PASSWORD}' --parameters '{"ssl_mode": "disable"}'"""


class Chapter(NamedTuple):
    """A heading, a sentence, and commands, each with the exit code that it ends with."""

    title: str
    text: str
    commands: tuple[tuple[str, int], ...]


SHARED = (
    Chapter(
        "Keep a connection",
        "The password is in the variable `DB_PASSWORD`; the single quotes leave it to qualytics to read it.",
        (
            (
                _CREATE,
                0,
            ),
            ("qualytics connections list --format table", 0),
            ("qualytics connections list --format csv --columns id,name,host,username", 0),
        ),
    ),
    Chapter(
        "Test it",
        "A failed test says at which stage, why, and what to do; its exit code is 6.",
        (
            ("qualytics connections test prod", 0),
            ("qualytics connections test prod --password not-the-one", 6),
            ("qualytics connections test prod --database nodb", 6),
            ("qualytics connections test prod --port 1", 6),
            ("qualytics connections tset prod", 2),
        ),
    ),
    Chapter(
        "Look around",
        "What the connection can see.",
        (
            ("qualytics connections catalogs prod --format table", 0),
            ("qualytics connections schemas prod --catalog shop", 0),
            ("qualytics connections tables prod --catalog shop --schema public", 0),
        ),
    ),
    Chapter(
        "Make a datastore",
        "A connection that a datastore uses cannot be deleted.",
        (
            ("qualytics datastores create --name orders --connection-name prod --database shop --schema public", 0),
            ("qualytics datastores verify orders", 0),
            ("qualytics connections delete prod", 5),
            ("qualytics datastores delete orders", 0),
            ("qualytics connections delete prod", 0),
        ),
    ),
)
OWN = (
    Chapter(
        "Look after the store",
        "On a store of one's own; that of a control plane is looked after on its host.",
        (
            ("qualytics store check", 0),
            ("qualytics keys rotate", 0),
            ("qualytics keys forget --dry-run", 0),
        ),
    ),
)
_SAME = (
    (r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "2026-01-31T09:00:00Z"),
    (r"\bms: [\d.]+", "ms: 1.0"),
    (r"(duration_ms|size_bytes): [\d.]+", r"\1: 1"),
    (r"((?:product|driver)_version): (?!null).*", r"\1: '1.0'"),
    (r"(local_address: 127\.0\.0\.1:)\d+", r"\g<1>40000"),
    # One without letters, or that looks like a number with an exponent, stands in quotes.
    (r"'[0-9a-f]{8,}'|\b[0-9a-f]{8,}\b", "0123456789abcdef"),
)


def record(server: servers.Server, folder: Path, variables: Mapping[str, str], chapters: Sequence[Chapter]) -> str:
    """Run the commands of chapters and return them with what they print, as the page has it.

    Raises:
        RuntimeError: a command ended with another exit code.

    """
    return "".join(_chapter(server, folder, variables, chapter) for chapter in chapters)


def _chapter(server: servers.Server, folder: Path, variables: Mapping[str, str], chapter: Chapter) -> str:
    title, text, commands = chapter
    blocks = "\n".join(_block(server, folder, variables, *command) for command in commands)
    return f"\n## {title}\n\n{text}\n\n```console\n{blocks}```\n"


def _block(server: servers.Server, folder: Path, variables: Mapping[str, str], command: str, ends: int) -> str:
    done = subprocess.run(
        [str(PROGRAM), *shlex.split(command.replace("\\\n", "").replace("$PORT", str(server.port)))[1:]],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "DB_PASSWORD": server.password, **variables},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != ends:
        raise RuntimeError(f"exit {done.returncode} where {ends} is right: {command}\n{done.stdout}")
    code = f"(exit {ends})\n" if ends else ""
    return f"$ {command.replace('$PORT', str(PORT))}\n{_same(done.stdout, server, folder)}{code}"


def _same(text: str, server: servers.Server, folder: Path) -> str:
    text = text.replace(str(folder), "/home/ada")
    text = re.sub(rf"\b{server.port}\b", str(PORT), text)
    for pattern, replacement in _SAME:
        text = re.sub(pattern, replacement, text)
    return text


def prepare(server: servers.Server) -> None:
    """Make the user and the database of the tour."""
    with closing(servers.postgres_admin(server)) as admin:
        admin.execute(f"create role app login password '{server.password}'")
        admin.execute("create database shop owner app")
    with closing(servers.postgres_admin(server, "shop")) as admin:
        admin.execute("create table public.orders (id integer primary key, amount numeric)")
        admin.execute("grant select on public.orders to app")


def page(server: servers.Server, folder: Path) -> str:
    """Return the page, recorded on a store of its own in an empty folder."""
    return _HEAD + record(server, folder, {}, SHARED + OWN)


def main() -> int:
    with servers.postgres() as server, tempfile.TemporaryDirectory() as folder:
        prepare(server)
        PAGE.write_text(page(server, Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
