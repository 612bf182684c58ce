"""Replicas of a control plane on one PostgreSQL: what one knows all know, and kills lose nothing acknowledged."""

import concurrent.futures
import http.client
import os
import signal
import sys
from contextlib import ExitStack, closing

import pytest

import qualytics
from qualytics.errors import NotAllowed
from testbed import servers
from testbed.control_plane import serving
from tests.support.threads import Threads

pytestmark = [pytest.mark.slow, pytest.mark.servers]
MANY = ("--requests-per-minute", "100000000", "--refusals-per-minute", "100000000")


@pytest.fixture
def store(postgres_server, tmp_path):
    """Return the environment of replicas whose store is a schema of its own and that share a key file."""
    schema = f"replicas_{os.getpid()}_{abs(hash(str(tmp_path)))}"
    with closing(servers.postgres_admin(postgres_server)) as admin:
        admin.execute(f"CREATE SCHEMA {schema}")
    url = (
        f"postgresql://{postgres_server.user}@127.0.0.1:{postgres_server.port}/postgres"
        f"?options=-csearch_path%3D{schema}"
    )
    key_file = tmp_path / "home" / "key"
    key_file.parent.mkdir(mode=0o700)
    return {
        "QUALYTICS_STORE": url,
        "QUALYTICS_STORE_PASSWORD": postgres_server.password,
        "QUALYTICS_KEY_FILE": str(key_file),
    }


def make(api, name):
    return api("POST", "/connections", {"type": "sqlserver", "host": "db.example.com", "name": name})


def test_what_one_replica_stores_revokes_or_refuses_holds_for_the_other(store, tmp_path):
    options = (*MANY, "--allow-type", "sqlserver")
    with (
        serving(tmp_path / "home", *options, environ=store) as one,
        serving(tmp_path / "home", *options, environ=store, tokens=one.tokens) as other,
    ):
        here, there = one.api(), other.api()
        made = make(here, "shared").json
        assert there("GET", f"/connections/{made['id']}").json == made
        assert make(there, "SHARED").json["code"] == "name-taken"
        assert there("GET", "/connections?name_exact=shared").json["total"] == 1

        created = here("POST", "/user-tokens", {"name": "short", "expires_in_days": 1}).json
        with closing(other.api(created["bearer_token"])) as guest:
            assert guest("GET", "/connections").status == 200
            assert here("PUT", f"/user-tokens/{created['id']}", {"revoke": True}).status == 200
            assert guest("GET", "/connections").status == 401  # at once, on another replica

        read = there("GET", f"/connections/{made['id']}")
        assert here("PATCH", f"/connections/{made['id']}", {"port": 1433}, If_Match=read.headers["etag"]).status == 200
        late = there("PATCH", f"/connections/{made['id']}", {"port": 1434}, If_Match=read.headers["etag"])
        assert (late.status, late.json["code"]) == (412, "version-changed")


def test_replicas_that_start_together_make_one_store(store, tmp_path):
    environments = [store, store, store]
    with ExitStack() as running, concurrent.futures.ThreadPoolExecutor(3) as threads:
        started = [
            threads.submit(lambda env=env: running.enter_context(serving(tmp_path / "home", environ=env, tokens={})))
            for env in environments
        ]
        found = [future.result(120) for future in started]
        assert [plane.api(None)("GET", "/status").json for plane in found] == [{"database_connection": "OK"}] * 3


class Writers(Threads):
    """Threads that create connections; `acknowledged` are the names that were answered with 200."""

    def __init__(self, plane):
        super().__init__(4)
        self.acknowledged, self._plane = [], plane

    def once(self, number, count):
        with closing(self._plane.api()) as api:
            try:
                answer = make(api, f"{number}-{count}")
            except (OSError, http.client.HTTPException):
                return  # its worker was killed: nothing was acknowledged
        if answer.status == 200:
            self.acknowledged.append(answer.json["name"])
            self.done()


def test_killed_workers_come_again_and_lose_nothing_that_was_acknowledged(store, tmp_path):
    options = (*MANY, "--workers", "2", "--allow-type", "sqlserver")
    with serving(tmp_path / "home", *options, environ=store) as plane:
        victims = plane.workers()
        with Writers(plane) as writers:
            for victim in victims:
                writers.wait(20)
                os.kill(victim, signal.SIGKILL)
            writers.wait(40)
        assert not set(victims) & set(plane.workers())
        stored, page = set(), 1
        while items := plane.api()("GET", f"/connections?size=100&page={page}").json["items"]:
            stored |= {item["name"] for item in items}
            page += 1
        assert set(writers.acknowledged) <= stored


def test_a_control_plane_goes_on_after_its_database_was_killed(tmp_path, certificate):
    with servers.postgres(certificate) as database:
        store = {
            "QUALYTICS_STORE": f"postgresql://{database.user}@127.0.0.1:{database.port}/postgres",
            "QUALYTICS_STORE_PASSWORD": database.password,
            "QUALYTICS_KEY_FILE": str(tmp_path / "home" / "key"),
        }
        (tmp_path / "home").mkdir(mode=0o700)
        with serving(tmp_path / "home", *MANY, "--allow-type", "sqlserver", environ=store) as plane:
            made = make(plane.api(), "kept").json
            command = servers.kill_postgres(database)
            answer = plane.api()("GET", f"/connections/{made['id']}")
            assert (answer.status, answer.json["code"]) == (503, "store-unreachable")
            assert database.password not in answer.body.decode()
            assert plane.api(None)("GET", "/health").status == 204
            servers.start_postgres(database, command)
            assert plane.api()("GET", f"/connections/{made['id']}").json == made
            assert make(plane.api(), "after").status == 200


def test_a_connection_is_granted_used_and_read_from_a_store_on_postgresql(store, postgres_server, tmp_path, shell):
    home, login = tmp_path / "home", {"username": postgres_server.user, "password": postgres_server.password}
    where = {"host": "127.0.0.1", "port": postgres_server.port, "parameters": {"ssl_mode": "disable"}}
    with ExitStack() as stack:
        plane = stack.enter_context(serving(home, *MANY, "--allow-use", environ=store))
        admin = stack.enter_context(qualytics.connect(plane.url, plane.tokens["Admin"]))
        member = stack.enter_context(qualytics.connect(plane.url, plane.tokens["Member"]))
        admin.connections.create({"type": "postgresql", "name": "pg", **login, **where})
        options = {"sql": "select n from generate_series(1, 2500) n", "verify": True}
        with pytest.raises(NotAllowed, match="'member' has no grant"):
            member.connections.read("pg", qualytics.Scope("sales"), **options)
        grant = admin.grants.create("member", "pg")
        with member.connections.read("pg", qualytics.Scope("sales"), **options) as reader:
            assert sum(batch.num_rows for batch in reader) == 2500
        show = "import os; print(os.environ['PGPORT'])"
        done = shell("run", "--name", "pg", "--", sys.executable, "-c", show, env=plane.environment("Member"))
        assert (done.code, done.out) == (0, f"{postgres_server.port}\n")
        used = [use["purpose"] for use in admin.connections.uses("pg")]
        assert used == [f"run {os.path.basename(sys.executable)}"]  # the last of each user
        admin.grants.delete(grant["id"])
        with pytest.raises(NotAllowed, match="'member' has no grant"):
            member.connections.use("pg", purpose="after the end")
