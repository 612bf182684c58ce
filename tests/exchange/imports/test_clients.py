"""Files of command-line clients as people have them: comments, quotes, escapes, includes, tabs, doubled keys."""

import pytest

from qualytics.exchange.imports import clients, sources
from qualytics.service.foreign.matching import match

PASSWORD = "a:b\\c'd\"e#f%41 ü"


@pytest.fixture
def read(tmp_path):
    """Return a function that writes a file and returns its candidates by name."""

    def call(name, text, **variables):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, newline="")
        source = sources.of_file(str(path), {"PGPASSFILE": str(tmp_path / "pgpass"), **variables})
        assert source.problem is None
        return {entry.name or entry.place.removeprefix(str(tmp_path)): match(entry) for entry in source.entries}

    return call


def plain(candidate):
    return {name: value for name, value in candidate.fields.items() if name not in {"name", "type"}}


def test_services_of_libpq_take_their_password_from_pgpass(read, tmp_path):
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    (tmp_path / "pgpass").write_text(f"# mine\n*:*:other:app:no\ndb.example.com:5433:*:app:{escaped}\n*:*:*:*:any\n")
    found = read(
        "pg_service.conf",
        "\ufeff# comment\r\n[sales]\r\nhost=db.example.com\r\nport=5433\r\nuser=app\r\ndbname = sales\r\n"
        "sslmode=verify-full\r\n"
        "\r\n[own]\r\nhost=h\r\nuser=u\r\npassword=p#q;r\r\nuser=v\r\nkeepalives=1\r\n",
    )
    assert plain(found["sales"]) == {
        "host": "db.example.com",
        "port": 5433,
        "username": "app",
        "password": PASSWORD,
        "parameters": {"ssl_mode": "verify"},
    }
    assert found["sales"].scope == {"database": "sales"}
    assert plain(found["own"]) == {"host": "h", "username": "v", "password": "p#q;r"}
    assert found["own"].left == (
        "user: stands twice, the last one counts",
        "keepalives: postgresql has no such field",
    )


def test_lines_of_pgpass_are_connections_but_for_those_of_every_host(read):
    found = read(".pgpass", "h:5432:*:u:a\\:b\n*:*:*:u:geheim\nbroken geheim\n")
    assert plain(found["/.pgpass:1"]) == {"host": "h", "port": 5432, "username": "u", "password": "a:b"}
    assert found["/.pgpass:2"].reason == "is for every host, and names none"
    assert found["/.pgpass:3"].reason == "not host:port:database:user:password"


def test_option_files_of_mysql_have_groups_quotes_escapes_and_includes(read, tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.cnf").write_text('[client_crm]\nhost=crm\npassword="x # y" # why\n')
    (tmp_path / "conf.d" / "b.txt").write_text("[client_no]\nhost=no\n")
    found = read(
        ".my.cnf",
        "[client]\nuser=app\npassword = a\\sb\\\\c # comment\n\tport\t=\t3307\nno-beep\n[mysqld]\nuser=mysql\n"
        "[mysqldump]\nuser=d\n"
        f"[mysql]\nhost='h'\nssl-mode=VERIFY_IDENTITY\n!includedir {tmp_path}/conf.d\n!include {tmp_path}/none.cnf\n"
        f"!include {tmp_path}/.my.cnf\n",
    )
    assert set(found) == {"client", "client_crm", "mysql", "/.my.cnf:14", "/.my.cnf:15"}
    assert plain(found["mysql"]) == {
        "host": "h",
        "port": 3307,
        "username": "app",
        "password": "a b\\c",
        "parameters": {"ssl_mode": "verify"},
    }
    assert plain(found["client_crm"])["password"] == "x # y"
    assert found["/.my.cnf:14"].reason == f"includes {tmp_path}/none.cnf: no such file or directory"
    assert found["/.my.cnf:15"].reason == "includes a file that was read already, or too many"


def test_profiles_of_databricks_are_workspaces_or_warehouses(read):
    found = read(
        ".databrickscfg",
        "; mine\n[DEFAULT]\nhost = https://dbc-1.cloud.databricks.com/\ntoken = dapi1\n"
        "[sql]\nhost=https://dbc-2.cloud.databricks.com\nclient_id=c\nclient_secret=s\nwarehouse_id=abc\n[empty]\n",
    )
    assert (found["DEFAULT"].type, plain(found["DEFAULT"])) == (
        "databricks_native",
        {"host": "dbc-1.cloud.databricks.com", "password": "dapi1"},
    )
    assert (found["sql"].type, plain(found["sql"])) == (
        "databricks",
        {
            "host": "dbc-2.cloud.databricks.com",
            "username": "c",
            "password": "s",
            "parameters": {"path": "/sql/1.0/warehouses/abc", "authentication_type": "OAUTH_M2M"},
        },
    )


def test_profiles_of_aws_have_their_keys_in_one_file_and_their_region_in_another(read, tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(
        "[default]\nregion = eu-west-1\n[profile etl]\nregion=us-east-2\nrole_arn=arn:aws:iam::1:role/x\n"
        "s3 =\n  max = 1\n"
    )
    found = read(
        ".aws/credentials",
        "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = a/b+c=\n"
        "[etl]\naws_access_key_id=AKIA2\naws_secret_access_key=s\naws_session_token=t\n",
    )
    assert plain(found["default"]) == {
        "access_key": "AKIA1",
        "secret_key": "a/b+c=",
        "parameters": {"region": "eu-west-1"},
    }
    assert plain(found["etl"])["parameters"] == {"region": "us-east-2", "role_arn": "arn:aws:iam::1:role/x"}
    assert "aws_session_token: s3 has no such field" in found["etl"].left


def test_data_sources_of_odbc_are_told_by_their_driver(read):
    found = read(
        "odbc.ini",
        "[ODBC Data Sources]\nms=ODBC Driver 18 for SQL Server\n[ms]\nDriver=ODBC Driver 18 for SQL Server\n"
        "Server=tcp:h,1444\n"
        "UID=u\nPWD=p\nEncrypt=yes\nTrustServerCertificate=no\n[pg]\nDriver=/usr/lib/odbc/psqlodbcw.so\nServername=h\nUserName=u\n"
        "[other]\nDriver=Vertica\nServer=h\n",
    )
    assert (found["ms"].type, plain(found["ms"])) == (
        "sqlserver",
        {"host": "h", "port": 1444, "username": "u", "password": "p", "parameters": {"ssl_mode": "verify"}},
    )
    assert (found["pg"].type, plain(found["pg"])) == ("postgresql", {"host": "h", "username": "u"})
    assert found["pg"].left == ("password: none is there",)
    assert found["other"].reason == "there is no connection type for 'Vertica'"


def test_an_include_with_a_null_byte_is_no_include(read):
    assert read("my.cnf", "[client]\nhost=h\n!include /x\0y\n")["client"].left[0] == "line 3: is not key = value"


@pytest.mark.parametrize("text", ['"a\\"b"', "'x'y", "a#b", "\\", "", '"'])
def test_an_option_of_any_form_is_read(text):
    assert isinstance(clients._option(text), str)
