"""Opening: private files whatever the umask, links and strangers refused, damage named."""

import os
import random
import re
import sqlite3
import stat

import pytest

from qualytics.client.local import LocalClient
from qualytics.errors import Busy, QualyticsError, StoreDamaged, StoreError, StoreNewer, StoreUnsafe
from qualytics.model import ListQuery
from qualytics.settings import Settings
from qualytics.store import open_store
from qualytics.store.schema import VERSION
from qualytics.store.sqlite import lock
from qualytics.store.sqlite.upkeep import backup, check
from qualytics.structs import replace

CREATE = ("connections", "create", "--type", "postgresql", "--host", "h", "--username", "u", "--password", "p")


def modes(place):
    return {name: stat.S_IMODE(os.lstat(place / name).st_mode) for name in os.listdir(place)}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777], ids=oct)
def test_files_are_private_whatever_the_umask(settings, filled_under, tmp_path, umask):
    before = os.umask(umask)
    try:
        found = filled_under()
        backup(settings, tmp_path / "copy")
    finally:
        os.umask(before)
    assert found == dict.fromkeys(["key", "store.db", "store.db-shm", "store.db-wal", "store.lock"], 0o600)
    assert modes(tmp_path)["copy"] == 0o600
    for directory in (settings.home, settings.home.parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.fixture
def filled_under(settings):
    """Return a function that writes a connection and returns the modes of all files while the store is open."""

    def fill():
        with LocalClient(settings) as client:
            client.connections.create(
                {"type": "postgresql", "name": "a", "host": "h", "username": "u", "password": "p"}
            )
            return modes(settings.home)

    return fill


def test_files_that_others_could_read_are_tightened(filled):
    for name in os.listdir(filled.home):
        if name != "key":
            (filled.home / name).chmod(0o666)
    filled.home.chmod(0o777)
    assert check(filled)["ok"]
    assert set(modes(filled.home).values()) == {0o600}
    assert stat.S_IMODE(filled.home.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["store.db", "store.db-wal", "store.db-shm", "store.lock"])
def test_a_link_in_the_place_of_a_file_is_refused(filled, run, tmp_path, name):
    target = tmp_path / "target"
    path = filled.home / name
    if path.exists():
        os.rename(path, target)
    else:
        target.write_bytes(b"")
    path.symlink_to(target)
    before = target.read_bytes()
    refused = run(*CREATE)
    assert (refused.code, refused.out) == (1, "")
    assert f"error: {path} is a symbolic link" in refused.err
    assert target.read_bytes() == before


def test_a_dangling_link_is_refused_and_nothing_is_made_behind_it(settings, run, tmp_path):
    settings.home.mkdir(parents=True)
    settings.store_path.symlink_to(tmp_path / "nowhere")
    assert "is a symbolic link" in run(*CREATE).err
    assert sorted(os.listdir(tmp_path)) == ["home"]


def test_a_linked_home_is_refused_with_the_way_to_the_real_one(settings, run, tmp_path):
    real = tmp_path / "real"
    real.mkdir(mode=0o755)
    settings.home.parent.mkdir()
    settings.home.symlink_to(real)
    refused = run(*CREATE)
    assert refused.code == 1
    assert f"error: {settings.home} is a symbolic link" in refused.err
    assert str(real) in refused.err
    assert (os.listdir(real), stat.S_IMODE(real.stat().st_mode)) == ([], 0o755)


@pytest.mark.parametrize("name", ["store.db", "store.lock"])
def test_a_directory_or_pipe_in_the_place_of_a_file_is_refused(settings, name):
    settings.home.mkdir(parents=True)
    (settings.home / name).mkdir()
    with pytest.raises(StoreUnsafe, match="is not a regular file"):
        open_store(settings)
    (settings.home / name).rmdir()
    os.mkfifo(settings.home / name)
    with pytest.raises(StoreUnsafe, match="is not a regular file"):
        open_store(settings)


def test_a_home_below_a_file_is_a_named_error(settings, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Not a directory"):
        open_store(replace(settings, home=tmp_path / "file" / "home"))
    with pytest.raises(StoreError, match="is not a directory"):
        open_store(replace(settings, home=tmp_path / "file"))


@pytest.mark.parametrize("what", ["home", "store.db"])
def test_what_belongs_to_somebody_else_is_refused(filled, what):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to somebody else")
    os.chown(filled.home if what == "home" else filled.home / what, 12_345, 12_345)
    with pytest.raises(StoreUnsafe, match="belongs to another user"):
        open_store(filled)


def test_a_home_that_cannot_be_written_is_a_named_error(run, tmp_path, mounted):
    if os.geteuid() == 0:  # whom modes do not stop
        closed = mounted("ro,size=64k,mode=700")
    else:
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
    for home in (closed, closed / "home"):
        refused = run(*CREATE, env={"QUALYTICS_CONFIG_HOME": str(home)})
        assert (refused.code, refused.out) == (1, "")
        assert re.match(rf"error: {home}.*: (Read-only file system|Permission denied)\nhint: ", refused.err)


def test_the_paths_may_hold_any_character(settings, seal_count, secrets_of, tmp_path):
    odd = replace(settings, home=tmp_path / "a?b#c%41 &'\"\\ü" / "home")
    seal_count(odd, 1)
    assert secrets_of(odd) == {"n0": "canary-0"}
    assert sorted(os.listdir(odd.home)) == ["key", "store.db", "store.lock"]


def cut_to(length):
    def spoil(path):
        os.truncate(path, length)

    return spoil


def half(path):
    os.truncate(path, path.stat().st_size // 2)


def garbage(path):
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def text(path):
    path.write_text("name,host\na,b\n" * 1_000)


def foreign(path):
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE connections (id INTEGER)")
    database.close()


def without_tables(path):
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE secrets")
    database.close()


def without_meta(path):
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM meta WHERE name = 'key_id'")
    database.close()


def with_bad_meta(path):
    with sqlite3.connect(path) as database:
        database.execute("UPDATE meta SET value = 'no hex' WHERE name = 'key_check'")
    database.close()


def unversioned(path):
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = -1")
    database.close()


@pytest.mark.parametrize(
    "spoil",
    [
        *(cut_to(0), cut_to(1), cut_to(99), cut_to(4_096), half, garbage, text),
        *(foreign, without_tables, without_meta, with_bad_meta, unversioned),
    ],
)
def test_a_damaged_store_is_a_named_error_and_stays_as_it_is(filled, run, spoil):
    spoil(filled.store_path)
    before = filled.store_path.read_bytes()
    key = filled.key_path.read_bytes()
    for command in (("connections", "list"), CREATE, ("keys", "rotate")):
        refused = run(*command)
        assert (refused.code, refused.out) == (1, ""), command
        assert refused.err.startswith("error: ")
        assert "is not a complete store of this program" in refused.err
        assert "hint: restore a backup: qualytics store restore FILE" in refused.err
    assert run("store", "check").code == 1
    assert filled.store_path.read_bytes() == before
    assert filled.key_path.read_bytes() == key


def test_a_newer_store_is_refused_and_not_touched(filled, run):
    with sqlite3.connect(filled.store_path) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    before = filled.store_path.read_bytes()
    with pytest.raises(StoreNewer, match=f"schema {VERSION + 1}, known here is {VERSION}"):
        open_store(filled)
    assert "hint: pip install --upgrade qualytics" in run("connections", "list").err
    assert filled.store_path.read_bytes() == before


@pytest.mark.slow
def test_flipped_bits_anywhere_are_found_or_harmless_but_never_a_fault_of_the_program(filled, seal_count):
    seal_count(filled, 50)
    whole, dice = filled.store_path.read_bytes(), random.Random(7)
    for _ in range(400):
        spoiled = bytearray(whole)
        for _ in range(dice.choice((1, 1, 8, 64))):
            spoiled[dice.randrange(len(spoiled))] ^= 1 << dice.randrange(8)
        filled.store_path.write_bytes(spoiled)
        try:
            problems = check(filled)["problems"]
            with open_store(filled) as store:
                found = list(store.connections.select(ListQuery(sort="name")))
                assert problems or len(found) == 53
        except QualyticsError as error:
            assert error.code in {"store-damaged", "store-newer", "store-error", "seal-broken", "key-mismatch"}  # noqa: PT017


def test_a_first_start_that_takes_longer_than_the_wait_is_not_busy(home):
    with open_store(Settings(home=home, busy_s=0)) as store:
        assert store.path.exists()


def test_a_busy_store_is_named_after_the_wait(filled):
    with open_store(filled) as store, store.writing(), open_store(filled) as other:
        with pytest.raises(Busy, match=r"busy: other programs held it for 0\.2 s"), other.writing():
            pass
        assert other.connections.get(1) is not None
    with lock.locked(filled.lock_path, exclusive=True, wait_s=0), pytest.raises(Busy):
        open_store(filled)


def test_closing_twice_is_harmless(filled):
    store = open_store(filled)
    handles = len(os.listdir("/dev/fd"))
    store.close()
    store.close()
    assert len(os.listdir("/dev/fd")) < handles


def test_a_failed_opening_leaves_no_file_open(filled):
    without_meta(filled.store_path)
    handles = len(os.listdir("/dev/fd"))
    for _ in range(3):
        with pytest.raises(StoreDamaged):
            open_store(filled)
    assert len(os.listdir("/dev/fd")) == handles


def test_a_forked_child_may_not_use_its_parents_store_and_does_no_harm_by_closing_it(filled):
    with open_store(filled) as store:
        store.execute("SELECT 1")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                store.execute("SELECT 1")
            except StoreError as error:
                code = 42 if "opened by the parent" in error.message else 2
                store.close()
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        with store.writing():
            store.connections.delete(2)
    assert check(filled)["ok"]
