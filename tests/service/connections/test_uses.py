"""Uses of connections: the variables that the tools of each type read, and which are taken away."""

import pytest

from qualytics.client import environment
from qualytics.client.local import LocalClient
from qualytics.errors import InvalidInput, NotFound, UsageError
from qualytics.model import Scope
from qualytics.settings import Settings
from tests.support import snowflake_service

CANARY = "c4n:@/ %ry"  # allow: a canary
QUOTED = "c4n%3A%40%2F%20%25ry"
SERVER = {"host": "db.example.com", "username": "a@b", "password": CANARY}
AWS_KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": CANARY}
ENTRA = {"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "id", "AZURE_CLIENT_SECRET": CANARY}


def parameters(**values):
    return {"parameters": values}


# type, fields, scope, variables, files
CASES = {
    "postgresql": (
        {**SERVER, **parameters(ssl_mode="require", application_name="nightly")},
        Scope("sales", 'my "own\\'),
        {
            "PGHOST": "db.example.com",
            "PGPORT": "5432",
            "PGUSER": "a@b",
            "PGPASSWORD": CANARY,
            "PGDATABASE": "sales",
            "PGOPTIONS": r'-c search_path="my\ ""own\\"',
            "PGAPPNAME": "nightly",
            "PGSSLMODE": "require",
            "DATABASE_URL": f"postgresql://a%40b:{QUOTED}@db.example.com:5432/sales?sslmode=require",
        },
        {},
    ),
    "redshift": (
        {**SERVER, **parameters(ssl_mode="disable")},
        Scope(),
        {
            "PGDATABASE": "dev",
            "PGHOST": "db.example.com",
            "PGPORT": "5439",
            "PGUSER": "a@b",
            "PGPASSWORD": CANARY,
            "PGSSLMODE": "disable",
            "DATABASE_URL": f"postgresql://a%40b:{QUOTED}@db.example.com:5439?sslmode=disable",
        },
        {},
    ),
    "mysql": (
        {**SERVER, "host": "::1", "port": 3307},
        Scope("sales"),
        {
            "MYSQL_TEST_LOGIN_FILE": "/dev/null",
            "MYSQL_HOST": "::1",
            "MYSQL_TCP_PORT": "3307",
            "MYSQL_PORT": "3307",
            "MYSQL_USER": "a@b",
            "MYSQL_PWD": CANARY,
            "MYSQL_PASSWORD": CANARY,
            "MYSQL_DATABASE": "sales",
            "DATABASE_URL": f"mysql://a%40b:{QUOTED}@[::1]:3307/sales",
        },
        {},
    ),
    "sqlserver": (
        SERVER,
        Scope("sales"),
        {
            "SQLCMDSERVER": "tcp:db.example.com,1433",
            "SQLCMDUSER": "a@b",
            "SQLCMDPASSWORD": CANARY,
            "SQLCMDDBNAME": "sales",
            "DATABASE_URL": f"mssql://a%40b:{QUOTED}@db.example.com:1433/sales",
        },
        {},
    ),
    "fabric": (
        {
            "host": "x.datawarehouse.fabric.microsoft.com",
            "username": "id",
            "password": CANARY,
            **parameters(tenant_id="tenant"),
        },
        Scope(),
        {
            "SQLCMDSERVER": "tcp:x.datawarehouse.fabric.microsoft.com,1433",
            "DATABASE_URL": "mssql://x.datawarehouse.fabric.microsoft.com:1433",
            **ENTRA,
        },
        {},
    ),
    "s3": (
        {
            "uri": "s3://lake/",
            "access_key": "AKIA",
            "secret_key": CANARY,
            **parameters(region="eu-west-1", endpoint_url="https://s3.example.com"),
        },
        Scope(),
        {
            **AWS_KEYS,
            **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), "eu-west-1"),
            "AWS_ENDPOINT_URL": "https://s3.example.com",
        },
        {},
    ),
    "athena": (
        {
            "username": "AKIA",
            "password": CANARY,
            **parameters(region="eu-west-1", output="s3://results"),
        },
        Scope(),
        {**AWS_KEYS, **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), "eu-west-1")},
        {},
    ),
    "abfs": (
        {"uri": "abfss://con@account.dfs.core.windows.net/p", "secret_key": "a2V5"},
        Scope(),
        {"AZURE_STORAGE_ACCOUNT": "account", "AZURE_STORAGE_KEY": "a2V5"},
        {},
    ),
    "snowflake": (
        {
            "host": "org-name.snowflakecomputing.com",
            "username": "u",
            "password": CANARY,
            **parameters(role="r", warehouse="w"),
        },
        Scope("D", "S"),
        {
            "SNOWFLAKE_ACCOUNT": "org-name",
            "SNOWFLAKE_HOST": "org-name.snowflakecomputing.com",
            "SNOWFLAKE_USER": "u",
            "SNOWFLAKE_PASSWORD": CANARY,
            "SNOWFLAKE_ROLE": "r",
            "SNOWFLAKE_WAREHOUSE": "w",
            "SNOWFLAKE_DATABASE": "D",
            "SNOWFLAKE_SCHEMA": "S",
        },
        {},
    ),
    "databricks": (
        {"host": "w.cloud.databricks.com", "password": "dapi0123456789", **parameters(path="/sql/1.0/warehouses/a")},
        Scope(),
        {
            "DATABRICKS_HOST": "https://w.cloud.databricks.com",
            "DATABRICKS_TOKEN": "dapi0123456789",
            "DATABRICKS_SERVER_HOSTNAME": "w.cloud.databricks.com",
            "DATABRICKS_HTTP_PATH": "/sql/1.0/warehouses/a",
        },
        {},
    ),
    "trino": (
        {**SERVER, "username": "u"},
        Scope("hive", "web"),
        {"TRINO_PASSWORD": CANARY, "DATABASE_URL": f"trino://u:{QUOTED}@db.example.com:8080/hive/web"},
        {},
    ),
    "presto": (
        {"host": "db.example.com", "username": "u"},
        Scope(),
        {"DATABASE_URL": "presto://u@db.example.com:8080"},
        {},
    ),
    "oracle": (
        {**SERVER, "username": "u", **parameters(service_name="orcl")},
        Scope(),
        {"DATABASE_URL": f"oracle://u:{QUOTED}@db.example.com:1521/orcl"},
        {},
    ),
    "sqlite": ({"uri": "/data/a b.sqlite"}, Scope(), {"DATABASE_URL": "sqlite:////data/a%20b.sqlite"}, {}),
    "duckdb": ({"uri": "/data/a.duckdb"}, Scope(), {"DATABASE_URL": "duckdb:////data/a.duckdb"}, {}),
    "db2": (SERVER, Scope(), {}, {}),
}


@pytest.fixture
def client(tmp_path):
    with LocalClient(Settings(home=tmp_path / "home")) as client:
        yield client


def environment_of(client, name, scope):
    return environment(client.connections.use(name, purpose="a test"), scope)


def revealed(secrets):
    return {name: secret.reveal() for name, secret in secrets.items()}


@pytest.mark.parametrize("case", CASES)
def test_the_tools_of_a_type_find_their_variables(client, case):
    fields, scope, texts, files = CASES[case]
    client.connections.create({"type": case, "name": "a", **fields})
    use = environment_of(client, "a", scope)
    found = revealed(use.texts)
    own = {name: found.pop(name) for name in tuple(found) if name.startswith("QUALYTICS_CONNECTION_")}
    assert (found, revealed(use.files)) == (texts, files)
    secret = "password" if "password" in fields else "secret_key"
    assert own.get(f"QUALYTICS_CONNECTION_{secret.upper()}") == fields.get(secret)


def test_a_key_is_in_a_file(client):
    rsa_pem = snowflake_service.pem(snowflake_service.new_key())
    key = {"password": rsa_pem, **parameters(authentication_type="KEYPAIR")}
    client.connections.create(
        {"type": "snowflake", "name": "a", "host": "o.snowflakecomputing.com", "username": "u", **key}
    )
    use = environment_of(client, "a", Scope())
    assert revealed(use.files) == dict.fromkeys(("SNOWFLAKE_PRIVATE_KEY_FILE", "SNOWFLAKE_PRIVATE_KEY_PATH"), rsa_pem)
    assert use.texts["SNOWFLAKE_AUTHENTICATOR"].reveal() == "SNOWFLAKE_JWT"
    assert "SNOWFLAKE_PASSWORD" not in use.texts


def test_a_verified_connection_trusts_the_roots_of_this_machine_or_its_own(client, monkeypatch, tmp_path, authority):
    roots = tmp_path / "roots.pem"
    roots.write_bytes(authority.cert_pem.bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(roots))
    verified = {"type": "postgresql", "host": "h", "username": "u"}
    client.connections.create({**verified, "name": "a", **parameters(ssl_mode="verify")})
    found = revealed(environment_of(client, "a", Scope()).texts)
    assert (found["PGSSLMODE"], found["PGSSLROOTCERT"]) == ("verify-full", str(roots))
    pem = authority.cert_pem.bytes().decode()
    client.connections.create({**verified, "name": "b", **parameters(ssl_mode="verify", ssl_root_cert=pem)})
    use = environment_of(client, "b", Scope())
    assert "PGSSLROOTCERT" not in use.texts
    assert use.files["PGSSLROOTCERT"].reveal().strip() == pem.strip()


@pytest.mark.parametrize("case", ["s3", "athena", "redshift"])
def test_keys_that_assume_a_role_are_not_handed_on_as_if_they_were_the_login(client, case):
    role = parameters(authentication_type="IAM_ROLE", role_arn="arn:aws:iam::123456789012:role/r", region="eu-west-1")
    fields = {
        "s3": {"uri": "s3://lake/", "access_key": "AKIA", "secret_key": "s"},
        "athena": {"username": "AKIA", "password": "s"},
        "redshift": {"host": "c.x.eu-west-1.redshift.amazonaws.com", "username": "AKIA", "password": "s"},
    }[case]
    role["parameters"] |= {"output": "s3://out"} if case == "athena" else {"db_user": "d"} if case == "redshift" else {}
    client.connections.create({"type": case, "name": "a", **fields, **role})
    with pytest.raises(UsageError, match="assumes a role"):
        environment_of(client, "a", Scope())


def test_what_is_not_there_is_refused(client):
    client.connections.create({"type": "sqlite", "name": "a", "uri": "/x.db"})
    with pytest.raises(NotFound):
        environment_of(client, "b", Scope())
    with pytest.raises(InvalidInput, match="database"):
        environment_of(client, "a", Scope("sales"))


def test_what_would_lead_a_tool_elsewhere_is_taken_away(client):
    client.connections.create({"type": "postgresql", "name": "a", "host": "h"})
    cleared = environment_of(client, "a", Scope()).cleared
    assert {"PGHOSTADDR", "PGSERVICE", "PGPASSWORD", "DATABASE_URL", "QUALYTICS_CONNECTION_*"} <= {*cleared}
