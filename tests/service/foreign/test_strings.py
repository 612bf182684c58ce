"""Connection strings that are no URLs: passwords by the quoting of each tool; what is refused repeats no part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualytics.service.foreign import strings
from qualytics.service.foreign.entries import Unreadable
from qualytics.service.foreign.matching import match

UP = {"username": "u", "password": "p"}
FIELDS = {"host", "port", "uri", "username", "password"}
TNS = """ORCL =
  (DESCRIPTION=
    (ADDRESS_LIST=(ADDRESS=(PROTOCOL=TCP)(HOST=h1)(PORT=1522))(ADDRESS=(PROTOCOL=TCP)(HOST=h2)(PORT=1522)))
    (CONNECT_DATA=(SERVER=DEDICATED)(SERVICE_NAME=s))(SECURITY=(SSL_SERVER_CERT_DN="CN=a,O=b")))"""
SQL_ODBC = "Driver={ODBC Driver 18 for SQL Server};Server=tcp:h,1444;Database=d;UID=u;"
PSQLODBC = "Driver={PostgreSQL Unicode};Server=h;Database=d;UID=u;"


def of(type_name, **values):
    """Return the fields of a connection; what is none of them is a parameter."""
    parameters = {name: value for name, value in values.items() if name not in FIELDS}
    rest = {name: value for name, value in values.items() if name in FIELDS}
    return {"type": type_name, **rest} | ({"parameters": parameters} if parameters else {})


def read(text, type_name=None):
    return match(strings.parse(text, "string", "--from", None, type_name))


@pytest.mark.parametrize(
    ("text", "expected", "database"),
    [
        (
            "Server=tcp:h,1433;Database=d;User Id=u;Password=p;Encrypt=true",
            of("sqlserver", host="h", port=1433, **UP, ssl_mode="verify"),
            "d",
        ),
        (
            "Data Source=h;Initial Catalog=d;User ID=u;Password='it''s;';Trust Server Certificate=True",
            of("sqlserver", host="h", username="u", password="it's;", ssl_mode="require"),
            "d",
        ),
        (
            SQL_ODBC + "PWD={a;b}}c};Encrypt=no",
            of("sqlserver", host="h", port=1444, username="u", password="a;b}c", ssl_mode="disable"),
            "d",
        ),
        (
            "Server=h;Port=3307;Database=d;Uid=u;Pwd=p;SslMode=None",
            of("mysql", host="h", port=3307, **UP, ssl_mode="disable"),
            "d",
        ),
        (
            "Host=h;Port=5433;Username=u;Password={p};Database=d;SSL Mode=Require",
            of("postgresql", host="h", port=5433, username="u", password="{p}", ssl_mode="require"),
            "d",
        ),
        (
            "host=h;port=5433;username=u;password=p q;database=d",
            of("postgresql", host="h", port=5433, username="u", password="p q"),
            "d",
        ),
        (
            "account=acme;user=u;password=p;db=d;warehouse=W",
            of("snowflake", host="acme.snowflakecomputing.com", **UP, warehouse="W"),
            "d",
        ),
        (
            "Driver={SnowflakeDSIIDriver};Server=a.snowflakecomputing.com;UID=u;PWD=p;Role=R;Database=d",
            of("snowflake", host="a.snowflakecomputing.com", **UP, role="R"),
            "d",
        ),
        (
            "host=h port=5433 dbname=d user=u password='a;b\\'c'",
            of("postgresql", host="h", port=5433, username="u", password="a;b'c"),
            "d",
        ),
        ("Data Source=h:1522/s;User Id=u;Password=p", of("oracle", host="h", port=1522, **UP, service_name="s"), None),
        (
            "Data Source=(DESCRIPTION=(ADDRESS=(PROTOCOL=TCPS)(HOST=h))(CONNECT_DATA=(SID=X)));User Id=u;Password=p",
            of("oracle", host="h", **UP, protocol="TCPS", sid="X"),
            None,
        ),
        (
            'u/"p@s/s"@//h:1522/s',
            of("oracle", host="h", port=1522, username="u", password="p@s/s", service_name="s"),
            None,
        ),
        ("tcps://[::1]:2484/s", of("oracle", host="::1", port=2484, protocol="TCPS", service_name="s"), None),
        (
            "Driver={Oracle in OraClient19};DBQ=h:1522/s;UID=u;PWD=p",
            of("oracle", host="h", port=1522, **UP, service_name="s"),
            None,
        ),
        (TNS, of("oracle", host="h1", port=1522, protocol="TCP", service_name="s"), None),
        (PSQLODBC + "PWD=p%23+q%", of("postgresql", host="h", username="u", password="p# q%"), "d"),
        (PSQLODBC + "PWD={p%23+q}", of("postgresql", host="h", username="u", password="p%23+q"), "d"),
        (
            "Driver={Devart ODBC Driver for PostgreSQL};Server=h;Database=d;User ID=u;Password=p",
            of("postgresql", host="h", **UP),
            "d",
        ),
        (
            "Host=h;Username=u;Password=p;Database=d;SSL Mode=VerifyFull",
            of("postgresql", host="h", **UP, ssl_mode="verify"),
            "d",
        ),
        ("DATABASE=d;HOSTNAME=h;PORT=50000;PROTOCOL=TCPIP;UID=u;PWD=p;", of("db2", host="h", port=50000, **UP), "d"),
    ],
)
def test_strings_of_tools_become_fields(text, expected, database):
    found = read(text)
    assert found.fields == expected
    assert found.scope.get("database") == database


@pytest.mark.parametrize(
    ("text", "type_name", "expected"),
    [
        ("Server=h;Database=d;Uid=u;Pwd=p", None, "sqlserver"),
        ("Server=h;Database=d;Uid=u;Pwd=p", "mariadb", "mariadb"),
        ("Server=h;Port=1;Database=d;Uid=u;Pwd=p", "mariadb", "mariadb"),
        ("Server=h;Database=d;Uid=u;Pwd=p;Encrypt=true", "mysql", "sqlserver"),
        ("h:1521/s", "oracle", "oracle"),
    ],
)
def test_the_expected_type_is_meant_where_the_string_tells_no_other(text, type_name, expected):
    assert read(text, type_name).type == expected


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (TNS, {"host of another address", "ssl_server_cert_dn", "password"}),
        (
            "Server=h\\SQL1;User Id=u;Password=p;Integrated Security=SSPI;Connect Timeout=9",
            {"instance", "integrated security", "connect timeout"},
        ),
        ("Server=h;Server=g;User Id=u;Password=p", {"server"}),
        (SQL_ODBC + "PWD=p;UID=v", {"uid"}),
        ("h:1/s?wallet_location=/w&retry_count=3", {"wallet_location", "retry_count", "password"}),
    ],
)
def test_what_is_not_carried_over_is_named(text, left):
    assert {one.partition(":")[0] for one in read(text, "oracle" if "?" in text else None).left} == left


def test_of_a_key_that_is_there_twice_each_kind_takes_its_own():
    assert read("Server=h;Server=g;User Id=u;Password=p").fields["host"] == "g"
    assert read(SQL_ODBC + "PWD=p;UID=v").fields["username"] == "u"


# Spaces at the ends of a value that stands in no quotes are none of it.
@given(st.text(min_size=1, max_size=40))
def test_a_password_arrives_unchanged_by_the_quoting_of_each(password):
    braced, doubled = password.replace("}", "}}"), password.replace('"', '""')
    escaped = password.replace("\\", "\\\\").replace("'", "\\'")
    for text in (
        SQL_ODBC + f"PWD={{{braced}}}",
        f'Server=h;User Id=u;Password="{doubled}";Encrypt=true',
        "Server=h;User Id=u;Password='{}'".format(password.replace("'", "''")),
        f"host=h user=u password='{escaped}'",
    ):
        assert read(text).fields["password"] == password
    if '"' not in password:
        assert read(f'u/"{password}"@//h/s').fields["password"] == password


@pytest.mark.parametrize(
    "text",
    [
        SQL_ODBC + "PWD={geheim;Encrypt=yes",
        SQL_ODBC + "PWD=geh;eim",
        "Server=h;User Id=u;Password='geheim",
        'Server=h;User Id=u;Password="geh"eim',
        "Server=h;geheim",
        "Server=h" + ";a=b" * 300,
    ],
)
def test_where_a_value_ends_must_be_told(text):
    with pytest.raises(Unreadable) as refused:
        strings.parse(text, "string", "--from")
    assert "geh" not in str(refused.value)
    assert "eim" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "Login failed for user 'x'; server=h;",
        'connection to server at "h", port 5432 failed: Connection refused',
        "postgresql://u:p@h/d",
        "jdbc:sqlserver://h;user=u",
        "a=b;c=d",
        "h:1521/s",
        "folder/file@v2",
        "",
        "(" * 60_000,
        "a" * 60_000,
        "a/" + "@" * 60_000,
    ],
    ids=lambda text: text[:12],
)
def test_other_texts_are_no_connection_strings(text):
    assert strings.parse(text, "string", "--from") is None
