"""The audit log: every change and every test, allowed or refused, with who, what and from where, and no value."""

from __future__ import annotations

import time

import pytest

from qualytics import settings
from qualytics.service.connections.verbs import Connections
from qualytics.service.context import Context
from testbed.control_plane import serving


def test_changes_and_tests_are_written_in_their_order_allowed_or_refused(admin, person, fresh):
    (a_manager, manager, _), (a_member, member, _) = person("Manager"), person("Member")
    given = {"type": "postgresql", "name": fresh(), "host": "127.0.0.1", "port": 1, "username": "u", "password": "pw-1"}
    number = manager("POST", "/connections", given).json["id"]
    address = f"/connections/{number}"
    manager("PATCH", address, {"username": "v", "password": "pw-2"})
    member("PATCH", address, {"username": "w"})
    manager("POST", f"{address}/test")
    member("POST", f"{address}/test")
    manager("PATCH", address, {"port": 2})
    manager("DELETE", address, If_Match='"1"')
    manager("DELETE", address)
    answer = admin("GET", "/audit?size=100")
    # What another test has left is written down when it ends, maybe meanwhile.
    entries = [
        entry
        for entry in answer.json["items"][::-1]
        if entry["object_id"] == number and entry["action"].startswith("connection.")
    ]
    assert [(entry["actor"], entry["action"], entry["outcome"]) for entry in entries] == [
        (a_manager["name"], "connection.create", "done"),
        (a_manager["name"], "connection.update", "done"),
        (a_member["name"], "connection.update", "not-allowed"),
        (a_manager["name"], "connection.test", "failed"),
        (a_member["name"], "connection.test", "not-allowed"),
        (a_manager["name"], "connection.update", "secret-needed-for-new-target"),
        (a_manager["name"], "connection.delete", "version-changed"),
        (a_manager["name"], "connection.delete", "done"),
    ]
    assert [entry["id"] for entry in entries] == sorted(entry["id"] for entry in entries)
    assert {entry["address"] for entry in entries} == {"127.0.0.1"}
    assert all(entry["token_id"] and entry["request_id"] for entry in entries)
    assert entries[1]["detail"]["changed"] == ["password", "username"]
    for value in (b"pw-1", b"pw-2", b'"v"', b'"w"'):
        assert value not in answer.body


def test_a_datastore_and_the_connection_made_with_it_are_written_both_or_neither(admin, manager, fresh):
    inline = {"type": "postgresql", "name": fresh(), "host": "127.0.0.1", "username": "u"}
    given = {"name": fresh(), "database": "d", "connection": inline}
    assert manager("POST", "/datastores", given).status == 422  # it has no schema
    # Its entry may be an earlier one, in which refusals of the same kind are counted.
    last = admin("GET", "/audit?size=1").json["items"][0]["id"]
    assert manager("POST", "/datastores", {**given, "schema": "s"}).status == 201
    entries = [entry for entry in admin("GET", "/audit?size=5").json["items"][::-1] if entry["id"] > last]
    assert [(entry["object_name"], entry["action"], entry["outcome"]) for entry in entries] == [
        (inline["name"], "connection.create", "done"),
        (given["name"], "datastore.create", "done"),
    ]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nobody_changes_the_log(admin, method):
    before = admin("GET", "/audit?size=1").json["items"][0]["id"]
    assert admin(method, "/audit").status == 405
    assert admin(method, f"/audit/{before}").status == 404
    assert admin("GET", "/audit?size=1").json["items"][0]["id"] == before


def test_pages_of_the_log_meet_without_a_gap(admin, made):
    for _ in range(5):
        made()
    first = admin("GET", "/audit?size=2").json
    second = admin("GET", f"/audit?size=2&before={first['next']}").json
    ids = [entry["id"] for entry in first["items"] + second["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 4


def test_the_log_is_asked_by_who_did_it_on_what_when_and_how_it_ended(plane, run, admin, person, fresh):
    (user, manager, _), name = person("Manager"), fresh()
    began = admin("GET", "/audit?size=1").json["items"][0]["created"]
    manager("POST", "/connections", {"type": "postgresql", "name": name, "host": "127.0.0.1", "port": 1})
    manager("POST", "/connections", {"type": "postgresql", "name": name, "host": "127.0.0.1"})
    manager("POST", f"/connections/by-name/test?name={name}")
    asked = ("--actor", user["name"], "--since", began, "--format", "json")
    for more, found in (
        ((), ["connection.test", "connection.create", "connection.create"]),
        (("--object", name), ["connection.test", "connection.create"]),
        (("--outcome", "done"), ["connection.create"]),
        (("--outcome", "failed"), ["connection.test"]),
        (("--outcome", "refused"), ["connection.create"]),
        (("--until", "2020-01-31"), []),
    ):
        made = run("audit", "list", *asked, *more, env=plane.environment())
        assert (made.code, [entry["action"] for entry in made.json]) == (0, found), (more, made.err)
    for query in ("outcome=nice", "since=soon", "until=2026-13-01"):
        answer = admin("GET", f"/audit?{query}")
        assert (answer.status, answer.json["errors"][0]["loc"]) == (422, ["body", query.partition("=")[0]])


def test_a_change_on_the_host_of_a_control_plane_is_written_down_too(plane, admin, fresh):
    name = fresh()
    with Context(settings.load({"QUALYTICS_CONFIG_HOME": str(plane.home)})) as context:
        Connections(context).create({"type": "postgresql", "host": "db.example.com", "name": name})
    entry = admin("GET", "/audit?action=connection.create&size=1").json["items"][0]
    assert (entry["object_name"], entry["actor"], entry["actor_id"]) == (name, "owner", None)


def test_one_member_does_not_fill_the_log_with_whatever_number_of_tokens(tmp_path):
    with serving(tmp_path / "home", "--refusals-per-minute", "300") as plane:
        bearers = [
            plane.tokens["Member"],
            *(plane.api("Member")("POST", "/user-tokens", {"name": "t"}).json["bearer_token"] for _ in range(3)),
        ]
        callers = [plane.api(bearer) for bearer in bearers]
        begun, answers, reads = time.monotonic(), [], []
        while not any(read.status == 429 for read in reads):
            answers += [callers[n % 4]("DELETE", f"/connections/{n}") for n in range(1, 501)]
            reads.append(callers[1]("GET", "/users/me"))
        allowed = sum(answer.status == 403 for answer in answers)
        assert 300 <= allowed <= 300 + 5 * (time.monotonic() - begun) + 1  # five a second come back
        limited = [answer for answer in (*answers, *reads) if answer.status == 429]
        assert {answer.json["code"] for answer in limited} == {"too-many"}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in limited)
        assert len(limited) + allowed + sum(read.status == 200 for read in reads) == len(answers) + len(reads)
        assert plane.api("Manager")("GET", "/users/me").status == 200
        admin, entries, before = plane.api(), [], ""
        while before is not None:
            page = admin("GET", f"/audit?size=100{before}").json
            entries += page["items"]
            before = page["next"] and f"&before={page['next']}"
        refused = [entry for entry in entries if entry["outcome"] == "not-allowed"]
        assert len(refused) == 100
        told = sum(entry["detail"].get("count", 1) + entry["detail"].get("others", 0) for entry in refused)
        assert told == allowed


def test_the_log_is_pruned_by_an_admin_from_anywhere(plane, run, admin):
    made = run("audit", "prune", "--before", "2020-01-31", "--format", "json", env=plane.environment())
    assert made.code == 0, made.err
    assert made.json == {"before": "2020-01-31T00:00:00.000Z", "deleted": 0}
    on_host = {"QUALYTICS_CONFIG_HOME": str(plane.home)}
    made = run("audit", "prune", "--before", "2020-01-31T12:00:00+02:00", "--format", "json", env=on_host)
    assert (made.code, made.json["before"]) == (0, "2020-01-31T10:00:00.000Z")
    entries = admin("GET", "/audit?action=audit.prune&size=2").json["items"]
    assert [(entry["actor"], entry["detail"]["deleted"]) for entry in entries] == [("owner", 0), ("admin", 0)]
    refused = run("audit", "prune", "--before", "2020-01-31", env=plane.environment("Manager"))
    assert refused.code == 4
    assert run("audit", "prune", "--before", "2999-01-31", env=plane.environment()).code == 2
    assert run("audit", "prune", env=plane.environment()).code == 2
