"""qualytics shell: the engine's own client is logged in, by no more than it needs, and ends as it ends."""

import json
import sqlite3
import subprocess
import sys

import pytest
import trustme

from qualytics.client.local import LocalClient
from qualytics.settings import Settings
from testbed import servers
from testbed.installing import install_debian

pytestmark = pytest.mark.slow  # each test starts processes

SECRET = "c4n'\"$(x) %ry"  # gitleaks:allow - of no server
SHOW = "#!{python}\nimport json, os, sys\nprint(json.dumps([sys.argv[1:], dict(os.environ)]))\nsys.exit(41)\n"


@pytest.fixture
def create(home, monkeypatch):
    """Return a function that stores a connection named `c`."""
    monkeypatch.setenv("QUALYTICS_CONFIG_HOME", str(home))

    def make(**fields):
        with LocalClient(Settings(home=home)) as client:
            client.connections.create({"name": "c", **fields})

    return make


def shell(*words, **options):
    command = [sys.executable, "-m", "qualytics", "shell", "--name", "c", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


def reached(server, **parameters):
    login = {"username": server.user, "password": server.password}
    return {"host": "localhost", "port": server.port, **login, "parameters": parameters}


def verified(server, authority):
    return reached(server, ssl_mode="verify", ssl_root_cert=authority.cert_pem.bytes().decode())


def test_psql_is_in_the_database_over_verified_tls(create, postgres_server, authority, monkeypatch):
    monkeypatch.setenv("PATH", str(servers.postgres_programs()))
    create(type="postgresql", **verified(postgres_server, authority))
    sql = "select current_database(), ssl from pg_stat_ssl where pid = pg_backend_pid()"
    done = shell("--database", "tls_only", "--", "-X", "-w", "-At", "-c", sql)
    assert (done.stdout, done.stderr, done.returncode) == ("tls_only|t\n", "", 0)
    done = shell("--", "-X", "-w", "-At", "-c", sql)
    assert (done.stdout, done.stderr) == ("postgres|t\n", "")  # not one that is called as the user


@pytest.mark.parametrize("kind", ["mariadb", "mysql"])
def test_the_client_of_mariadb_is_in_the_database_over_verified_tls(
    create, mariadb_server, authority, kind, tmp_path, monkeypatch
):
    (tmp_path / ".my.cnf").write_text("[client]\npassword=of-another\nhost=192.0.2.1\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    create(type=kind, **verified(mariadb_server, authority))
    source = "information_schema.session_status where variable_name = 'ssl_cipher'"
    sql = f"select database(), variable_value <> '' from {source}"
    done = shell("--database", "sales", "--", "-N", "-B", "-e", sql)
    assert (done.stdout, done.stderr, done.returncode) == ("sales\t1\n", "", 0)


def test_a_certificate_of_another_authority_is_refused(create, mariadb_server):
    create(type="mariadb", **verified(mariadb_server, trustme.CA()))
    done = shell("--", "-e", "select 1")
    assert (done.stdout, done.returncode) == ("", 1)
    assert "TLS/SSL error: unable to get local issuer certificate" in done.stderr


def test_a_mode_of_tls_that_a_client_cannot_keep_is_refused(create, mariadb_server):
    create(type="mariadb", **reached(mariadb_server, ssl_mode="require"))
    done = shell("--", "-e", "select 1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: mariadb has no option for ssl_mode require\nhint: choose another ssl_mode\n"


def test_sqlite3_reads_a_file_and_cannot_write_it(create, tmp_path):
    install_debian("sqlite3")
    path = tmp_path / "a b.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("create table t as select 7 as n")
    create(type="sqlite", uri=str(path))
    assert shell("--", "select n from t").stdout == "7\n"
    done = shell("--", "delete from t")
    assert done.returncode == 8  # SQLITE_READONLY
    assert "attempt to write a readonly database" in done.stderr


@pytest.mark.parametrize(
    ("fields", "program", "words"),
    [
        ({"type": "duckdb", "uri": "/data/x.duckdb"}, "duckdb", ["-readonly", "/data/x.duckdb"]),
        (
            {"type": "snowflake", "host": "o-a.snowflakecomputing.com", "username": "u", "password": SECRET},
            "snow",
            ["sql", "--temporary-connection"],
        ),
        (
            {
                "type": "mysql",
                "host": "h.example.com",
                "username": "u",
                "password": SECRET,
                "parameters": {"ssl_mode": "require"},
            },
            "mysql",
            [
                "--no-defaults",
                "--protocol=tcp",
                "--host=h.example.com",
                "--port=3306",
                "--user=u",
                "--ssl-mode=REQUIRED",
            ],
        ),
    ],
)
def test_a_client_finds_the_secret_in_its_environment_alone(create, tmp_path, monkeypatch, fields, program, words):
    path = tmp_path / program
    path.write_text(SHOW.format(python=sys.executable))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    create(**fields)
    done = shell("--", "--name", "--help", "")
    arguments, environment = json.loads(done.stdout)
    assert (done.returncode, arguments) == (41, [*words, "--name", "--help", ""])
    assert [SECRET] * ("password" in fields) == [
        environment[name] for name in ("SNOWFLAKE_PASSWORD", "MYSQL_PWD") if name in environment
    ]


def test_a_client_that_is_not_installed_is_named(create, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    create(type="mysql", host="h.example.com", username="u", password=SECRET)
    done = shell()
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == (
        "error: mysql or mariadb is not installed, or not on PATH\n"
        "hint: install mysql or mariadb, the client of this engine, and try again\n"
    )


def test_a_type_without_such_a_client_is_refused(create):
    create(type="s3", uri="s3://bucket", access_key="AKIA0", secret_key=SECRET)
    done = shell()
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith("error: no client of s3 is known that takes its secrets from the environment\nhint: ")
