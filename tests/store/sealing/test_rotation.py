"""Rotation: afterwards nothing opens with the old key alone, not even what the files still hold."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from qualytics.client.local import LocalClient
from qualytics.errors import Busy, KeyInvalid, KeyMismatch, SealBroken, UsageError
from qualytics.secret import Secret
from qualytics.store import open_store
from qualytics.store.sealing.cipher import Cell, Key
from qualytics.store.sealing.rotation import forget, rotate
from qualytics.store.sqlite.upkeep import backup, check, restore
from qualytics.structs import replace

pytestmark = pytest.mark.slow  # each waits for the disk many times


def sealed_in(path):
    database = sqlite3.connect(path)
    found = [row[0] for row in database.execute("SELECT sealed FROM secrets")]
    database.close()
    return found


def everything_in(home):
    return b"".join((home / name).read_bytes() for name in os.listdir(home))


@pytest.mark.slow  # hundreds of secrets
def test_after_a_rotation_no_byte_of_an_old_ciphertext_or_key_is_left(settings, seal_count, secrets_of):
    seal_count(settings, 300)
    before = secrets_of(settings)
    with LocalClient(settings) as client:  # pages that were split, merged and freed
        for number in range(1, 300, 3):
            client.connections.update(number, {"password": "x" * number})
            client.connections.delete(number + 1)
    before = secrets_of(settings)
    old, old_key = sealed_in(settings.store_path), settings.key_path.read_bytes()

    done = rotate(settings, forget=True)
    assert done["secrets"] == len(before) == 200
    assert secrets_of(settings) == before
    raw = everything_in(settings.home)
    assert not [sealed for sealed in old if sealed[12:28] in raw]
    assert old_key.strip() not in raw
    assert sealed_in(settings.store_path)[0] in raw

    settings.key_path.write_bytes(old_key)
    with pytest.raises(KeyMismatch):
        secrets_of(settings)
    spare = Key.parse(old_key.decode(), "old")
    with open_store(settings) as store:
        cell = Cell(store.store_id, "connections", 1, "password")
        for sealed in sealed_in(settings.store_path):
            with pytest.raises(SealBroken):
                spare.open(cell, sealed)


def test_a_deleted_or_replaced_secret_is_not_left_in_the_file(filled):
    first, second, third = sealed_in(filled.store_path)
    with LocalClient(filled) as client:
        client.connections.delete(2)
        client.connections.update(3, {"password": "another one"})
    raw = everything_in(filled.home)
    assert first in raw
    assert second[12:28] not in raw
    assert third[12:28] not in raw


@pytest.mark.both_stores
def test_keys_of_killed_rotations_are_removed(filled, secrets_of):
    leftover = filled.home / ".key.12345.tmp"
    leftover.write_text(Key.generate().text())
    rotate(filled)
    assert not leftover.exists()


@pytest.mark.parametrize("is_old_first", [False, True])
@pytest.mark.both_stores
def test_with_both_keys_in_the_file_either_state_opens_and_check_says_what_to_do(filled, secrets_of, is_old_first):
    old = filled.key_path.read_text()
    rotate(filled)
    new = filled.key_path.read_text()
    filled.key_path.write_text(old + new if is_old_first else new + old)
    assert len(secrets_of(filled)) == 3
    assert check(filled)["problems"] == ["key: a rotation was interrupted; run qualytics keys rotate again"]
    rotate(filled)
    assert check(filled)["ok"]


def test_a_broken_secret_stops_a_rotation_and_the_old_key_stays(filled, run):
    with sqlite3.connect(filled.store_path) as database:
        database.execute("UPDATE secrets SET sealed = zeroblob(40) WHERE connection_id = 2")
    database.close()
    key = filled.key_path.read_bytes()
    refused = run("keys", "rotate")
    assert (refused.code, refused.out) == (1, "")
    assert "error: the sealed password of connections 2 was changed" in refused.err
    assert filled.key_path.read_bytes() == key
    assert len(check(filled)["problems"]) == 1


def test_a_rotation_waits_for_users_of_the_store_and_says_busy(filled):
    with open_store(filled), pytest.raises(Busy):
        rotate(filled)
    assert check(filled)["ok"]


def test_a_rotation_is_not_done_while_a_foreign_reader_keeps_the_old_log(filled, secrets_of):
    reader = sqlite3.connect(filled.store_path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM secrets").fetchall()
    with pytest.raises(Busy):
        rotate(filled)
    reader.close()
    assert len(secrets_of(filled)) == 3
    rotate(filled)
    assert check(filled)["ok"]


@pytest.mark.both_stores
def test_a_client_can_rotate_and_go_on(filled):
    with LocalClient(filled) as client:
        client.connections.get(1)
        client.upkeep.rotate()
        client.connections.update(1, {"password": "new"})
        assert client.upkeep.check()["ok"]


def in_environment(settings, key, new_key=None):
    return replace(settings, key=Secret(key), new_key=new_key and Secret(new_key))


@pytest.mark.both_stores
def test_keys_of_the_environment_rotate_from_one_to_the_other(settings, seal_count, secrets_of):
    old, new = Key.generate().text(), Key.generate().text()
    seal_count(in_environment(settings, old), 5)
    both = in_environment(settings, old, new)
    assert len(secrets_of(both)) == 5
    with pytest.raises(UsageError, match="must come from QUALYTICS_NEW_KEY"):
        rotate(in_environment(settings, old))
    with pytest.raises(UsageError, match="its old ones are not on this disk"):
        forget(both)
    with pytest.raises(UsageError, match="in use already"):
        rotate(in_environment(settings, old, old))
    first, again = rotate(both), rotate(both)
    assert first["secrets"] == again["secrets"] == 5
    assert first["old_key_file"] is again["old_key_file"] is None
    assert first["new_key"] == again["new_key"] == again["old_key"] != first["old_key"]
    assert check(both)["ok"]
    assert len(secrets_of(both)) == len(secrets_of(in_environment(settings, new))) == 5
    with pytest.raises(KeyMismatch):
        secrets_of(in_environment(settings, old))
    assert not [name for name in os.listdir(settings.home) if name.startswith("key")]


@pytest.mark.both_stores
def test_a_new_key_of_the_environment_goes_into_the_key_file(filled, secrets_of):
    new = Key.generate()
    done = rotate(replace(filled, new_key=Secret(new.text())))
    assert done["new_key"] == new.id
    assert done["old_key_file"] == f"{filled.key_path}.1"
    assert filled.key_path.read_text() == new.text() + "\n"
    assert len(secrets_of(filled)) == 3


def test_a_backup_of_before_needs_the_key_of_before(filled, tmp_path, secrets_of):
    old = filled.key_path.read_text()
    backup(filled, tmp_path / "copy")
    rotate(filled, forget=True)
    with pytest.raises(KeyMismatch):
        restore(filled, tmp_path / "copy")
    assert len(secrets_of(filled)) == 3
    filled.key_path.write_text(old)
    restore(filled, tmp_path / "copy")
    assert len(secrets_of(filled)) == 3


def test_backups_of_before_are_restored_with_the_keys_that_were_kept(filled, tmp_path, secrets_of):
    before = secrets_of(filled)
    done = []
    for name in ("first", "second"):
        backup(filled, tmp_path / name)
        done.append(rotate(filled))
    kept = [Path(one["old_key_file"]) for one in done]
    assert [path.name for path in kept] == ["key.1", "key.2"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert not any(kept[0].read_bytes()[:44] in (tmp_path / name).read_bytes() for name in ("first", "second"))
    for name, one in zip(("first", "second"), done, strict=True):
        assert restore(filled, tmp_path / name)["key_id"] == one["old_key"]
        assert secrets_of(filled) == before
        report = check(filled)
        assert (report["ok"], report["old_keys"], report["key_id"]) == (True, 2, one["old_key"])
    current = filled.key_path.read_text()  # of no store now, but backups made meanwhile may need it
    last = rotate(filled)
    assert (last["old_key"], last["old_key_file"]) == (done[1]["old_key"], str(kept[1]))
    assert Path(f"{filled.key_path}.3").read_text().startswith(current)
    assert secrets_of(filled) == before


@pytest.mark.both_stores
def test_old_keys_are_kept_until_they_are_forgotten_and_one_in_use_stays(filled, secrets_of):
    first = rotate(filled)
    second = rotate(filled)
    old = filled.key_path.with_name("key.1").read_text().splitlines()[0]
    stranger = filled.key_path.with_name("key.7")
    stranger.write_text(Key.generate().text() + "\n")
    stranger.chmod(0o600)
    assert check(filled)["old_keys"] == 2
    listed = [{"file": one["old_key_file"], "key_id": one["old_key"]} for one in (first, second)]
    assert forget(filled, dry_run=True) == {"old_keys": listed, "forgotten": False}
    assert check(filled)["old_keys"] == 2
    assert forget(filled) == {"old_keys": listed, "forgotten": True}
    assert forget(filled) == {"old_keys": [], "forgotten": True}
    assert check(filled)["old_keys"] == 0
    assert stranger.exists()  # what no rotation has made is not ours to remove
    assert old not in "".join(path.read_text() for path in filled.home.glob("key*"))
    assert len(secrets_of(filled)) == 3


def test_a_key_that_a_restored_store_uses_is_not_forgotten(filled, tmp_path, secrets_of):
    backup(filled, tmp_path / "copy")
    rotate(filled)
    rotate(filled)
    restore(filled, tmp_path / "copy")
    assert [Path(one["file"]).name for one in forget(filled)["old_keys"]] == ["key.2"]
    assert len(secrets_of(filled)) == 3
    rotate(filled, forget=True)
    assert sorted(path.name for path in filled.home.glob("key*")) == ["key"]
    assert check(filled)["ok"]


@pytest.mark.both_stores
def test_an_old_key_that_others_can_read_stops_a_rotation_before_anything_is_changed(filled, secrets_of):
    done = rotate(filled)
    Path(done["old_key_file"]).chmod(0o644)
    with pytest.raises(KeyInvalid, match="other users can read"):
        rotate(filled)
    assert check(filled)["problems"] == [f"key: other users can read {done['old_key_file']}"]
    assert check(filled)["key_id"] == done["new_key"]
    assert len(secrets_of(filled)) == 3


@pytest.mark.both_stores
def test_what_a_killed_rotation_has_left_in_the_key_file_is_kept(filled, secrets_of):
    old = filled.key_path.read_text()
    new = rotate(filled, forget=True)["new_key"]
    filled.key_path.write_text(filled.key_path.read_text() + old)  # as it is when the kill comes after the commit
    done = rotate(filled)
    assert done["old_key"] == new
    assert filled.key_path.with_name("key.1").read_text().startswith(old)
    assert done["old_key_file"] == f"{filled.key_path}.2"
