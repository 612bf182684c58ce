"""dbt's profiles, Sling's environment, Airflow's YAML, Snowflake's and ADBC's connections."""

import pytest

from qualytics.exchange.imports import sources
from qualytics.service.foreign.matching import match

DBT = """\
config:
  send_anonymous_usage_stats: false
shop:
  target: dev
  outputs:
    dev: &dev
      type: postgres
      threads: 4
      host: "{{ env_var('DBT_HOST', 'localhost') }}"
      port: "{{ env_var('DBT_PORT') | int }}"
      user: app
      password: "{{ env_var('DBT_PASSWORD') }}"
      dbname: sales
      schema: public
      keepalives_idle: 0
      sslmode: require
    prod:
      <<: *dev
      host: prod.example.com
      pass: 0123
      password: "{{ env_var('MISSING') }}"
      schema: "{{ target.name }}"
    wh: {type: snowflake, account: acme, user: u, password: '${LITERAL}', database: D, schema: S, role: R}
    bad: text
"""


@pytest.fixture
def read(tmp_path):
    """Return a function that writes a file and returns its candidates by name."""

    def call(name, text, **variables):
        (tmp_path / name).write_text(text)
        source = sources.of_file(str(tmp_path / name), variables)
        assert source.problem is None
        return {entry.name or entry.place.removeprefix(str(tmp_path)): match(entry) for entry in source.entries}

    return call


def plain(candidate):
    return {name: value for name, value in candidate.fields.items() if name not in {"name", "type"}}


def test_targets_of_dbt_have_variables_defaults_filters_and_merges(read):
    found = read("profiles.yml", DBT, DBT_PORT="5433", DBT_PASSWORD="p{{ x }}\"'#")
    assert plain(found["shop-dev"]) == {
        "host": "localhost",
        "port": 5433,
        "username": "app",
        "password": "p{{ x }}\"'#",
        "parameters": {"ssl_mode": "require"},
    }
    assert found["shop-dev"].scope == {"database": "sales", "schema": "public"}
    assert found["shop-dev"].left == ("keepalives_idle: postgresql has no such field",)
    assert found["shop-prod"].entry.place.endswith("profiles.yml:17")
    assert plain(found["shop-prod"])["password"] == "0123"
    assert found["shop-prod"].left[:2] == (
        "password: $MISSING is not set",
        "schema: holds an expression that is no env_var()",
    )
    assert plain(found["shop-wh"]) == {
        "host": "acme.snowflakecomputing.com",
        "username": "u",
        "password": "${LITERAL}",
        "parameters": {"role": "R"},
    }
    assert found["/profiles.yml:24"].reason == "is not a target of dbt, a mapping"


def test_a_key_of_a_service_account_is_read_from_its_file(read, tmp_path):
    (tmp_path / "key.json").write_text('{"type": "service_account"}')
    text = "a:\n  outputs:\n    {}: {{type: bigquery, method: service-account, project: p, dataset: d, keyfile: {}}}\n"
    found = read("profiles.yml", text.format("there", tmp_path / "key.json"))["a-there"]
    assert (plain(found), found.scope) == (
        {"password": '{"type": "service_account"}'},
        {"database": "p", "schema": "d"},
    )
    assert read("profiles.yml", text.format("gone", tmp_path / "none.json"))["a-gone"].left == (
        "keyfile: its file cannot be read",
        "password: none is there",
    )


def test_connections_of_sling_are_objects_or_urls(read):
    found = read(
        "env.yaml",
        "connections:\n  pg: {type: postgres, host: h, user: u, password: p, database: d}\n  my: 'mysql://u:a%40b@h/d'\n"
        "  url: {url: 'postgres://u:p@h/d?sslmode=disable'}\n"
        "  lake: {type: s3, bucket: b, access_key_id: k, secret_access_key: s}\n"
        "  bad: 'postgres://u:geh/eim@h/d'\nvariables: {A: b}\n",
    )
    assert plain(found["pg"]) == {"host": "h", "username": "u", "password": "p"}
    assert plain(found["my"])["password"] == "a@b"
    assert plain(found["url"])["parameters"] == {"ssl_mode": "disable"}
    assert plain(found["lake"]) == {"uri": "s3://b", "access_key": "k", "secret_key": "s"}
    assert "geh" not in found["/env.yaml:6"].reason


def test_airflow_exports_yaml_as_well(read):
    found = read(
        "airflow.yaml",
        "pg:\n  conn_type: postgres\n  host: h\n  login: u\n  password: 'x: y'\n  port: 1\n  extra: null\n",
    )
    assert plain(found["pg"]) == {"host": "h", "port": 1, "username": "u", "password": "x: y"}


def test_connections_of_snowflake_have_a_password_or_a_key(read, tmp_path):
    (tmp_path / "rsa.p8").write_text("-----BEGIN PRIVATE KEY-----\n")
    found = read(
        "connections.toml",
        f'[default]\naccount = "acme-prod"\nuser = "u"\npassword = "p\\"q"\nwarehouse = "W"\n\n'
        '["with key"]\naccount="a.eu-west-1"\n'
        f'user = "u"\nauthenticator = "SNOWFLAKE_JWT"\n'
        f'private_key_file = "{tmp_path}/rsa.p8"\nprivate_key_file_pwd = "pp"\n'
        '[sso]\naccount="a"\nauthenticator="externalbrowser"\n',
    )
    assert plain(found["default"]) == {
        "host": "acme-prod.snowflakecomputing.com",
        "username": "u",
        "password": 'p"q',
        "parameters": {"warehouse": "W"},
    }
    assert plain(found["with key"]) == {
        "host": "a.eu-west-1.snowflakecomputing.com",
        "username": "u",
        "password": "-----BEGIN PRIVATE KEY-----\n",
        "passphrase": "pp",
        "parameters": {"authentication_type": "KEYPAIR"},
    }
    assert found["with key"].entry.place.endswith(":7")
    assert found["sso"].left == ("authenticator: snowflake has no such field", "password: none is there")


def test_profiles_of_adbc_have_a_uri_or_options_of_the_driver(read):
    uri = 'uri = "postgresql://app:{{ env_var(PGPASSWORD) }}@db.example.com:5432/demo"\n'
    found = read("pg.toml", f'profile_version = 1\ndriver = "postgresql"\n[Options]\n{uri}', PGPASSWORD="a%2Fb")["pg"]
    assert plain(found) == {"host": "db.example.com", "port": 5432, "username": "app", "password": "a/b"}
    text = 'profile_version = 1\ndriver = "snowflake"\n[Options]\nusername = "U"\npassword = '
    text += '"{{ env_var(NONE) }}"\n"adbc.snowflake.sql.account" = "acme"\n'
    found = read("sf.toml", text)["sf"]
    assert plain(found) == {"host": "acme.snowflakecomputing.com", "username": "U"}
    assert found.left == ("password: $NONE is not set", "password: none is there")


@pytest.mark.parametrize("name", ["connections.toml", "profiles.yml", "env.yaml"])
def test_a_broken_file_is_refused_without_being_repeated(tmp_path, name):
    (tmp_path / name).write_text("a = 'geheim\nb: [geheim\n")
    problem = sources.of_file(str(tmp_path / name), {}).problem
    assert problem is not None
    assert "geheim" not in problem
