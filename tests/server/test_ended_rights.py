"""Rights that end while requests are under way: after the call that ended them, nothing more is stored by them."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing, contextmanager

import pytest

from qualytics.store.schema import TABLES
from testbed import servers
from testbed.control_plane import MANY, serving
from tests.server.test_rights import INLINE, OPERATIONS, request_of, right_of
from tests.support.threads import Threads

pytestmark = [pytest.mark.slow, pytest.mark.servers]
# `explain` judges a text: nothing of it waits for the store or is written.
WRITERS = [
    (method, path)
    for method, path in OPERATIONS
    if (method != "get" or "schemas" in path or "catalogs" in path) and path != "/api/connections/explain"
]


class Replica:
    """A control plane on PostgreSQL, and a way to hold the lock that every writer waits for."""

    def __init__(self, plane, server, schema):
        self.plane, self.schema = plane, schema
        self.watching = servers.postgres_admin(server)
        self.holding = servers.postgres_admin(server)
        for one in (self.watching, self.holding):
            one.execute(f"SET search_path = {schema}")

    @contextmanager
    def held(self):
        """Hold the lock in a transaction, which ends with this."""
        with self.holding.transaction():
            self.holding.execute("SELECT FROM meta WHERE name = 'store_id' FOR UPDATE")
            yield

    def await_waiter(self):
        """Return once a request waits for the lock."""
        until = time.monotonic() + 60
        pid = self.holding.info.backend_pid
        while not self.watching.execute(
            "SELECT 1 FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", (pid,)
        ).fetchall():
            assert time.monotonic() < until

    def rows(self, seen_by):
        """Return what the store holds, but for what was refused, and for when tokens were used."""
        found = {name: seen_by.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES if name != "tokens"}
        found["audit"] = [row for row in found["audit"] if row[-2] in {"done", "failed"}]
        found["tokens"] = seen_by.execute("SELECT id, revoked FROM tokens").fetchall()
        return {name: sorted(map(str, rows)) for name, rows in found.items()}


@pytest.fixture(scope="module")
def replica(postgres_server, tmp_path_factory):
    schema = f"rights_{os.getpid()}"
    with closing(servers.postgres_admin(postgres_server)) as admin:
        admin.execute(f"CREATE SCHEMA {schema}")
    home = tmp_path_factory.mktemp("rights") / "home"
    home.mkdir(mode=0o700)
    url = f"postgresql://{postgres_server.user}@127.0.0.1:{postgres_server.port}/postgres"
    environ = {
        "QUALYTICS_STORE": f"{url}?options=-csearch_path%3D{schema}",
        "QUALYTICS_STORE_PASSWORD": postgres_server.password,
        "QUALYTICS_KEY_FILE": str(home / "key"),
    }
    with serving(home, *MANY, "--allow-use", environ=environ) as plane:
        found = Replica(plane, postgres_server, schema)
        with closing(found.watching), closing(found.holding):
            yield found


@pytest.mark.parametrize(("method", "path"), [pair for pair in WRITERS if right_of(*pair)], ids=lambda value: value)
def test_a_request_that_waits_to_write_while_its_token_is_revoked_writes_nothing(replica, fresh, method, path):
    admin, name = replica.plane.api(), fresh()
    user = admin("POST", "/users", {"name": f"u-{name}", "role": "Admin"}).json
    token = admin("POST", "/user-tokens", {"name": "t", "user": user["id"]}).json
    caller = replica.plane.api(token["bearer_token"])
    made = [admin("POST", "/connections", {**INLINE, "name": f"{name}-{n}"}).json for n in range(2)]
    place = {"name": f"d-{name}", "connection_id": made[0]["id"], "database": "d", "schema": "s"}
    datastore = admin("POST", "/datastores", place).json
    own = caller("POST", "/user-tokens", {"name": "own"}).json
    if method == "delete":
        caller("PUT", f"/user-tokens/{own['id']}", {"revoke": True})
    other = admin("POST", "/users", {"name": f"o-{name}", "role": "Member"}).json
    grant = admin("POST", "/grants", {"user": user["id"], "connection": made[1]["id"]}).json
    run = admin("POST", "/operations", {"type": "test", "name": fresh()}).json
    while admin("GET", f"/operations/{run['id']}/results?wait_s=10").json["operation"]["end_time"] is None:
        pass
    found = {
        "connection_id": made[1]["id"],
        "datastore_id": datastore["id"],
        "enrichment_id": datastore["id"],
        "operation_id": 1,
        "run_id": run["id"],
        "token_id": own["id"],
        "user_id": other["id"],
        "grant_id": grant["id"],
        "connection": made[0],
        "name": name,
        "names": {"connections": made[1]["name"], "datastores": datastore["name"], "users": other["name"]}
        | {"user-tokens": own["name"]},
    }
    answers = []
    asking = threading.Thread(target=lambda: answers.append(caller(*request_of(method, path, found))))
    with replica.held():
        asking.start()
        replica.await_waiter()
        replica.holding.execute("UPDATE tokens SET revoked = 'now' WHERE id = %s", (token["id"],))
        before = replica.rows(replica.holding)
    asking.join(60)
    assert [(answer.status, answer.json["code"]) for answer in answers] == [(401, "not-signed-in")], answers
    assert replica.rows(replica.watching) == before


@pytest.fixture(params=["embedded", "postgresql"])
def busy_plane(request, plane):
    """Return a control plane on each engine."""
    return plane if request.param == "embedded" else request.getfixturevalue("replica").plane


ENDINGS = {
    "demoted": lambda admin, user, _: admin("PATCH", f"/users/{user}", {"role": "Member"}),
    "deleted": lambda admin, user, _: admin("DELETE", f"/users/{user}"),
    "revoked": lambda admin, _, token: admin("PUT", f"/user-tokens/{token}", {"revoke": True}),
}


class Intruder(Threads):
    """Threads that make Admins and connections with the token of an Admin for as long as that is good."""

    def __init__(self, plane, bearer):
        super().__init__(8)
        self._callers = [plane.api(bearer) for _ in range(8)]

    def once(self, number, count):
        name = f"{self._callers[0].token[-8:]}-{number}-{count}"
        paths = {"/users": {"name": name, "role": "Admin"}, "/connections": {**INLINE, "name": name}}
        for path, given in paths.items():
            if self._callers[number]("POST", path, given).status == 200:
                self.done()


@pytest.mark.parametrize("how", ENDINGS)
def test_nothing_is_stored_by_an_admin_after_the_call_that_ends_one_under_load(busy_plane, fresh, how):
    admin = busy_plane.api()
    user = admin("POST", "/users", {"name": fresh(), "role": "Admin"}).json
    token = admin("POST", "/user-tokens", {"name": "t", "user": user["id"]}).json
    with Intruder(busy_plane, token["bearer_token"]) as intruder:
        intruder.wait(40)
        assert ENDINGS[how](admin, user["id"], token["id"]).status == (204 if how == "deleted" else 200)
        ended = admin("GET", "/audit?size=100").json["items"]
    since = [entry for page in pages_of(admin, ended[0]["id"] - 100) for entry in page]
    by_intruder = [entry for entry in since if entry["actor_id"] == user["id"]]
    end = next(
        entry["id"]
        for entry in since
        if entry["actor"] == "admin"
        and entry["action"]
        in {
            "user.update",
            "user.delete",
            "token.revoke",
        }
    )
    assert [entry for entry in by_intruder if entry["outcome"] == "done" and entry["id"] < end]
    assert not [entry for entry in by_intruder if entry["outcome"] == "done" and entry["id"] > end]


def pages_of(admin, oldest):
    """Yield the pages of the log, the newest first, back to an entry."""
    before = ""
    while True:
        found = admin("GET", f"/audit?size=100{before}").json
        yield found["items"]
        if found["next"] is None or found["next"] <= oldest:
            return
        before = f"&before={found['next']}"
