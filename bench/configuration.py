"""Rows of the table on many connections as code: plan and apply, their memory, an import, and a list by tag."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.clock import medians_ms, peak_mib, processor_seconds, python, qualytics
from bench.rows import Bench, Figure
from qualytics.client.local import LocalClient
from qualytics.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_FEW, _MANY = 1_000, 10_000
_TYPES = ("postgresql", "mariadb", "redshift", "sqlserver")
_TAG = "nightly"
_PARSE = """
import pathlib, yaml
for path in pathlib.Path({!r}).iterdir():
    yaml.load(path.read_text(), yaml.CSafeLoader)
"""


def _fill(home: Path, count: int) -> None:
    """Store so many connections, each with a secret, a parameter, an owner and a tag."""
    connections = [
        {
            "type": _TYPES[number % len(_TYPES)],
            "name": f"Database {number}",
            "host": f"db{number}.example.com",
            "username": "reader",
            "password": _password(number),
            "parameters": {"ssl_mode": "verify"},
            "tags": [_TAG],
            "owner": f"team {number % 20}",
        }
        for number in range(count)
    ]
    with LocalClient(Settings(home=home)) as client:
        client.imports.create(connections)


def _password(number: int) -> str:
    return f"correct horse {number}"


def _exported(bench: Bench, count: int) -> tuple[Path, tuple[str, ...]]:
    """Return the store of so many connections, and the words that name its files and their secrets."""
    home = bench.home(f"code-{count}")
    folder, secrets = home / "config", home / "secrets.env"
    _fill(home, count)
    qualytics(home, "config", "export", "--output", str(folder)).run()
    secrets.write_text("".join(f"DATABASE_{number}_PASSWORD={_password(number)}\n" for number in range(count)))
    return home, (str(folder), "--env-file", str(secrets))


def as_code(bench: Bench) -> Iterator[Figure]:
    """Take the processor time of plan and apply of ten thousand files, and their peak memory beside a thousand's."""
    few, few_words = _exported(bench, _FEW)
    many, words = _exported(bench, _MANY)
    floor = processor_seconds(python(_PARSE.format(str(many / "config" / "connections"))))
    floor_is = "yaml.CSafeLoader of the files"
    calls = {
        "config plan, nothing changed": (qualytics(many, "config", "plan", *words), 10.0),
        "config plan, all new": (qualytics(bench.home("planned"), "config", "plan", *words), 10.0),
        "config apply, all new": (qualytics(bench.home("applied"), "config", "apply", *words, "--yes"), 10.0),
    }
    for name, (command, limit) in calls.items():
        yield Figure(f"{name}, {_MANY:,}", processor_seconds(command), "s", floor, floor_is, limit)
    for name, places in {"nothing changed": (few, many), "all new": (bench.home("few"), bench.home("many"))}.items():
        less, more = (
            peak_mib(qualytics(home, "config", "plan", *given))
            for home, given in zip(places, (few_words, words), strict=True)
        )
        yield Figure(f"peak memory, config plan, {name}, {_MANY:,}", more, "MiB", less, f"of {_FEW:,}", limit_ratio=1.2)


def imported(bench: Bench) -> Iterator[Figure]:
    """Take the processor time of an import of ten thousand entries of Airflow's export."""
    folder = bench.home("airflow")
    folder.mkdir(parents=True)
    login = {"conn_type": "postgres", "login": "reader"}
    entries = {
        f"db{number}": {**login, "host": f"db{number}.example.com", "password": _password(number)}
        for number in range(_MANY)
    }
    file = folder / "connections.json"
    file.write_text(json.dumps(entries))
    taken = processor_seconds(qualytics(bench.home("imported"), "connections", "import", "--from", str(file), "--yes"))
    floor = processor_seconds(python(f"import json; json.dumps(json.load(open({str(file)!r})), indent=2)"))
    yield Figure(f"connections import of {_MANY:,}", taken, "s", floor, "json, read and written", 5)


def by_tag(bench: Bench) -> Iterator[Figure]:
    """Time a list of ten thousand connections by a tag that all of them have, beside a list without."""
    home = bench.home("tagged")
    _fill(home, _MANY)
    words = ("connections", "list", "--format", "json")
    taken = medians_ms({"all": qualytics(home, *words), "tag": qualytics(home, *words, "--tag", _TAG)}, 5)
    yield Figure(f"list of {_MANY:,} by tag", taken["tag"], "ms", taken["all"], "without", limit_ratio=1.2)


ROWS: dict[str, Callable[[Bench], Iterator[Figure]]] = {"config": as_code, "import": imported, "tag": by_tag}
