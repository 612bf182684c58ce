"""Reads of a hot standby: its sessions share a snapshot, too, until it goes on with what its primary has changed."""

import time
from contextlib import closing

import pyarrow as pa
import pytest

from qualytics.errors import ReadFailed
from qualytics.model import Scope
from testbed import servers

pytestmark = pytest.mark.servers

SCOPE = Scope("postgres", "public")


@pytest.fixture
def primary():
    with servers.postgres(hba="host replication all 127.0.0.0/8 scram-sha-256") as server:
        with closing(servers.postgres_admin(server)) as admin:
            admin.execute("create table changed as select n, repeat('x', 300) as s from generate_series(1, 60000) n")
        yield server


def test_a_standby_is_read_in_one_snapshot_and_says_why_it_ends_a_read(client, primary):
    # It waits for no statement.
    with (
        servers.postgres_standby(primary, max_standby_streaming_delay="0") as standby,
        closing(servers.postgres_admin(primary)) as admin,
        closing(servers.postgres_admin(standby)) as asking,
    ):

        def is_as_far():
            (place,) = admin.execute("select pg_current_wal_lsn()::text").fetchone()
            return asking.execute("select pg_last_wal_replay_lsn() >= %s::pg_lsn", (place,)).fetchone()[0]

        login = {"username": standby.user, "password": standby.password, "host": standby.host, "port": standby.port}
        client.connections.create(
            {"type": "postgresql", "name": "standby", **login, "parameters": {"ssl_mode": "disable"}}
        )
        with client.connections.read(1, SCOPE, table="changed", parallel=3, verify=True) as reader:
            assert sorted(pa.table(reader).column("n").to_pylist()) == list(range(1, 60001))
        assert reader.receipt["parallel"] == 3
        assert reader.receipt["verified"] == {"count": 60000, "ok": True}
        with client.connections.read(1, SCOPE, table="changed", fetch_size=10) as reader:
            batches = iter(reader)
            next(batches)
            admin.execute("delete from changed where n % 7 = 0")
            admin.execute("vacuum changed")
            until = time.monotonic() + 60
            while not is_as_far():
                assert time.monotonic() < until
                time.sleep(0.01)
            with pytest.raises(ReadFailed) as failed:
                list(batches)
    assert "in partition 0: 40001" in failed.value.message
    assert (
        failed.value.report["message"] == "the standby ended the statement, to go on with what its primary has changed"
    )
    assert "hot_standby_feedback" in failed.value.hint
