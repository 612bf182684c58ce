"""`python -m tools.verify [TYPE …]`: start the counterpart of each type and run a real test and a listing on it.

Types without a counterpart meet a dead port with their real driver. With `--write`, what was found goes into
tools/verified.json, from which docs/connectors.md takes its versions.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.hosts import dropping, silent
from qualytics import connectors
from testbed.counterparts import COUNTERPARTS, Case, Place
from testbed.debian import Absent
from testbed.reach import reaching

if TYPE_CHECKING:
    from collections.abc import Sequence

VERIFIED = Path(__file__).parent / "verified.json"
_TIMEOUT_S = 60.0
_DEAD_S = 4.0  # the largest driver takes two of them to load


class Wrong(RuntimeError):
    """A counterpart did not end as it must."""


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _arguments(argv)
    names = [connectors.get(name).type for name in arguments.types] or list(connectors.type_names())
    found, failed = {}, []
    with tempfile.TemporaryDirectory(prefix="qualytics-verify-") as folder:
        place = _place(Path(folder))
        for name in names:
            try:
                found[name] = verify(name, place)
            except Exception as exc:
                failed.append(name)
                print(f"{name}: FAILED: {exc}", file=sys.stderr)
            else:
                print(f"{name}: {summary(found[name])}", flush=True)
    if arguments.write:
        write(found)
    return bool(failed)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.verify", description=__doc__)
    parser.add_argument("types", nargs="*", metavar="TYPE", help="some types; all by default")
    parser.add_argument("--write", action="store_true", help=f"keep what was found in {VERIFIED.name}")
    return parser.parse_args(argv)


def _place(folder: Path) -> Place:
    for name in [name for name in os.environ if name.startswith("QUALYTICS_")]:
        del os.environ[name]
    os.environ["QUALYTICS_CONFIG_HOME"] = str(folder / ".qualytics")
    return Place.within(folder)


def verify(kind: str, place: Place) -> dict[str, Any]:
    """Return what a test of the type found, on each of its counterparts or against a dead port."""
    connector = connectors.get(kind)
    connector.require_driver()
    entry: dict[str, Any] = {"driver": connector.distribution or connector.driver, "runs": []}
    entry["driver_version"] = connector.driver_version()
    for counterpart in COUNTERPARTS.get(kind, ()):
        try:
            with counterpart(place, kind) as case:
                entry["runs"].append(_run(case))
        except Absent as exc:
            print(f"{kind}: {exc}", file=sys.stderr)
    if not entry["runs"]:
        entry["met"] = _meet_dead_port(kind)
    return entry


def _run(case: Case) -> dict[str, Any]:
    import qualytics

    with qualytics.connect() as client:
        made = client.connections.create({"name": "Verified", **case.given})
        try:
            report = _test(client, made["id"], case.scope)
            ended = None if report["connected"] else (report["stage"], report["class"])
            if ended != case.ends:
                raise Wrong(f"{case.name} ended {ended}: {report['message']}; {report['detail']}")
            if case.lists is not None:
                _list(client, made["id"], *case.lists)
        finally:
            client.connections.delete(made["id"])
    keys = ("product_name", "product_version", "driver_name", "driver_version")
    run = {"counterpart": case.name, "version": case.version, **{key: report[key] for key in keys}}
    run["tls"] = report["tls"] and report["tls"]["version"]
    return run | {"stages": [stage["name"] for stage in report["stages"]], "ended": " ".join(ended or ("connected",))}


def _test(client: Any, connection_id: int, scope: dict[str, str] | None) -> dict[str, Any]:
    if scope is None:
        return client.connections.test(connection_id, timeout_s=_TIMEOUT_S)
    made = client.datastores.create({"name": "verified", "connection_id": connection_id, **scope})
    try:
        return client.datastores.verify(made["id"], timeout_s=_TIMEOUT_S)
    finally:
        client.datastores.delete(made["id"])


def _list(client: Any, connection_id: int, what: str, where: dict[str, str]) -> None:
    document = getattr(client.discovery, what)(connection_id, timeout_s=_TIMEOUT_S, **where)
    if not document["items"]:
        raise Wrong(f"no {what} were listed")


def _meet_dead_port(kind: str) -> str:
    import qualytics

    # A service principal's token comes from its tenant, who is asked before a silent server is.
    name, dead = ("dropping", dropping) if kind == "fabric" else ("silent", silent)
    with dead() as port, qualytics.connect() as client:
        report = client.connections.test_unsaved(reaching(kind, port), timeout_s=_DEAD_S)
    if report["class"] != "timeout":
        raise Wrong(f"a {name} port ended {report['stage']} {report['class']}: {report['message']}")
    return name


def summary(entry: dict[str, Any]) -> str:
    driver = f"{entry['driver']} {entry['driver_version']}"
    if not entry["runs"]:
        return f"driver only: {driver} ended in time before a {entry['met']} port"
    ends = [
        " ".join(filter(None, (run["counterpart"], run["version"] or run["product_version"], run["ended"])))
        for run in entry["runs"]
    ]
    return f"{', '.join(ends)}, with {driver}"


def write(found: dict[str, Any]) -> None:
    before = json.loads(VERIFIED.read_text()) if VERIFIED.exists() else {}
    known = {**before.get("counterparts", {}), **before.get("driver_only", {}), **found}
    document = {
        "python": platform.python_version(),
        "counterparts": {name: entry for name, entry in known.items() if entry["runs"]},
        "driver_only": {name: entry for name, entry in known.items() if not entry["runs"]},
    }
    VERIFIED.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main())
