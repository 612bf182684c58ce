"""Connections of a control plane as this machine uses them: commands, reads, and when these end."""

import json
import sys
import threading
import time
from contextlib import closing

import pytest
from pyarrow import parquet

import qualytics
from qualytics.errors import NotAllowed, NotSignedIn, Unreachable
from testbed import servers
from tests.support.misbehaving_http import CONNECTION, TOKEN, reply, scripted

CANARY = "c4n'\"$(x) %ry"  # allow: a canary
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
# Each row is more than a server keeps in its buffer.
SLOW = "select n, repeat('x', 9000) as wide, pg_sleep(0.05)::text as nap from generate_series(1, 100000) n"


@pytest.fixture
def connected(fresh_plane):
    """Return a client of the Admin of a control plane."""
    with qualytics.connect(fresh_plane.url, fresh_plane.tokens["Admin"]) as client:
        yield client


@pytest.mark.slow
def test_a_command_finds_the_connection_once_that_is_granted(shell, fresh_plane, connected):
    server = {"type": "postgresql", "host": "db.example.com", "username": "u"}
    connected.connections.create({**server, "name": "pg", "password": CANARY})
    words = ("run", "--name", "pg", "--", sys.executable, "-c", SHOW)
    refused = shell(*words, env=fresh_plane.environment("Member"))
    assert (refused.code, refused.out) == (4, "")
    assert refused.err.splitlines() == [
        "error: 'member' has no grant to use connection 'pg'",
        "hint: an Admin can give one: qualytics grants create --user member --connection pg",
    ]
    connected.grants.create("member", "pg")
    found = json.loads(shell(*words, env=fresh_plane.environment("Member")).out)
    assert (found["PGPASSWORD"], found["PG_PASSWORD"], found["PGHOST"]) == (CANARY, CANARY, "db.example.com")
    assert found["PGSSLMODE"] == "verify-full"  # what the control plane has for a connection without a mode
    last = next(iter(connected.connections.uses("pg")))  # ids begin anew for each test, and the audit log does not
    assert (last["user"]["name"], last["purpose"]) == ("member", f"run {sys.executable.split('/')[-1]}")


@pytest.mark.slow
def test_the_last_use_stands_beside_the_usages_and_no_output_has_the_secret(remotely, connected):
    fields = {"type": "postgresql", "host": "db.example.com", "password": CANARY, "name": "pg"}
    connected.connections.create(fields)
    connected.grants.create("admin", "pg", 7)
    used = connected.connections.use("pg", purpose="nightly load")
    assert used.secrets["password"].reveal() == CANARY
    assert CANARY not in f"{used!r} {used.secrets} {vars(used)}"
    done = remotely("connections", "usages", "pg")
    assert done.code == 0
    assert "note: last used by 'admin' at 2" in done.err
    outputs = [remotely(*words.split(), "-f", "json") for words in ("grants list", "audit list", "connections get pg")]
    outputs += [done, remotely("connections", "use", "pg"), remotely("connections", "test", "pg", "--debug")]
    assert not any(CANARY in output.out + output.err for output in outputs)
    for purpose in ("x" * 201, "the \u202eload"):
        with pytest.raises(qualytics.InvalidInput, match="purpose"):
            connected.connections.use("pg", purpose=purpose)


@pytest.mark.slow
def test_rows_are_read_on_this_machine_with_their_receipt(remotely, connected, allowed_files, tmp_path):
    connected.connections.create({"type": "sqlite", "name": "sales", "uri": str(allowed_files / "sales.sqlite")})
    connected.datastores.create({"name": "orders", "connection_id": 1})
    target = tmp_path / "orders.parquet"
    words = ("datastores", "read", "orders", "--sql", "select 7 as seven", "--output", str(target))
    assert remotely(*words, who="Manager").code == 4
    assert not target.exists()
    connected.grants.create("manager", "sales")
    done = remotely(*words, who="Manager")
    assert (done.code, done.out) == (0, "")
    assert parquet.read_table(target).to_pylist() == [{"seven": 7}]
    receipt = json.loads(parquet.read_metadata(target).metadata[b"qualytics.receipt"])
    assert (receipt["source"]["connection"], receipt["source"]["datastore"]) == ("sales", "orders")


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("ended", ["grant", "token"])
def test_a_read_under_way_ends_within_a_minute_of_the_right_to_it(fresh_plane, connected, postgres_server, ended):
    login = {"username": postgres_server.user, "password": postgres_server.password}
    where = {"host": "127.0.0.1", "port": postgres_server.port, "parameters": {"ssl_mode": "disable"}}
    connected.connections.create({"type": "postgresql", "name": "pg", **login, **where})
    grant = connected.grants.create("member", "pg")
    token = connected.tokens.create("reader", 1, "member")
    with qualytics.connect(fresh_plane.url, token["bearer_token"]) as reading:
        reader = reading.connections.read("pg", qualytics.Scope("sales"), sql=SLOW, fetch_size=10)
    found, came = [], threading.Event()

    def take():
        try:
            for _ in reader:
                came.set()
        except qualytics.QualyticsError as error:
            found.append(error)

    taking = threading.Thread(target=take)
    with reader:
        taking.start()
        assert came.wait(60)
        if ended == "grant":
            connected.grants.delete(grant["id"])
        else:
            connected.tokens.revoke(token["id"])
        taking.join(60)
        assert [type(error) for error in found] == [NotAllowed if ended == "grant" else NotSignedIn]
        with closing(servers.postgres_admin(postgres_server)) as admin:
            of_reads = "query like '%pg_sleep(0.05)%' and pid <> pg_backend_pid() and state <> 'idle'"
            until = time.monotonic() + 60  # a server sees at its next row that nobody listens
            while admin.execute(f"select count(*) from pg_stat_activity where {of_reads}").fetchone() != (0,):
                assert time.monotonic() < until


def test_an_older_control_plane_tells_of_no_uses(run):
    level = {"API-Level": "2"}

    def answer(asked):
        if asked.target.endswith("/uses"):
            return reply(404, {"code": "not-found", "message": "not found", "hint": None}, level)
        return reply(200, {**CONNECTION, "datastores": []}, level)

    with scripted(answer) as server:
        done = run("connections", "usages", "--id", "7", env={"QUALYTICS_TOKEN": TOKEN, "QUALYTICS_URL": server.url})
    assert (done.code, done.err) == (0, "")


def test_masks_in_place_of_secrets_are_no_answer():
    masked = reply(200, {**CONNECTION, "password": "********"}, {"API-Level": "2"})
    with (
        scripted(masked) as server,
        qualytics.connect(server.url, TOKEN) as client,
        pytest.raises(Unreachable, match="masks"),
    ):
        client.connections.use(7, purpose="a test")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"id": 8}, "another connection than was asked for"),
        ({"id": "7"}, "is not a connection"),
        ({"name": 7}, "is not a connection"),
        ({"type": ["postgresql"]}, "is not a connection"),
        ({"parameters": ["ssl_mode"]}, "is not a connection"),
    ],
)
def test_what_is_no_answer_to_a_use_is_refused(answer, words):
    given = reply(200, {**CONNECTION, "password": CANARY, **answer}, {"API-Level": "2"})
    with scripted(given) as server, qualytics.connect(server.url, TOKEN) as client:
        with pytest.raises(Unreachable, match=words) as refused:
            client.connections.use(7, purpose="nightly load")
        assert CANARY not in f"{refused.value!r} {refused.value}"
