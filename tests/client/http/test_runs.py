"""Tests of all connections on an embedded store and on a control plane alike, and what a control plane adds."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from qualytics import settings
from qualytics.service.accounts.users import Users
from qualytics.service.context import Context
from testbed.control_plane import MANY, serving
from tests.support.processes import descendants, watched

pytestmark = pytest.mark.slow  # each test starts processes

TEST = ("connections", "test", "--all")
SECRET = "canary-6e1f0b9a"


def add(commands, allowed_files, *, files=3, dead=2, port=1):
    for number in range(files):
        path = allowed_files / "sales.sqlite"
        assert commands("connections", "create", "-t", "sqlite", "--uri", path, "--name", f"file{number}").code == 0
    server = ("-t", "postgresql", "--host", "127.0.0.1", "--port", port, "--username", "u", "--password", SECRET)
    for number in range(dead):
        assert commands("connections", "create", *server, "--name", f"dead{number}").code == 0


def lines(done):
    return {line["name"]: line for line in map(json.loads, done.out.splitlines())}


def test_results_and_exit_codes_are_the_same_on_both(commands, allowed_files):
    add(commands, allowed_files)
    done = commands(*TEST, "-f", "jsonl")
    found = lines(done)
    assert done.code == 6
    assert {name: line["class"] for name, line in found.items()} == {
        **dict.fromkeys(("file0", "file1", "file2")),
        **dict.fromkeys(("dead0", "dead1"), "refused"),
    }
    assert list(found["dead0"])[:4] == ["id", "name", "type", "connected"]
    assert sorted(done.err.splitlines()) == [
        "error: 2 of 5 tests failed: 2 refused",
        "error: connection 'dead0' failed at tcp (refused): nothing listens on 127.0.0.1:1",
        "error: connection 'dead1' failed at tcp (refused): nothing listens on 127.0.0.1:1",
    ]
    assert SECRET not in done.out + done.err


def test_filters_and_what_fails_are_the_same_on_both(commands, allowed_files):
    add(commands, allowed_files)
    done = commands(*TEST, "--name", "FILE", "--type", "sqlite", "-f", "json", "--jq", ".[].name")
    assert (done.code, sorted(done.out.split()), done.err) == (0, ["file0", "file1", "file2"], "")
    assert commands(*TEST, "-f", "table", "--fail-on", "auth").code == 0
    done = commands(*TEST, "--name", "nobody", "-f", "json")
    assert (done.code, done.out, done.err) == (0, "[]\n", "warning: there was no connection to test\n")


def test_tags_and_owner_choose_on_both(commands, allowed_files):
    add(commands, allowed_files, dead=0)
    assert commands("connections", "update", "file0", "--tag", "Nightly", "--owner", "Data Team").code == 0
    assert commands("connections", "update", "file1", "--tag", "nightly").code == 0
    for options, names in (
        (("--tag", "NIGHTLY"), ["file0", "file1"]),
        (("--tag", "nightly", "--owner", "data team"), ["file0"]),
    ):
        done = commands(*TEST, *options, "-f", "jsonl")
        assert (done.code, sorted(lines(done))) == (0, names)
    assert commands("connections", "test", "file0", "--tag", "x").err.startswith("error: --tag is for --all\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--parallel", "129"), "parallel must be from 1 to 128"),
        (("--timeout", "301"), "timeout must be more than 0 and at most 300 seconds"),
        (("--resume", "7", "--name", "x"), "--resume goes on with a run as it was begun"),
    ],
)
def test_what_is_out_of_range_is_refused_in_the_same_words(commands, args, message):
    done = commands(*TEST, *args)
    assert (done.code, done.out, done.err.splitlines()[0]) == (2, "", f"error: {message}")


def test_an_embedded_store_has_nothing_to_resume(run):
    done = run(*TEST, "--resume", "7")
    assert done.code == 2
    assert done.err.startswith("error: there is no operation 7 on the embedded store")


def test_an_operation_is_followed_from_its_first_result_by_its_id(remotely, allowed_files, fresh_plane):
    add(remotely, allowed_files)
    api = fresh_plane.api("Manager")
    began = api("POST", "/operations", {"type": "test", "types": ["sqlite"]}).json
    assert (began["type"], began["total"], began["result"]) == ("test", 3, "running")
    done = remotely(*TEST, "--resume", str(began["id"]), "-f", "jsonl", who="Manager")
    assert (done.code, sorted(lines(done))) == (0, ["file0", "file1", "file2"])
    ended = api("GET", f"/operations/{began['id']}").json
    assert {key: ended[key] for key in ("result", "total", "tested", "failed", "untested", "message")} == {
        "result": "success",
        "total": 3,
        "tested": 3,
        "failed": 0,
        "untested": 0,
        "message": None,
    }
    again = remotely(*TEST, "--resume", str(began["id"]), "-f", "jsonl", who="Manager")  # it has ended: read again
    assert lines(again) == lines(done)


def test_results_come_as_json_lines_too(remotely, allowed_files, fresh_plane):
    add(remotely, allowed_files, dead=1)
    began = fresh_plane.api("Manager")("POST", "/operations", {"type": "test"}).json
    request = urllib.request.Request(
        f"http://127.0.0.1:{fresh_plane.port}/api/operations/{began['id']}/results",
        headers={"Authorization": f"Bearer {fresh_plane.tokens['Manager']}", "Accept": "application/jsonl"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        *results, last = map(json.loads, reply)
    assert {one["name"]: one["connected"] for one in results} == {
        **dict.fromkeys(("file0", "file1", "file2"), True),
        "dead0": False,
    }
    assert (last["operation"]["result"], last["operation"]["failed"]) == ("failure", 1)


def test_who_may_not_test_neither_starts_nor_reads_nor_ends_a_run(remotely, allowed_files, fresh_plane):
    add(remotely, allowed_files, files=1, dead=0)
    assert remotely(*TEST, who="Member").code == 4
    manager, member = fresh_plane.api("Manager"), fresh_plane.api("Member")
    began = manager("POST", "/operations", {"type": "test"}).json
    for method, path in (("GET", "/results"), ("POST", "/cancel"), ("POST", "/resume")):
        assert member(method, f"/operations/{began['id']}{path}").status == 403
    assert member("GET", f"/operations/{began['id']}").json["total"] == 1  # numbers, and no report
    assert manager("GET", "/operations/999999/results").status == 404
    assert manager("POST", "/operations/999999/resume").status == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "sync"},
        {"type": "test", "name": 1},
        {"type": "test", "types": "sqlite"},
        {"type": "test", "types": ["nothing"]},
        {"type": "test", "parallel": True},
        {"type": "test", "parallel": 0},
        {"type": "test", "timeout_s": "1"},
        {"type": "test", "retry_transient": 1},
        {"type": "test", "filter": {}},
    ],
)
def test_a_request_that_is_none_is_refused(fresh_plane, body):
    assert fresh_plane.api("Manager")("POST", "/operations", body).status == 422


@pytest.fixture
def silent():
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        listening.settimeout(60)
        yield listening


def port_of(listening):
    return listening.getsockname()[1]


def started(plane, *options):
    return subprocess.Popen(
        [sys.executable, "-m", "qualytics", *TEST, "-f", "jsonl", *options],
        env={**os.environ, **plane.environment("Manager")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def latest(plane):
    entries = plane.api("Admin")("GET", "/audit?action=operation.run").json["items"]
    return entries[0]["object_id"]


def test_ctrl_c_ends_the_operation_and_it_can_be_resumed(remotely, allowed_files, fresh_plane, silent):
    add(remotely, allowed_files, files=1, dead=2, port=port_of(silent))
    with started(fresh_plane, "--timeout", "300") as process:
        assert json.loads(process.stdout.readline())["name"] == "file0"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read().decode().splitlines()[-1] == "stopped; 2 not tested: 'dead0', 'dead1'"
    api, operation = fresh_plane.api("Manager"), latest(fresh_plane)
    page = api("GET", f"/operations/{operation}/results?after=1000000000&wait_s=30").json
    assert (page["operation"]["result"], page["operation"]["untested"]) == ("cancelled", 2)
    silent.close()  # now it refuses
    done = remotely(*TEST, "--resume", str(operation), "-f", "jsonl", who="Manager")
    assert {name: line["class"] for name, line in lines(done).items()} == {
        **dict.fromkeys(("dead0", "dead1"), "refused"),
        "file0": None,
    }


def test_a_run_goes_on_when_its_client_is_killed(remotely, allowed_files, fresh_plane, silent):
    add(remotely, allowed_files, files=1, dead=1, port=port_of(silent))
    with started(fresh_plane, "--timeout", "300") as process:
        assert json.loads(process.stdout.readline())["name"] == "file0"
        process.kill()
    silent.accept()[0].close()  # it is still tested: what was dialled is let go
    silent.close()
    done = remotely(*TEST, "--resume", str(latest(fresh_plane)), "-f", "jsonl", who="Manager")
    assert (done.code, sorted(lines(done))) == (6, ["dead0", "file0"])


def test_a_control_plane_that_is_killed_in_the_middle_goes_on_with_what_is_untested(
    tmp_path, allowed_files, run, silent
):
    home, options = tmp_path / "home", (*MANY, "--allow-file", str(allowed_files))
    with serving(home, *options) as plane:
        add(lambda *args: run(*args, env=plane.environment()), allowed_files, files=2, dead=2, port=port_of(silent))
        with started(plane, "--timeout", "300") as process:
            names = {json.loads(process.stdout.readline())["name"] for _ in range(2)}
            assert names == {"file0", "file1"}
            with watched(descendants(plane.process.pid)) as left:
                plane.stop(at_once=True)
                assert left(60) == []
            assert process.wait(60) == 1
            operation = re.search(r"--resume (\d+)", process.stderr.read().decode())[1]
    silent.close()
    with serving(home, *options, tokens=plane.tokens) as plane:
        done = run(*TEST, "--resume", operation, "-f", "jsonl", env=plane.environment())
    assert {name: line["class"] for name, line in lines(done).items()} == {
        **dict.fromkeys(("dead0", "dead1"), "refused"),
        **dict.fromkeys(("file0", "file1")),
    }


def interrupted(home, options, allowed_files, run, port):
    """Begin an operation that cannot end, kill its control plane, and return that and the operation's id."""
    with serving(home, *options) as plane:
        add(lambda *args: run(*args, env=plane.environment()), allowed_files, files=2, dead=2, port=port)
        api = plane.api("Manager")
        operation = api("POST", "/operations", {"type": "test", "timeout_s": 300}).json["id"]
        page = {"items": []}
        while len(page["items"]) < 2:
            page = api("GET", f"/operations/{operation}/results?wait_s=30").json
        assert {one["name"] for one in page["items"]} == {"file0", "file1"}
        with watched(descendants(plane.process.pid)) as left:
            plane.stop(at_once=True)
            assert left(60) == []
    return plane, operation


def ended(plane, operation, who="Manager"):
    plane.line(f"operation {operation} goes on here")
    request = urllib.request.Request(
        f"{plane.url}/api/operations/{operation}/results",
        headers={"Authorization": f"Bearer {plane.tokens[who]}", "Accept": "application/jsonl"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return [json.loads(line) for line in reply]


def test_a_control_plane_that_was_killed_goes_on_by_itself(tmp_path, allowed_files, run, silent):
    home, options = tmp_path / "home", (*MANY, "--allow-file", str(allowed_files))
    before, operation = interrupted(home, options, allowed_files, run, port_of(silent))
    silent.close()
    with serving(home, *options, tokens=before.tokens) as plane:
        *results, last = ended(plane, operation)
    assert sorted(one["name"] for one in results) == ["dead0", "dead1", "file0", "file1"]
    assert {key: last["operation"][key] for key in ("result", "tested", "untested")} == {
        "result": "failure",
        "tested": 4,
        "untested": 0,
    }


def test_who_has_lost_the_right_meanwhile_has_the_operation_end(tmp_path, allowed_files, run, silent):
    home, options = tmp_path / "home", (*MANY, "--allow-file", str(allowed_files))
    before, operation = interrupted(home, options, allowed_files, run, port_of(silent))
    with Context(settings.load({"QUALYTICS_CONFIG_HOME": str(home)})) as context:
        Users(context).update("manager", {"role": "Member"})
    with serving(home, *options, tokens=before.tokens) as plane:
        *_, last = ended(plane, operation, "Admin")
    assert (last["operation"]["result"], last["operation"]["tested"]) == ("failure", 2)
    assert last["operation"]["message"].startswith("'manager' has the role Member, which may not test")
