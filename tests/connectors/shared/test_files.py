"""Database files: what their types refuse, and what an open file cannot be used for."""

from __future__ import annotations

import ctypes
import gzip
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import zipfile

import duckdb
import pytest

from qualytics.connectors import get
from qualytics.probe import Plan, run
from tests.support import faults_suite as suite

# Files to read and write, libraries to load, other hosts, programs, and credentials in the clear.
DANGEROUS = {
    "duckdb": {
        "enable_external_access": True,
        "allow_unsigned_extensions": True,
        "extension_directory": "/tmp",
        "custom_extension_repository": "http://169.254.169.254",
        "autoload_known_extensions": True,
        "allow_community_extensions": True,
        "temp_directory": "/tmp",
        "secret_directory": "/root/.duckdb",
        "log_query_path": "/tmp/log",
        "access_mode": "READ_WRITE",
        "init_sql": "copy t to '/tmp/x'",
        "attach": "https://evil.example.com/x.duckdb",
        "s3_endpoint": "evil.example.com",
        "http_proxy": "http://evil.example.com",
        "motherduck_token": "in clear",
        "encryption_key": "in clear",
    },
    "sqlite": {
        "load_extension": "/tmp/evil.so",
        "enable_load_extension": True,
        "vfs": "evil",
        "mode": "rwc",
        "immutable": 1,
        "attach": "/etc/passwd",
        "init_command": "attach '/tmp/x' as x",
        "pragma": "writable_schema=on",
        "trusted_schema": True,
        "temp_store_directory": "/tmp",
        "proxy": "http://169.254.169.254",
        "editor": "/bin/sh",
        "key": "in clear",
    },
}
URIS = {
    "duckdb": ("md:sales", "s3://bucket/x.duckdb", "https://evil.example.com/x.duckdb", ":memory:", "ducklake:x"),
    "sqlite": ("file:/tmp/x?mode=rwc", "https://evil.example.com/x", ":memory:", "file::memory:?cache=shared"),
}


@pytest.mark.parametrize(("type_", "key"), [(type_, key) for type_ in DANGEROUS for key in DANGEROUS[type_]])
def test_a_dangerous_parameter_is_refused_before_the_file_is_looked_for(run, type_, key, tmp_path):
    parameters = json.dumps({key: DANGEROUS[type_][key]})
    done = run("connections", "test", "--type", type_, "--uri", tmp_path / "no-such-file", "--parameters", parameters)
    assert (done.code, done.out) == (2, "")  # 6 is what a file that is not there ends with
    assert key in done.err
    assert "in clear" not in done.err


@pytest.mark.parametrize(("type_", "uri"), [(type_, uri) for type_ in URIS for uri in URIS[type_]])
def test_what_is_no_path_is_refused(run, type_, uri):
    done = run("connections", "test", "--type", type_, "--uri", uri)
    assert (done.code, done.out) == (2, "")
    assert "uri" in done.err


@pytest.fixture
def duck(tmp_path):
    path = tmp_path / "sales.duckdb"
    duckdb.connect(path).execute("create table t (n int)").close()
    (tmp_path / "secret.csv").write_text("1,2\n")
    handle = get("duckdb").open(suite.target("duckdb", uri=str(path)))
    yield handle
    handle.close()


@pytest.mark.slow  # an engine each
@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('{}/secret.csv')",
        "copy t to '{}/out.csv'",
        "attach '{}/other.duckdb'",
        "install httpfs",
        "load '{}/evil.duckdb_extension'",
        "set enable_external_access = true",
        "set temp_directory = '{}'",
        "insert into t values (1)",
        "create table u (n int)",
    ],
)
def test_an_open_duckdb_reads_writes_and_loads_nothing_beside_its_file(duck, sql, tmp_path):
    with pytest.raises(duckdb.Error):
        duck.execute(sql.format(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sales.duckdb", "secret.csv"]


def test_an_open_sqlite_file_is_not_written_and_loads_nothing(tmp_path):
    path = tmp_path / "sales.sqlite"
    sqlite3.connect(path).execute("create table t (n int)").connection.close()
    handle = get("sqlite").open(suite.target("sqlite", uri=str(path)))
    for sql in ("insert into t values (1)", "create table u (n int)", "select load_extension('/tmp/evil.so')"):
        with pytest.raises(sqlite3.Error):
            handle.execute(sql)
    handle.close()
    assert [found.name for found in tmp_path.iterdir()] == ["sales.sqlite"]


def _make_sqlite(path):
    with sqlite3.connect(path) as handle:
        handle.executescript("create table t (text); pragma user_version = 1")
        handle.executemany("insert into t values (?)", [("x" * 500,)] * 100)
    handle.close()


def _make_duckdb(path):
    duckdb.connect(path).execute("create table t as select range n, range::varchar text from range(200000)").close()


def _make_encrypted_duckdb(path):
    handle = duckdb.connect()
    handle.execute("set force_mbedtls_unsafe = true")  # or it would load OpenSSL from the network
    handle.execute(f"attach '{path}' as closed (encryption_key 'any')")
    handle.execute("create table closed.t (n int)").close()


def _make_parquet(path):
    duckdb.connect().execute(f"copy (select 1 n) to '{path}' (format parquet)").close()


def _listen(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def _zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "b")


# What a file holds: how it is made, and what it is called.
FOREIGN = {
    "csv": (lambda path: path.write_text("id,name\n" + "1,Ada\n" * 2_000), "a text file, such as CSV or JSON"),
    "semicolons": (lambda path: path.write_text("id;näme\r\n1;Ädä"), "a text file, such as CSV or JSON"),
    "cut in a character": (lambda path: path.write_text("a" * 4_095 + "ä" * 9), "a text file, such as CSV or JSON"),
    "utf-16": (lambda path: path.write_text("id,name", "utf-16"), "a text file, such as CSV or JSON"),
    "parquet": (_make_parquet, "a Parquet file"),
    "gzip": (lambda path: path.write_bytes(gzip.compress(b"SQLite format 3\0" * 99)), "a file compressed with gzip"),
    "zip": (_zip, "a ZIP archive or an Excel workbook"),
    "directory": (lambda path: path.mkdir(), "a directory"),
    "pipe": (os.mkfifo, "a named pipe"),
    "socket": (_listen, "a socket"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "a device"),
    "short": (lambda path: path.write_bytes(b"\xff" * 20), "too short for a database"),
}


def _tested(type_, path):
    report = run(Plan(type_, {"uri": str(path), "parameters": {}}, {}, 20.0))
    return report.failure and (report.failure.failure_class, report.failure.message, report.failure.hint)


@pytest.mark.slow
@pytest.mark.parametrize("type_", URIS)
@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_file_is_called_what_it_is(tmp_path, type_, what):
    make, name = FOREIGN[what]
    path = tmp_path / f"sales.{type_}"
    make(path)
    failure_class, message, _ = _tested(type_, path)
    assert failure_class == "config"
    assert message == f"{path} is {name}, not a {get(type_).title} database"


@pytest.mark.slow
def test_an_empty_file_is_a_database_to_sqlite_alone(tmp_path):
    (tmp_path / "sales").touch()
    report = run(Plan("sqlite", {"uri": str(tmp_path / "sales"), "parameters": {}}, {}, 20.0))
    assert report.failure is None
    assert report.warnings == ("the file is empty: a database without tables, or a copy that failed",)
    failure_class, message, _ = _tested("duckdb", tmp_path / "sales")
    assert (failure_class, message.endswith(" is an empty file, not a DuckDB database")) == ("config", True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("type_", "make", "other"), [("sqlite", _make_duckdb, "duckdb"), ("duckdb", _make_sqlite, "sqlite")]
)
def test_a_database_of_the_other_type_is_sent_there(tmp_path, type_, make, other):
    make(tmp_path / "sales")
    failure_class, message, hint = _tested(type_, tmp_path / "sales")
    assert failure_class == "config"
    assert f" is a {get(other).title} database, not a {get(type_).title} database" in message
    assert hint == f"test it with --type {other}"
    assert _tested(other, tmp_path / "sales") is None


@pytest.mark.slow
@pytest.mark.parametrize("type_", URIS)
def test_what_has_no_known_header_may_be_encrypted(tmp_path, type_):
    (tmp_path / "sales").write_bytes(os.urandom(8_192))  # as SQLCipher leaves one
    failure_class, message, hint = _tested(type_, tmp_path / "sales")
    assert failure_class == "config"
    assert message.endswith("or it is encrypted or damaged")
    assert "encrypted" in hint


@pytest.mark.slow
def test_an_encrypted_duckdb_says_so(tmp_path):
    _make_encrypted_duckdb(tmp_path / "sales")
    failure_class, message, hint = _tested("duckdb", tmp_path / "sales")
    assert (failure_class, message) == ("config", "the DuckDB database is encrypted")
    assert "copy it into one that is not" in hint


@pytest.mark.slow
@pytest.mark.parametrize(("type_", "make"), [("sqlite", _make_sqlite), ("duckdb", _make_duckdb)])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.99, -1])
def test_a_file_that_is_cut_off_is_damaged(tmp_path, type_, make, part):
    path = tmp_path / "sales"
    make(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part) or 100 if part >= 0 else -1])
    failure_class, message, hint = _tested(type_, path)
    assert failure_class == "config"
    assert re.search("cut off|damaged", message)
    assert "restore" in hint


@pytest.mark.slow
@pytest.mark.parametrize("version", [1, 63, 2_000])
def test_a_duckdb_of_another_version_says_so(tmp_path, version):
    path = tmp_path / "sales"
    _make_duckdb(path)
    whole = bytearray(path.read_bytes())
    whole[12:20] = version.to_bytes(8, "little")
    path.write_bytes(whole)
    with pytest.raises(duckdb.Error, match="computed checksum") as caught:
        duckdb.connect(path, read_only=True)
    whole[:8] = int(re.search(r"computed checksum (\d+)", str(caught.value))[1]).to_bytes(8, "little")
    path.write_bytes(whole)
    failure_class, message, _ = _tested("duckdb", path)
    assert (failure_class, message) == ("config", "the file was written by another version of DuckDB")


@pytest.mark.slow
@pytest.mark.parametrize("type_", URIS)
def test_a_link_to_nothing_is_no_database(tmp_path, type_):
    path = tmp_path / "sales"
    path.symlink_to(tmp_path / "gone")
    assert _tested(type_, path)[:2] == ("unknown_db", f"{path} is a link to a file that does not exist")
    path.unlink()
    path.symlink_to(path)
    assert _tested(type_, path)[:2] == ("config", f"{path} cannot be read: too many levels of symbolic links")


# A writer that ends without a word leaves what a crash leaves.
_WRITE = """
import os, sqlite3, sys
handle = sqlite3.connect("sales")
handle.execute(f"pragma journal_mode = {sys.argv[1]}")
handle.execute("pragma cache_size = 1")
handle.execute("create table t (text)")
handle.commit()
handle.executemany("insert into t values (?)", [("x" * 500,)] * 1000)
if sys.argv[2] == "ends":
    handle.commit()
    handle.close()
os._exit(0)
"""


def _bound_by_modes():
    """Give up what lets root pass over the modes of files (capabilities(7))."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        if os.geteuid() == 0 and libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
            raise OSError(ctypes.get_errno(), "prctl")


def _tested_without_rights(folder, home, modes):
    for path in folder.iterdir():
        path.chmod(modes[0])
    folder.chmod(modes[1])
    try:
        words = ["connections", "test", "--type", "sqlite", "--format", "json", "--uri", str(folder / "sales")]
        done = subprocess.run(
            [sys.executable, "-m", "qualytics", *words],
            env=os.environ | {"QUALYTICS_CONFIG_HOME": str(home)},
            preexec_fn=_bound_by_modes,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        folder.chmod(0o700)
    return json.loads(done.stdout)


def _write(folder, *words):
    folder.mkdir()
    subprocess.run([sys.executable, "-c", _WRITE, *words], cwd=folder, check=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ends", "without"), [("ends", ()), ("crashes", ("sales-shm",)), ("crashes", ("sales-wal",))], ids=str
)
def test_a_wal_in_a_folder_that_is_closed_says_what_it_needs(home, tmp_path, ends, without):
    folder = tmp_path / "closed"
    _write(folder, "wal", ends)
    for name in without:
        (folder / name).unlink()
    report = _tested_without_rights(folder, home, (0o444, 0o555))
    assert report["class"] == "permission"
    assert "WAL mode" in report["message"]
    assert "may not write to the folder" in report["message"]
    assert "pragma journal_mode = delete" in report["hint"]
    assert "''" not in report["message"]


@pytest.mark.slow
def test_a_wal_whose_files_are_there_is_read_in_a_closed_folder(home, tmp_path):
    _write(tmp_path / "closed", "wal", "crashes")
    assert _tested_without_rights(tmp_path / "closed", home, (0o444, 0o555))["connected"]


@pytest.mark.slow
def test_a_database_without_wal_is_read_in_a_closed_folder(home, tmp_path):
    _write(tmp_path / "closed", "delete", "ends")
    assert _tested_without_rights(tmp_path / "closed", home, (0o444, 0o555))["connected"]


@pytest.mark.slow
def test_a_write_that_was_interrupted_needs_somebody_who_may_write(home, tmp_path):
    _write(tmp_path / "closed", "delete", "crashes")
    report = _tested_without_rights(tmp_path / "closed", home, (0o444, 0o555))
    assert report["class"] == "permission"
    assert "interrupted while it wrote" in report["message"]


@pytest.mark.slow
@pytest.mark.parametrize("modes", [(0o000, 0o755), (0o644, 0o000)], ids=["file", "folder"])
def test_a_file_that_may_not_be_read_is_not_said_to_be_missing(home, tmp_path, modes):
    _write(tmp_path / "closed", "delete", "ends")
    report = _tested_without_rights(tmp_path / "closed", home, modes)
    assert (report["class"], report["message"]) == ("permission", f"this user may not read {tmp_path}/closed/sales")
