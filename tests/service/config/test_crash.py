"""An apply that is killed at any statement, or in the middle of what its commit writes: nothing of it is stored."""

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qualytics.client.local import LocalClient
from qualytics.settings import Settings
from qualytics.store.sqlite.upkeep import check
from testbed.control_plane import MANY, serving

pytestmark = pytest.mark.slow  # each kill takes a process

DYING = Path(__file__).parents[2] / "support" / "dying"
HALF, WHOLE = 100, 200


def connection(number, host, **more):
    fields = {"type": "postgresql", "host": f"{host}-{number}", "username": "app", "password": f"{host}-pw-{number}"}
    return {"name": f"c{number}", **fields, **more}


def datastore(number):
    return {"name": f"d{number}", "connection_name": f"c{number}", "database": "sales", "schema": "public"}


BEFORE = {
    "connections": [connection(number, "old") for number in range(HALF)],
    "datastores": [datastore(number) for number in range(10)],
}
# Two swap their names, some change, as many are deleted, others are new.
SWAPPED = [connection(1, "new", id=1), connection(0, "new", id=2)]
AFTER = {
    "connections": [*SWAPPED, *(connection(number, "new") for number in range(2, WHOLE) if not 50 <= number < HALF)],
    "datastores": [datastore(number) for number in range(5, 15)],
    "prune": ["connections", "datastores"],
}


@pytest.fixture
def settings(tmp_path):
    """Return settings of a store that holds what was there before."""
    found = Settings(home=tmp_path / "home")
    with LocalClient(found) as client:
        client.config.apply(BEFORE)
    return found


def plan_of(settings):
    """Return the plan of all that is to come; its digest is that of every version and of which secrets differ."""
    with LocalClient(settings) as client:
        return client.config.plan(AFTER)


def moments(transaction):
    """Return when to die: before the first insert, one on the way and the last; and at bytes of the commit."""
    new = WHOLE - HALF
    inserts = [1, random.randint(2, new - 1), new]
    return [f"{transaction} {count}" for count in inserts] + [
        f"{transaction} bytes {count}" for count in (0, random.randint(1, 20_000))
    ]


def test_a_command_that_is_killed_has_stored_nothing_and_the_next_one_stores_all(settings, tmp_path):
    folder, die = tmp_path / "config", tmp_path / "die"
    for one in AFTER["connections"]:
        place = folder / "connections" / f"{one['name']}.yaml"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(one))
    for one in AFTER["datastores"]:
        place = folder / "datastores" / one["name"] / "_datastore.yaml"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(one))
    mine = {"QUALYTICS_CONFIG_HOME": str(settings.home), "PYTHONPATH": str(DYING), "DIE_AT": str(die)}

    def config(*words):
        command = [sys.executable, "-m", "qualytics", "config", *words, str(folder), "--prune", "-f", "json"]
        return subprocess.run(command, env={**os.environ, **mine}, capture_output=True, check=False)

    planned = plan_of(settings)
    assert [planned[count] for count in ("create", "update", "delete")] == [105, 50, 55]
    for moment in moments(1):
        die.write_text(moment)
        done = config("apply", "--yes")
        assert done.returncode == (-signal.SIGXFSZ if "bytes" in moment else -signal.SIGKILL), (moment, done.stderr)
        assert (plan_of(settings), check(settings)["problems"]) == (planned, []), moment
    die.unlink()
    assert config("apply", "--yes").returncode == 0
    assert config("plan", "--exit-code").returncode == 0
    assert plan_of(settings)["unchanged"] == len(AFTER["connections"]) + len(AFTER["datastores"])


def test_a_worker_that_is_killed_has_stored_nothing_and_the_next_one_stores_all(settings, tmp_path):
    die = tmp_path / "die"
    environ = {"PYTHONPATH": str(DYING), "DIE_AT": str(die)}
    with serving(settings.home, *MANY, "--workers", "2", environ=environ) as plane:

        def post(path):
            with contextlib.closing(plane.api()) as api:
                return api("POST", f"/config/{path}", AFTER)

        planned = post("plan").json
        for moment in moments(0)[1::3]:
            die.write_text(moment)
            with pytest.raises((OSError, http.client.HTTPException)):
                post("apply")
            die.unlink()
            assert post("plan").json == planned, moment
        assert post("apply").json == planned
        assert post("plan").json["changes"] == []
    assert check(settings)["problems"] == []
