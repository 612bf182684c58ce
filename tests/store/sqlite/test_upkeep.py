"""Check, backup and restore."""

import os
import random
import shutil
import sqlite3
import stat

import pytest

from qualytics.client.local import LocalClient
from qualytics.errors import Busy, Conflict, KeyMismatch, KeyMissing, NotSignedIn, SealBroken, StoreDamaged, StoreNewer
from qualytics.service.accounts.tokens import Tokens, authenticate
from qualytics.service.accounts.users import Users
from qualytics.service.context import Context
from qualytics.settings import ServerPolicy
from qualytics.store import files, open_store
from qualytics.store.schema import VERSION
from qualytics.store.sqlite.upkeep import backup, check, restore
from qualytics.structs import replace

pytestmark = pytest.mark.slow  # each waits for the disk many times


def spoil(path, *statements):
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)
    database.close()


def test_a_whole_store_has_no_problems(filled, run):
    found = run("store", "check", "--format", "json")
    assert found.code == 0
    counts = {name: found.json[name] for name in ("connections", "datastores", "secrets", "ok", "problems")}
    assert counts == {"connections": 3, "datastores": 1, "secrets": 3, "ok": True, "problems": []}
    assert found.json["key"] == str(filled.key_path)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE secrets SET sealed = x'00' WHERE connection_id = 2", "the sealed password of connections 2"),
        ("UPDATE secrets SET key_id = 'k' WHERE connection_id = 2", "connections 2 names another key"),
        ("UPDATE secrets SET field = 'uri' WHERE connection_id = 2", "the sealed uri of connections 2"),
        ("UPDATE meta SET value = '00' WHERE name = 'key_check'", "key: the sealed key-check of meta 0"),
        ("UPDATE meta SET value = 'other' WHERE name = 'store_id'", "key: the sealed key-check of meta 0"),
        ("UPDATE meta SET value = 'other' WHERE name = 'key_id'", "is not the key of this store"),
        ("UPDATE connections SET parameters = '{' WHERE id = 3", "the parameters of connections 3"),
        ("UPDATE datastores SET tags = '' WHERE id = 1", "the tags of datastores 1"),
        ("DELETE FROM connections WHERE id = 1", "reference without target in datastores"),
    ],
)
def test_check_finds_what_is_wrong_and_exits_with_1(filled, run, statement, words):
    spoil(filled.store_path, statement)
    found = run("store", "check", "--format", "json")
    assert (found.code, found.json["ok"]) == (1, False)
    assert any(words in problem for problem in found.json["problems"])
    assert f"error: {found.json['problems'][0]}" in found.err


def test_check_finds_an_index_that_lacks_a_row(filled):
    spoil(
        filled.store_path,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema "
        "WHERE name = 'datastores_by_connection') WHERE name = 'connections_by_type'",
    )
    assert any(problem.startswith("file: ") for problem in check(filled)["problems"])


def test_a_backup_is_private_whole_and_named_without_its_key(filled, run, tmp_path):
    made = run("store", "backup", tmp_path / "copy", "--format", "json")
    assert made.code == 0
    assert made.json["file"] == str(tmp_path / "copy")
    assert "the key is not in the backup" in made.err
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600
    assert filled.key_path.read_bytes().strip() not in (tmp_path / "copy").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["copy", "home"]


@pytest.mark.parametrize("kind", ["file", "link", "dangling", "directory"])
def test_a_backup_never_overwrites(filled, run, tmp_path, kind):
    target = tmp_path / "copy"
    {
        "file": lambda: target.write_text("mine"),
        "link": lambda: target.symlink_to(filled.store_path),
        "dangling": lambda: target.symlink_to(tmp_path / "nowhere"),
        "directory": target.mkdir,
    }[kind]()
    refused = run("store", "backup", target)
    assert (refused.code, refused.out) == (2, "")
    assert f"error: {target} is already there" in refused.err
    assert sorted(os.listdir(tmp_path)) == ["copy", "home"]


def test_a_name_that_appears_meanwhile_is_not_overwritten_either(tmp_path):
    (tmp_path / "new").write_text("new")
    (tmp_path / "there").write_text("there")
    with pytest.raises(FileExistsError):
        files.place_new(tmp_path / "new", tmp_path / "there")
    assert (tmp_path / "there").read_text() == "there"


def test_a_backup_into_no_directory_is_refused(filled, run, tmp_path):
    refused = run("store", "backup", tmp_path / "no" / "copy")
    assert refused.code == 2
    assert f"error: there is no directory {tmp_path / 'no'}" in refused.err


@pytest.fixture
def changed(filled, tmp_path):
    """Return settings of a store that was backed up to `copy` with three connections and has one now."""
    backup(filled, tmp_path / "copy")
    with LocalClient(filled) as client:
        client.connections.delete(2)
        client.connections.delete(3)
    return filled


def count(settings):
    with LocalClient(settings) as client:
        return len(list(client.connections.list()))


def test_a_restore_brings_back_what_was_backed_up(changed, run, tmp_path, secrets_of):
    copy = (tmp_path / "copy").read_bytes()
    restored = run("store", "restore", tmp_path / "copy", "--format", "json")
    assert (restored.code, restored.json["store"]) == (0, str(changed.store_path))
    assert len(secrets_of(changed)) == 3
    assert check(changed)["ok"]
    assert stat.S_IMODE(changed.store_path.stat().st_mode) == 0o600
    assert (tmp_path / "copy").read_bytes() == copy
    assert sorted(os.listdir(changed.home)) == ["key", "store.db", "store.lock"]
    assert sorted(os.listdir(tmp_path)) == ["copy", "home"]


def test_a_restore_into_an_empty_home_needs_the_key_there(changed, tmp_path, secrets_of):
    fresh = replace(changed, home=tmp_path / "fresh")
    with pytest.raises(KeyMissing):
        restore(fresh, tmp_path / "copy")
    assert sorted(os.listdir(fresh.home)) == ["store.lock"]
    shutil.copy(changed.key_path, fresh.home / "key")
    restore(fresh, tmp_path / "copy")
    assert len(secrets_of(fresh)) == 3


def test_a_restore_replaces_a_store_that_is_damaged(changed, tmp_path, secrets_of):
    changed.store_path.write_bytes(b"garbage" * 1_000)
    (changed.home / "store.db-wal").write_bytes(b"garbage" * 1_000)
    restore(changed, tmp_path / "copy")
    assert len(secrets_of(changed)) == 3


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def emptied(path):
    os.truncate(path, 0)


def scrambled(path):
    path.write_bytes(random.Random(1).randbytes(40_000))


def newer(path):
    spoil(path, f"PRAGMA user_version = {VERSION + 1}")


def foreign(path):
    path.unlink()
    spoil(path, "CREATE TABLE connections (id)")


def orphaned(path):
    spoil(path, "DELETE FROM connections WHERE id = 1")


def other_key(path):
    spoil(path, "UPDATE meta SET value = '0123456789abcdef' WHERE name = 'key_id'")


def false_check(path):
    spoil(path, "UPDATE meta SET value = '00' WHERE name = 'key_check'")


def broken_seal(path):
    spoil(path, "UPDATE secrets SET sealed = zeroblob(40) WHERE connection_id = 3")


@pytest.mark.parametrize(
    ("harm", "error"),
    [
        *((harm, StoreDamaged) for harm in (cut, emptied, scrambled, foreign, orphaned)),
        *((newer, StoreNewer), (other_key, KeyMismatch), (false_check, SealBroken), (broken_seal, SealBroken)),
    ],
)
def test_a_restore_refuses_what_is_not_whole_and_changes_nothing(changed, tmp_path, harm, error, run):
    harm(tmp_path / "copy")
    before = changed.store_path.read_bytes()
    with pytest.raises(error) as caught:
        restore(changed, tmp_path / "copy")
    assert ".restore" not in str(caught.value)
    assert changed.store_path.read_bytes() == before
    assert count(changed) == 1
    assert sorted(os.listdir(changed.home)) == ["key", "store.db", "store.lock"]
    refused = run("store", "restore", tmp_path / "copy")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("error: ")


def test_a_restore_of_nothing_is_refused(changed, run, tmp_path):
    for source in (tmp_path / "none", tmp_path):
        refused = run("store", "restore", source)
        assert refused.code == 2
        assert f"error: there is no file {source}" in refused.err


def test_a_restore_from_an_odd_path_works(changed, tmp_path, secrets_of):
    odd = tmp_path / "a?mode=memory#%41"
    os.rename(tmp_path / "copy", odd)
    restore(changed, odd)
    assert len(secrets_of(changed)) == 3


def test_a_restore_waits_for_users_of_the_store_and_says_busy(changed, tmp_path):
    with open_store(changed), pytest.raises(Busy):
        restore(changed, tmp_path / "copy")
    assert count(changed) == 1


def test_a_client_can_restore_and_go_on(changed, tmp_path):
    with LocalClient(changed) as client:
        client.connections.get(1)
        client.upkeep.restore(tmp_path / "copy")
        assert client.connections.get(3)["name"] == "c3"


@pytest.fixture
def signed_in(settings):
    """Return the settings of a store that a control plane serves, a token of it, and one that is revoked."""
    shared = replace(settings, policy=ServerPolicy())
    with Context(shared) as context:
        Users(context).create({"name": "ada", "role": "Admin"})
        good, ended = (Tokens(context).create("t", user="ada") for _ in range(2))
        Tokens(context).revoke(ended["id"])
        with context.writing():
            context.store.execute("INSERT INTO logins (hash, kind, detail, expires) VALUES ('h', 'code', '{}', '9')")
    return shared, good["bearer_token"], ended


def is_good(settings, bearer):
    with Context(settings) as context:
        try:
            return authenticate(context, bearer).name == "ada"
        except NotSignedIn:
            return False


def test_a_restore_ends_every_token_and_sign_in_for_good_and_says_so(signed_in, run, raw, tmp_path):
    settings, bearer, ended = signed_in
    run("store", "backup", tmp_path / "copy")
    restored = run("store", "restore", tmp_path / "copy", "--format", "json")
    assert (restored.code, restored.json["tokens_ended"]) == (0, 2)  # that of the first Admin, too
    assert "note: 2 tokens and all sign-ins were ended" in restored.err
    assert not is_good(settings, bearer)
    assert raw(settings, "SELECT count(*) FROM logins") == [(0,)]
    with Context(settings) as context:
        for number in (1, 2, ended["id"]):
            with pytest.raises(Conflict, match="and cannot be restored"):
                Tokens(context).revoke(number, revoke=False)
        assert is_good(settings, Tokens(context).create("new", user="ada")["bearer_token"])


def test_a_restore_keeps_tokens_where_that_is_asked_for(signed_in, run, raw, tmp_path):
    settings, bearer, _ = signed_in
    run("store", "backup", tmp_path / "copy")
    with Context(settings) as context:
        Users(context).create({"name": "bob", "role": "Admin", "issuer": "https://i.example", "subject": "s"})
        Users(context).delete(1)
    assert not is_good(settings, bearer)
    restored = run("store", "restore", tmp_path / "copy", "--keep-tokens", "--format", "json")
    assert (restored.code, restored.json["tokens_ended"]) == (0, 0)
    assert "including those revoked since" in restored.err
    assert is_good(settings, bearer)


def test_a_restore_without_tokens_says_nothing_of_them(changed, run, tmp_path):
    restored = run("store", "restore", tmp_path / "copy")
    assert (restored.code, restored.err) == (0, "")
