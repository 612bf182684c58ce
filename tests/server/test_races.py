"""Many at once: no lost update, no orphan, no fault; versions hold what one client wrote against another."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture
def together(plane):
    """Return a function that runs work for each of some items at the same time, each with a caller of its own."""

    def call(work, items, who="Admin"):
        items = list(items)
        barrier = threading.Barrier(len(items))

        def one(item):
            caller = plane.api(who)
            barrier.wait(60)
            return work(caller, item)

        with ThreadPoolExecutor(len(items)) as pool:
            return list(pool.map(one, items))

    return call


def test_fifty_writers_with_if_match_lose_no_update(made, together, admin):
    number = made(port=1)["id"]
    address = f"/connections/{number}"

    def increment(caller, _):
        tries = 0
        while True:
            found = caller("GET", address)
            answer = caller("PATCH", address, {"port": found.json["port"] + 1}, If_Match=found.headers["etag"])
            tries += 1
            if answer.status == 200:
                return tries
            assert (answer.status, answer.json["code"]) == (412, "version-changed"), answer

    tries = together(increment, range(50))
    found = admin("GET", address)
    assert (found.json["port"], found.headers["etag"]) == (51, '"51"')
    assert sum(tries) >= 50
    versions = admin("GET", f"{address}/history").json["versions"]
    assert [version["version"] for version in versions] == list(range(51, 0, -1))


def test_one_of_two_who_read_the_same_version_wins(made, admin, manager):
    found = made()
    address = f"/connections/{found['id']}"
    tag = admin("GET", address).headers["etag"]
    assert tag == '"1"'
    won = admin("PUT", address, {"name": found["name"], "type": found["type"], "username": "a"}, If_Match=tag)
    assert (won.status, won.headers["etag"]) == (200, '"2"')
    for lost in (
        manager("PATCH", address, {"username": "b"}, If_Match=tag),
        manager("PUT", address, {"name": found["name"], "type": found["type"]}, If_Match=tag),
        manager("PATCH", f"{address}?test=true", {"username": "b"}, If_Match=tag),
        manager("DELETE", address, If_Match=tag),
    ):
        assert (lost.status, lost.json["code"]) == (412, "version-changed")
    assert manager("PATCH", address, {"username": "c"}, If_Match="*").json["username"] == "c"
    # A proxy that compresses makes the tag a weak one.
    assert manager("PATCH", address, {"username": "d"}, If_Match='W/"3"').headers["etag"] == '"4"'
    for wrong in ('"x"', "1", '"-1"', '"99999999999999999999"', '"1", "2"'):
        assert manager("PATCH", address, {"username": "e"}, If_Match=wrong).status == 422
    assert manager("DELETE", address, If_Match=admin("GET", address).headers["etag"]).status == 204


# Our tags are numbers in quotes.
STALE = {'"2"': 412, 'W/"2"': 412, "1": 422, '"x"': 422, '"-1"': 422, '"99999999999999999999"': 422, '"1", "2"': 422}


@pytest.fixture
def versioned(made, admin, fresh):
    """Return the changes of every versioned route, each of a record at version 1: (method, path, body)."""
    connection = made()
    given = {"name": fresh(), "connection_id": connection["id"], "database": "d", "schema": "s"}
    datastore = admin("POST", "/datastores", given).json
    user = admin("POST", "/users", {"name": fresh()}).json
    bodies = {"connections": {"name": connection["name"], "type": connection["type"]}}
    bodies |= {"datastores": {"description": "x"}, "users": {"name": user["name"], "role": "Manager"}}
    records = {"connections": made(), "datastores": datastore, "users": user}
    changes = [
        (method, f"/{kind}/{records[kind]['id']}", bodies[kind] if method != "DELETE" else None)
        for kind in records
        for method in ("PUT", "PATCH", "DELETE")
    ]
    own = f"/datastores/{datastore['id']}"
    return [
        *changes,
        ("PATCH", f"{own}/favorite", {"favorite": True}),
        ("PATCH", f"{own}/assign-group", {"group_id": 1}),
        ("PATCH", f"{own}/enrichment/{datastore['id']}", None),
        ("DELETE", f"{own}/enrichment", None),
    ]


@pytest.mark.parametrize("tag", STALE)
def test_a_version_that_is_stale_or_malformed_changes_nothing(versioned, admin, tag):
    for method, path, body in versioned:
        answer = admin(method, path, body, If_Match=tag)
        assert answer.status == STALE[tag], (method, path, answer)
        record = "/".join(path.split("/")[:3])
        assert admin("GET", record).headers["etag"] == '"1"'


def test_every_versioned_route_is_among_those(versioned, admin):
    described = {
        (method.upper(), path)
        for path, methods in admin("GET", "/openapi.json").json["paths"].items()
        for method, operation in methods.items()
        if any(parameter["name"] == "If-Match" for parameter in operation["parameters"])
    }
    tried = {(method, re.sub(r"/[0-9]+", "/{}", f"/api{path}")) for method, path, _ in versioned}
    assert {(method, re.sub(r"\{[^}]*\}|by-name", "{}", path)) for method, path in described} == tried


def test_a_datastore_has_a_version_too(made, admin, fresh):
    given = {"name": fresh(), "connection_id": made()["id"], "database": "d", "schema": "s", "trigger_sync": False}
    found = admin("POST", "/datastores", given)
    address = f"/datastores/{found.json['id']}"
    assert found.headers["etag"] == '"1"'
    assert admin("PUT", address, {"name": fresh()}, If_Match='"1"').headers["etag"] == '"2"'
    assert admin("PUT", address, {"name": "x"}, If_Match='"1"').status == 412
    assert admin("PATCH", f"{address}/favorite", {"favorite": True}, If_Match='"1"').status == 412
    assert admin("DELETE", address, If_Match='"1"').status == 412


def test_fifty_creations_of_one_name_make_one(together, fresh):
    given = {"type": "postgresql", "name": fresh(), "host": "h", "username": "u"}
    answers = together(lambda caller, _: caller("POST", "/connections", given), range(50))
    assert sorted(answer.status for answer in answers) == [200, *[409] * 49]
    assert {answer.json["code"] for answer in answers if answer.status == 409} == {"name-taken"}


def test_deleting_a_connection_while_a_datastore_is_made_on_it_leaves_no_orphan(plane, admin):
    """A thousand races: either the datastore is there, or the connection is gone; never both, never neither."""
    rounds = 1_000
    given = {"type": "postgresql", "host": "h", "username": "u"}
    records = [given | {"name": f"race-{number}"} for number in range(rounds)]
    imported = admin("POST", "/connections/import", {"connections": records}).json["connections"]
    ids = [one["id"] for one in imported]
    start, done = threading.Barrier(2), threading.Barrier(2)
    deleted, created = [], []

    def delete():
        caller = plane.api("Admin")
        for number in ids:
            start.wait(60)
            deleted.append(caller("DELETE", f"/connections/{number}").status)
            done.wait(60)

    def create():
        caller = plane.api("Manager")
        for number in ids:
            given = {"name": f"race-{number}", "connection_id": number, "database": "d", "schema": "s"}
            start.wait(60)
            created.append(caller("POST", "/datastores", given).status)
            done.wait(60)

    threads = [threading.Thread(target=work) for work in (delete, create)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pairs = list(zip(deleted, created, strict=True))
    assert len(pairs) == rounds
    assert set(pairs) <= {(204, 404), (409, 201)}, set(pairs)
    left = {found["connection_id"] for found in pages(admin, "/datastores?search=race-")}
    assert left == {number for number, pair in zip(ids, pairs, strict=True) if pair == (409, 201)}
    for number in left:
        assert admin("GET", f"/connections/{number}").status == 200


def pages(caller, path):
    """Yield every record of a list."""
    page = 1
    while True:
        found = caller("GET", f"{path}&size=100&page={page}").json
        yield from found["items"]
        if page >= found["pages"]:
            return
        page += 1
