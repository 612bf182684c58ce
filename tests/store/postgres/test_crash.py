"""Kill -9 of workers and of PostgreSQL itself: what was acknowledged stays, and the same pool goes on."""

from contextlib import closing

import pytest

from qualytics.errors import Busy, StoreUnreachable
from qualytics.secret import Secret
from qualytics.settings import Settings
from qualytics.store import open_pool, open_store
from qualytics.store.sqlite.upkeep import check
from qualytics.structs import replace
from testbed import servers
from tests.support.threads import Threads

pytestmark = [pytest.mark.slow, pytest.mark.servers]


@pytest.fixture
def settings(settings, on_postgres):
    """Return settings of a store on PostgreSQL, with the patience of a server."""
    return replace(on_postgres(settings), busy_s=20.0)


def test_every_acknowledged_change_survives_120_kills_of_workers(crash, settings):
    with open_store(settings):
        pass
    assert crash("writes", 120) == "120\n"
    assert check(settings)["problems"] == []


def test_a_kill_during_rotation_leaves_a_store_that_opens_and_rotating_again_finishes(crash, settings, seal_count):
    seal_count(settings, 400)
    assert crash("rotations", 30) == "30\n"
    assert len(settings.key_path.read_text().split()) == 1


class Writers(Threads):
    """Threads that create connections through one pool; each name is kept as acknowledged or as unknown."""

    def __init__(self, pool):
        super().__init__(4)
        self.acknowledged, self.unknown, self._pool = [], [], pool

    def once(self, number, count):
        name = f"w{number}-{count}"
        try:
            with self._pool.lease() as store, store.writing():
                store.connections.insert(name, name, "mysql", {"host": "h"}, {"password": Secret(name)}, "now")
        except (StoreUnreachable, Busy):
            self.unknown.append(name)
        else:
            self.acknowledged.append(name)
            self.done()


def test_nothing_acknowledged_is_lost_when_postgresql_is_killed_under_load_and_the_pool_finds_it_again(home):
    with servers.postgres() as server:
        url = f"postgresql://{server.user}:{server.password}@127.0.0.1:{server.port}/postgres"
        home.mkdir(parents=True, mode=0o700)
        settings = Settings(home=home, key_file=home / "key", store_url=Secret(url), busy_s=20.0)
        with closing(open_pool(settings)) as pool, Writers(pool) as writers:
            for _ in range(3):
                writers.wait(100)
                command = servers.kill_postgres(server)
                servers.start_postgres(server, command)
                writers.drain()
            writers.wait(100)
        with open_store(settings) as store:
            found = {one.name: one.id for one in store.connections.select()}
            assert set(writers.acknowledged) <= found.keys() <= {*writers.acknowledged, *writers.unknown}
            assert all(store.connections.secrets(row)["password"].reveal() == name for name, row in found.items())
        assert len(writers.acknowledged) >= 400
        assert writers.unknown
        assert check(settings)["ok"]
