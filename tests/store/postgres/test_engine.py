"""A store on PostgreSQL: made once, refused when foreign or newer, rotated by one replica under the others."""

import threading
from contextlib import closing

import pytest

from qualytics.client.local import LocalClient
from qualytics.errors import (
    Busy,
    Conflict,
    ConnectionInUse,
    KeyMissing,
    NotFound,
    StoreError,
    StoreNewer,
    StoreUnreachable,
)
from qualytics.model import ListQuery
from qualytics.secret import Secret
from qualytics.settings import load
from qualytics.store import open_pool, open_store
from qualytics.store.postgres import dialect
from qualytics.store.schema import MIGRATIONS, TABLES, VERSION
from qualytics.store.sealing.rotation import rotate
from qualytics.store.sqlite.upkeep import check
from qualytics.structs import replace
from tests.support.older_stores import undoing

CREATE = ("connections", "create", "--type", "postgresql", "--host", "h", "--username", "u", "--password", "p")
PARTS = {"host": "h", "username": "u", "type": "postgresql", "password": "p"}


@pytest.fixture
def settings(settings, on_postgres):
    """Return settings of a store on PostgreSQL, with the patience of a server."""
    return replace(on_postgres(settings), busy_s=20.0)


def objects(raw, settings):
    sql = (
        "SELECT table_name, column_name, data_type, is_nullable, collation_name, column_default, is_identity "
        "FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, ordinal_position"
    )
    indexes = (
        "SELECT regexp_replace(indexdef, ' ON \\w+\\.', ' ON ') FROM pg_indexes "
        "WHERE schemaname = current_schema() ORDER BY 1"
    )
    return raw(settings, sql), raw(settings, indexes)


def test_every_table_of_the_migrations_is_made_and_texts_compare_by_code_points(filled, raw):
    columns, _ = objects(raw, filled)
    assert {row[0] for row in columns} == {"meta", *TABLES}
    assert {row[4] for row in columns if row[2] == "text"} == {"C"}
    assert all(f"CREATE TABLE {table} (" in "".join(MIGRATIONS) for table in TABLES)


def test_names_are_sorted_as_in_the_embedded_store(settings):
    with open_store(settings) as store, store.writing():
        for name in ("b", "A", "ä", "_", "a", "🔑", "\uffff"):
            store.connections.insert(name, name, "mysql", {}, {}, "now")
        assert "".join(one.name for one in store.connections.select(ListQuery(sort="name"))) == "A_abä\uffff🔑"


def test_commands_work_on_it_and_no_message_shows_its_password(settings, run):
    made = run(*CREATE, "--name", "first", "--format", "json")
    assert (made.code, made.json["id"]) == (0, 1)
    assert [one["name"] for one in run("connections", "list", "--format", "json").json] == ["first"]
    checked = run("store", "check", "--format", "json")
    assert (checked.code, checked.json["secrets"], checked.json["problems"]) == (0, 1, [])
    assert checked.json["store"].startswith("postgresql://127.0.0.1:")
    assert run("keys", "rotate").code == 0
    url = settings.store_url.reveal()
    password = url.split(":")[2].split("@")[0]
    for broken, code in (
        (url.replace("/postgres?", "/nowhere?"), 1),
        (url.replace(password, "wrong"), 1),
        ("mysql://u:secret@h/d", 2),
        ("postgresql://u:secret@[", 2),
    ):
        refused = run(*CREATE, env={"QUALYTICS_STORE": broken})
        assert refused.code == code
        assert refused.err.startswith("error: ")
        assert "Traceback" not in refused.err
        assert not [word for word in (password, "wrong", "secret@") if word in refused.err]


def test_the_password_may_stand_apart_or_in_a_file(settings, filled, tmp_path):
    url = settings.store_url.reveal()
    password = url.split(":")[2].split("@")[0]
    bare = replace(settings, store_url=Secret(url.replace(f":{password}@", "@")))
    (tmp_path / "password").write_text(password + "\n")
    environ = {"QUALYTICS_STORE": bare.store_url.reveal(), "QUALYTICS_KEY_FILE": str(settings.key_path)}
    for given in (
        {"QUALYTICS_STORE_PASSWORD": password},
        {"QUALYTICS_STORE_PASSWORD_FILE": str(tmp_path / "password")},
    ):
        with open_store(load(environ | given)) as store:
            assert store.connections.secrets(1)["password"].reveal() == "canary-1"
    with pytest.raises(StoreError):
        open_store(replace(bare, store_password_file=tmp_path / "none"))


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_backups_are_left_to_the_servers_own_tools(filled, run, tmp_path, command):
    refused = run("store", command, tmp_path / "copy")
    assert refused.code == 2
    assert "hint: pg_" in refused.err


def test_a_new_key_is_made_only_where_a_place_for_it_is_named(settings):
    with pytest.raises(KeyMissing, match="none is set"):
        open_store(replace(settings, key_file=None))
    assert not settings.key_path.exists()
    with open_store(settings) as store:
        assert store.key_id == store.key().id
    settings.key_path.unlink()
    with open_store(settings) as store, pytest.raises(KeyMissing):
        store.key()
    assert not settings.key_path.exists()


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE connections (id INT)",
        "CREATE TABLE meta (name TEXT, value TEXT)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TABLE meta (a INT)",
    ],
)
def test_a_schema_of_something_else_is_refused_and_stays_as_it_is(settings, raw, sql):
    raw(settings, sql)
    before = objects(raw, settings)
    with pytest.raises(StoreError, match="in use by something else"):
        open_store(settings)
    assert objects(raw, settings) == before
    assert not settings.key_path.exists()


def test_a_newer_store_is_refused_at_the_start_and_before_a_change(filled, raw):
    with open_store(filled) as store:
        raw(filled, "UPDATE meta SET value = ? WHERE name = 'schema_version'", str(VERSION + 1))
        with pytest.raises(StoreNewer), store.writing():
            pass
        assert store.connections.get(1) is not None
    with pytest.raises(StoreNewer):
        open_store(filled)


def older(raw, settings, version):
    for sql in undoing(version):
        raw(settings, sql)
    raw(settings, "UPDATE meta SET value = ? WHERE name = 'schema_version'", str(version))


@pytest.mark.slow
@pytest.mark.parametrize("version", range(1, VERSION))
def test_replicas_that_start_together_migrate_once(together, filled, raw, version):
    before = objects(raw, filled)
    older(raw, filled, version)
    assert objects(raw, filled) != before
    text = "with qualytics.connect() as client:\n    print(len(list(client.connections.list())))"
    assert together(text, 4) == ["3\n"] * 4
    assert objects(raw, filled) == before
    assert check(filled)["ok"]


@pytest.mark.slow
def test_replicas_that_start_together_make_one_store_and_one_key(together, settings):
    text = """
with qualytics.connect() as client:
    print(client.connections.create({"type": "postgresql", "host": "h", "username": "u", "password": "p"})["id"])
"""
    assert sorted(together(text, 6)) == [f"{number}\n" for number in range(1, 7)]
    assert len(settings.key_path.read_text().split()) == 1
    assert check(settings)["ok"]


def test_a_replica_seals_and_opens_with_the_key_that_another_has_rotated_to(filled, secrets_of):
    with closing(open_pool(filled)) as pool:
        with pool.lease() as store:
            assert store.connections.secrets(1)["password"].reveal() == "canary-1"
        new = rotate(filled)["new_key"]
        with pool.lease() as store:
            assert store.connections.secrets(1)["password"].reveal() == "canary-1"
        rotate(filled)
        with pool.lease() as store, store.writing():
            store.connections.update(2, {}, {"password": Secret("fresh")}, ())
    assert secrets_of(filled)["c2"] == "fresh"
    found = check(filled)
    assert (found["problems"], found["key_id"] != new) == ([], True)


def test_rotations_at_once_end_with_one_key(filled, secrets_of):
    done = []
    threads = [threading.Thread(target=lambda: done.append(rotate(filled)["new_key"])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = check(filled)
    assert (len(done), found["problems"]) == (4, [])
    assert found["key_id"] in done
    assert len(secrets_of(filled)) == 3


def test_a_change_waits_for_another_and_is_busy_in_the_end(filled):
    with open_store(filled) as store, store.writing(), open_store(replace(filled, busy_s=0.2)) as other:
        assert other.connections.get(1) is not None
        with pytest.raises(Busy, match=r"0\.2 s"), other.writing():
            pass
        assert other.connections.get(1) is not None


def end_sessions(raw, settings):
    raw(settings, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'qualytics'")


def delete(store, *steps):
    """Delete connections in one change, and do something else between."""
    with store.writing():
        for step in steps:
            if callable(step):
                step()
            else:
                store.connections.delete(step)


def delete_and_pass_over(store):
    with store.writing():
        store.connections.delete(2)
        with pytest.raises(Conflict):
            store.connections.delete(1)


def test_a_lost_connection_is_renewed_for_a_read_and_for_a_change_that_has_not_begun(filled, raw):
    with open_store(filled) as store:
        end_sessions(raw, filled)
        assert store.connections.get(1).name == "c1"
        end_sessions(raw, filled)
        with store.writing():
            store.connections.delete(2)
        assert store.connections.get(2) is None


def test_a_change_that_loses_its_connection_is_taken_back_and_named(filled, raw):
    with open_store(filled) as store:
        with pytest.raises(StoreUnreachable):
            delete(store, 2, lambda: end_sessions(raw, filled), 3)
        assert store.connections.get(2) is not None
        with pytest.raises(StoreUnreachable, match="completely or not at all"):
            delete(store, 2, lambda: end_sessions(raw, filled))
        assert store.connections.get(2) is not None


def test_a_failed_statement_that_was_passed_over_does_not_pass_for_a_change(filled):
    with open_store(filled) as store:
        with pytest.raises(StoreError, match="rolled back"):
            delete_and_pass_over(store)
        assert store.connections.get(2) is not None


def test_a_server_that_only_reads_is_unreachable(filled, raw):
    with open_store(filled) as store:
        store.execute("SELECT set_config('default_transaction_read_only', 'on', false)")
        with store.writing():  # another session may write
            store.connections.delete(2)
    url = filled.store_url.reveal() + "%20-cdefault_transaction_read_only%3Don"
    with pytest.raises(StoreUnreachable):
        open_store(replace(filled, store_url=Secret(url)))


def test_no_server_is_a_named_error(settings, run):
    with (
        pytest.raises(StoreUnreachable),
        open_pool(replace(settings, store_url=Secret("postgresql://u:p@127.0.0.1:1/d"))).lease(),
    ):
        pass
    refused = run("connections", "list", env={"QUALYTICS_STORE": "postgresql://u:canary@127.0.0.1:1/d"})
    assert refused.code == 1
    assert "error: the store postgresql://127.0.0.1:1/d cannot be reached" in refused.err


def test_statements_are_translated_in_one_place():
    assert dialect.statement("SELECT instr(a, ?) > 0, '100%' FROM t WHERE b LIKE ?") == (
        "SELECT strpos(a, %s) > 0, '100%%' FROM t WHERE b LIKE %s"
    )
    assert "AUTOINCREMENT" not in dialect.tables("".join(MIGRATIONS))


@pytest.mark.slow
def test_fifty_writers_on_one_row_lose_nothing(filled):
    def write(pool):
        for _ in range(4):
            with pool.lease() as store, store.writing():
                before = store.connections.get(1)
                store.connections.update(1, {"port": (before.values.get("port") or 0) + 1}, {}, ())

    with closing(open_pool(filled)) as one, closing(open_pool(filled)) as other:
        threads = [threading.Thread(target=write, args=((one, other)[number % 2],)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with one.lease() as store:
            found = store.connections.get(1)
            assert (found.values["port"], found.version) == (200, 201)


@pytest.mark.slow
def test_deleting_a_connection_while_datastores_are_made_on_it_never_leaves_an_orphan(settings, raw):
    ends = {"deleted": 0, "kept": 0}
    with LocalClient(settings) as one, LocalClient(settings) as other:
        for number in range(100):
            made = one.connections.create(PARTS)["id"]
            lost = []

            def insert(made=made, number=number, lost=lost):
                try:
                    other.datastores.create(
                        {"name": f"d{number}", "connection_id": made, "database": "x", "schema": "y"}
                    )
                except (NotFound, Conflict) as exc:
                    lost.append(exc)

            thread = threading.Thread(target=insert)
            thread.start()
            try:
                one.connections.delete(made)
                ends["deleted"] += 1
            except ConnectionInUse:
                ends["kept"] += 1
            thread.join()
            assert bool(lost) == (raw(settings, "SELECT count(*) FROM connections WHERE id = ?", made) == [(0,)])
    assert sum(ends.values()) == 100
    assert check(settings)["ok"]
