"""Connection URLs: SQLAlchemy's and JDBC's forms, passwords of every kind, and what is refused without being shown."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualytics.service.foreign import urls
from qualytics.service.foreign.entries import Unreadable
from qualytics.service.foreign.matching import match

ODBC = (
    "Driver={ODBC Driver 18 for SQL Server};Server=tcp:h,1444;Uid=u;Pwd={p;}}q};Encrypt=yes;TrustServerCertificate=yes"
)
UP = {"username": "u", "password": "p"}
FIELDS = {"host", "port", "uri", "username", "password"}


def of(type_name, **values):
    """Return the fields of a connection; what is none of them is a parameter."""
    parameters = {name: value for name, value in values.items() if name not in FIELDS}
    rest = {name: value for name, value in values.items() if name in FIELDS}
    return {"type": type_name, **rest} | ({"parameters": parameters} if parameters else {})


def fields(url):
    candidate = match(urls.parse(url, "url", "--from"))
    return {name: value for name, value in candidate.fields.items() if name != "name"}, candidate


@given(st.text(min_size=1, max_size=50))
def test_a_percent_encoded_password_arrives_unchanged(password):
    url = f"postgresql+psycopg2://app:{quote(password, safe='')}@db.example.com:5433/sales?sslmode=require"
    found, candidate = fields(url)
    assert found == {
        "type": "postgresql",
        "host": "db.example.com",
        "port": 5433,
        "username": "app",
        "password": password,
        "parameters": {"ssl_mode": "require"},
    }
    assert candidate.scope == {"database": "sales"}
    assert candidate.left == ()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://u:p@h/d", of("postgresql", host="h", **UP)),
        ("postgresql://u:p%2Bq+r@[::1]:5/d", of("postgresql", host="::1", port=5, username="u", password="p+q+r")),
        ("mysql+pymysql://u:p@h", of("mysql", host="h", **UP)),
        ("mariadb://u:a@b@h/d", of("mariadb", host="h", username="u", password="a@b")),
        (
            "snowflake://u:p@acme-prod/DB/PUBLIC?warehouse=WH&role=R",
            of("snowflake", host="acme-prod.snowflakecomputing.com", **UP, warehouse="WH", role="R"),
        ),
        (
            "trino://u:p@h:443/hive/default?http_scheme=https",
            of("trino", host="h", port=443, **UP, ssl_mode="verify"),
        ),
        ("sqlite:////var/data/sales.db", of("sqlite", uri="/var/data/sales.db")),
        ("duckdb:///sales.duckdb", of("duckdb", uri="sales.duckdb")),
        (
            "databricks://token:dapi1@dbc.cloud.databricks.com?http_path=/sql/1.0/warehouses/1&catalog=main",
            of("databricks", host="dbc.cloud.databricks.com", password="dapi1", path="/sql/1.0/warehouses/1"),
        ),
        (
            f"mssql+pyodbc:///?odbc_connect={quote(ODBC)}",
            of("sqlserver", host="h", port=1444, username="u", password="p;}q", ssl_mode="require"),
        ),
        (
            "oracle+oracledb://u:p@h:1521/?service_name=ORCL",
            of("oracle", host="h", port=1521, **UP, service_name="ORCL"),
        ),
        ("oracle://u:p@h/XE", of("oracle", host="h", **UP, sid="XE")),
    ],
)
def test_urls_of_sqlalchemy_become_fields(url, expected):
    assert fields(url)[0] == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://h:1/d?user=u&password=p%26q&sslmode=verify-full",
            of("postgresql", host="h", port=1, username="u", password="p&q", ssl_mode="verify"),
        ),
        ("mysql://u:p@h:1/d?useSSL=false", of("mysql", host="h", port=1, **UP, ssl_mode="disable")),
        (
            "sqlserver://h:1;databaseName=d;user=u;password={a;b}}c};encrypt=true;trustServerCertificate=false",
            of("sqlserver", host="h", port=1, username="u", password="a;b}c", ssl_mode="verify"),
        ),
        ("jtds:sqlserver://h:1/d;user=u;password=p", of("sqlserver", host="h", port=1, **UP)),
        ("oracle:thin:@//h:1521/ORCL", of("oracle", host="h", port=1521, service_name="ORCL")),
        ("oracle:thin:u/p@h:1521:XE", of("oracle", host="h", port=1521, **UP, sid="XE")),
        (
            "db2://h:50000/d:user=u;password=p;sslConnection=true;",
            of("db2", host="h", port=50000, **UP, ssl_mode="verify"),
        ),
        (
            "teradata://h/DBS_PORT=1026,USER=u,PASSWORD='p,q',LOGMECH=LDAP",
            of("teradata", host="h", port=1026, username="u", password="p,q", logmech="LDAP"),
        ),
        (
            "hive2://h:10000/d;ssl=true;transportMode=http;httpPath=cliservice",
            of("hive", host="h", port=10000, ssl_mode="verify", transport="http", http_path="cliservice"),
        ),
        (
            "snowflake://acme.snowflakecomputing.com/?user=u&warehouse=W&db=D",
            of("snowflake", host="acme.snowflakecomputing.com", username="u", warehouse="W"),
        ),
        (
            "awsathena://AwsRegion=eu-west-1;S3OutputLocation=s3://b/r/;User=k;Password=s",
            of("athena", username="k", password="s", region="eu-west-1", output="s3://b/r/"),
        ),
        (
            "spark://adb-1.2.azuredatabricks.net:443/d;httpPath=/sql/1.0/warehouses/w;AuthMech=3;UID=token;PWD=p;ssl=1",
            of("databricks", host="adb-1.2.azuredatabricks.net", port=443, password="p", path="/sql/1.0/warehouses/w"),
        ),
        ("spark://h:10000/d;UID=u;PWD=p", of("jdbc", **UP, uri="jdbc:spark://h:10000/d")),
        (
            "athena://Region=eu-west-1;OutputLocation=s3://b/r/;AccessKeyId=k;SecretAccessKey=s",
            of("athena", username="k", password="s", region="eu-west-1", output="s3://b/r/"),
        ),
        ("sqlite:/data/x.db", of("sqlite", uri="/data/x.db")),
        ("vertica://h:5433/d;user=u;password=p", of("jdbc", **UP, uri="jdbc:vertica://h:5433/d")),
    ],
)
def test_jdbc_urls_become_fields(url, expected):
    assert fields(f"jdbc:{url}")[0] == expected


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:geh/eim@h/d",
        "postgresql://u:geh?eim@h/d",
        "postgresql://u:geh#eim@h/d",
        "postgresql://u@x:geh/eim@h:1/d",
        "postgresql://u:p@h:geheim/d",
        "postgresql:u:geheim@h",
        "jdbc:postgresql://u:geh/eim@h/d",
        f"postgresql://u:geheim@h/{'x' * urls.MAX_URL}",
        "postgresql://u:geheim@h/?" + "a=b&" * 300,
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_being_repeated(url):
    with pytest.raises(Unreadable) as refused:
        urls.parse(url, "url", "--from")
    assert "geh" not in str(refused.value)
    assert "eim" not in str(refused.value)


def test_what_a_type_does_not_know_is_listed_by_its_key_alone():
    found, candidate = fields("postgresql://u:p@h/d?sslmode=geheim1&keepalives=geheim2&port=5433")
    assert found == {"type": "postgresql", "host": "h", "username": "u", "password": "p", "port": 5433}
    assert candidate.left == (
        "sslmode: postgresql knows no such ssl_mode",
        "keepalives: postgresql has no such field",
    )


def test_a_password_that_divides_properties_shows_no_part_of_itself():
    candidate = fields("jdbc:sqlserver://h;user=u;password=p;%geheim=1;9geheim=2")[1]
    assert candidate.left == ("a key that is no name: sqlserver has no such field",)
