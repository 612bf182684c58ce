"""Kill -9 at any moment: what was acknowledged stays, and the store opens."""

import os

import pytest

from qualytics.client.local import LocalClient
from qualytics.settings import load
from qualytics.store.sealing.cipher import Key
from qualytics.store.sealing.rotation import forget
from qualytics.store.sqlite.upkeep import backup, check

pytestmark = pytest.mark.slow


def test_every_acknowledged_change_survives_220_kills(crash, settings):
    assert crash("writes", 220) == "220\n"
    assert check(settings)["problems"] == []


def test_a_kill_during_rotation_leaves_a_store_that_opens_and_rotating_again_finishes(crash, settings, seal_count):
    seal_count(settings, 400)
    assert crash("rotations", 60) == "60\n"
    assert len(settings.key_path.read_text().split()) == 1
    forget(settings)
    assert sorted(os.listdir(settings.home)) == ["key", "store.db", "store.lock"]


def test_a_kill_during_rotation_with_keys_of_the_environment_leaves_a_store_that_opens(
    crash, settings, seal_count, monkeypatch
):
    monkeypatch.setenv("QUALYTICS_KEY", Key.generate().text())
    monkeypatch.setenv("QUALYTICS_NEW_KEY", Key.generate().text())
    seal_count(load(), 400)
    assert crash("rotations", 30) == "30\n"
    assert check(load())["ok"]
    assert not settings.key_path.exists()


def test_a_kill_during_restore_leaves_the_old_or_the_new_store_whole(crash, settings, tmp_path):
    for label in "ab":
        with LocalClient(settings) as client:
            for one in list(client.connections.list()):
                client.connections.delete(one["id"])
            for number in range(20):
                fields = {"type": "postgresql", "name": f"{label}{number}", "host": "h", "username": "u"}
                client.connections.create(fields | {"password": "p"})
        backup(settings, tmp_path / label)
    assert crash("restores", 60, tmp_path / "a", tmp_path / "b") == "60\n"
