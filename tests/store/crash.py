"""Scenarios that kill processes with SIGKILL at varying moments; run as a script, each in a process of its own.

A child is forked from this process, which has everything imported and nothing open, so that a kill
costs milliseconds. A scenario fails with an assertion; on success it says how many kills there were.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from qualytics.client.local import LocalClient
from qualytics.connectors.types import postgresql
from qualytics.errors import NotFound
from qualytics.settings import Settings, load
from qualytics.store import open_store
from qualytics.store.postgres import opening
from qualytics.store.sealing.keys import Keys
from qualytics.store.sealing.rotation import rotate
from qualytics.store.sqlite.upkeep import check, restore
from qualytics.store.tables import accounts, connections, datastores
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable

# Imported here once instead of in every child, for whom it was nine tenths of the work.
assert all((AESGCM, postgresql, opening, accounts, connections, datastores))


def start(body: Callable[[int], None]) -> tuple[int, int]:
    """Fork a child that runs `body(pipe)`; return its id and the reading end of the pipe."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    code = 1
    try:
        os.close(reading)
        body(writing)
        code = 0
    finally:
        os._exit(code)


def kill(child: int) -> bool:
    """Kill a child, if it has not ended well before; say whether the kill met it alive."""
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def write_for_ever(settings: Settings, prefix: str, pipe: int) -> None:
    """Create, update and delete connections; tell the pipe before (`?`) and after (`!`) each change."""

    def say(*words: object) -> None:
        os.write(pipe, (" ".join(map(str, words)) + "\n").encode())

    with LocalClient(settings) as client:
        for number in itertools.count():
            name = f"{prefix}-{number}"
            fields = {"type": "postgresql", "name": name, "host": "v0", "username": "u", "password": "v0"}
            say("?", name, "v0")
            found = client.connections.create(fields)["id"]
            say("!", name, "v0")
            for version in ("v1", "v2"):
                say("?", name, version)
                client.connections.update(found, {"host": version, "password": version})
                say("!", name, version)
            if number % 3 == 2:
                say("?", name, "gone")
                client.connections.delete(found)
                say("!", name, "gone")


def take_lines(reading: int, count: int) -> str:
    """Return what the pipe gives until it has `count` acknowledgements."""
    text = ""
    while text.count("!") < count and (part := os.read(reading, 65_536)):
        text += part.decode()
    return text


def writes(kills: int) -> int:
    """Kill writers; afterwards each name is at its last acknowledged state, or at one that was begun later."""
    settings, allowed = load(), dict[str, list[str]]()
    for number in range(kills):
        child, reading = start(lambda pipe, prefix=f"k{number}": write_for_ever(settings, prefix, pipe))
        text = take_lines(reading, random.randrange(7))
        time.sleep(random.uniform(0, 0.006))
        assert kill(child)
        with open(reading) as rest:
            lines = (text + rest.read()).splitlines()
        for mark, name, state in (line.split() for line in lines if line.count(" ") == 2):
            allowed[name] = [state] if mark == "!" else [*allowed.get(name, ["gone"]), state]
    assert len(allowed) > kills, "too few changes were made to prove anything"
    assert_states(settings, allowed)
    return kills


def assert_states(settings: Settings, allowed: dict[str, list[str]]) -> None:
    with LocalClient(settings) as client, open_store(settings) as store:
        for name, states in allowed.items():
            try:
                found = client.connections.find(name)
            except NotFound:
                assert "gone" in states, (name, states)
                continue
            host = client.connections.get(found)["host"]
            assert host in states, (name, states, host)
            assert store.connections.secrets(found)["password"].reveal() == host


class Moment:
    """A random moment within the length of a work that nobody knows: it learns from the kills that came too late."""

    def __init__(self) -> None:
        self.kills = 0
        self._longest_s = 0.05

    def strike(self, work: Callable[[], object]) -> bool:
        """Kill a child at some moment of its work; say whether that met it alive."""
        child, reading = start(lambda _pipe: work() and None)
        time.sleep(random.uniform(0, self._longest_s))
        alive = kill(child)
        os.close(reading)
        self.kills += alive
        self._longest_s *= 1.1 if alive else 0.9
        return alive


def rotations(kills: int) -> int:
    """Kill rotations; after each the store opens, and rotating again finishes."""
    settings, moment, seen = load(), Moment(), set[str]()
    while moment.kills < kills:
        moment.strike(lambda current=settings: rotate(current))
        found = check(settings)
        seen.add(found["key_id"])
        assert [text for text in found["problems"] if "interrupted" not in text] == []
        new = Keys(settings).new()
        if new and found["key_id"] == new.id:  # killed or not, it was done: the way back is the next rotation
            assert rotate(settings)["new_key"] == new.id
            settings = replace(settings, key=settings.new_key, new_key=settings.key)
    assert rotate(settings)["secrets"] == check(settings)["secrets"]
    if not Keys(settings).from_environment:  # no key that was ever in use is lost: backups may need it
        assert seen <= {one.key.id for one in Keys(settings).old()} | {key.id for key in Keys(settings).load()}
    assert check(settings)["problems"] == []
    return moment.kills


def restores(kills: int, backups: list[str]) -> int:
    """Kill restores over a store whose log a killed writer left behind; it is the old or the new one, whole."""
    settings, moment, ended = load(), Moment(), {"old": 0, "new": 0}
    while moment.kills < kills:
        label = "ab"[moment.kills % 2]
        mark = f"mark-{sum(ended.values())}"
        writer, reading = start(lambda pipe, name=mark: mark_and_wait(settings, name, pipe))
        assert os.read(reading, 1) == b"!"
        assert kill(writer)
        os.close(reading)
        source = Path(backups["ab".index(label)])
        moment.strike(lambda source=source: restore(settings, source))
        assert check(settings)["problems"] == []
        with LocalClient(settings) as client:
            names = {one["name"] for one in client.connections.list()}
        is_new = names == {f"{label}{i}" for i in range(20)}
        assert is_new or mark in names, names
        ended["new" if is_new else "old"] += 1
    assert all(ended.values()), ended
    return moment.kills


def mark_and_wait(settings: Settings, name: str, pipe: int) -> None:
    """Make an acknowledged change that stands in the log alone, and wait for the kill."""
    with LocalClient(settings) as client:
        client.connections.create({"type": "postgresql", "name": name, "host": "h", "username": "u", "password": "p"})
        os.write(pipe, b"!")
        signal.pause()


if __name__ == "__main__":
    seed = random.randrange(2**32)
    random.seed(seed)
    scenario, times, *rest = sys.argv[1:]
    try:
        done = {"writes": writes, "rotations": rotations, "restores": lambda n: restores(n, rest)}[scenario](int(times))
    except AssertionError as exc:
        exc.add_note(f"seed {seed}")
        raise
    sys.stdout.write(f"{done}\n")
