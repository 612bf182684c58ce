"""Database files: what their types refuse, and what an open file cannot be used for."""

from __future__ import annotations

import json
import sqlite3

import duckdb
import pytest

from qualytics.connectors import get
from tests.connectors import faults_suite as suite

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
    handle = get("duckdb").open(suite.target("duckdb", path=str(path)))
    yield handle
    handle.close()


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
    handle = get("sqlite").open(suite.target("sqlite", path=str(path)))
    for sql in ("insert into t values (1)", "create table u (n int)", "select load_extension('/tmp/evil.so')"):
        with pytest.raises(sqlite3.Error):
            handle.execute(sql)
    handle.close()
    assert [found.name for found in tmp_path.iterdir()] == ["sales.sqlite"]
