"""Connections in the words of other tools: what is written is read back as the same connection."""

import json
import tomllib
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qualytics import connectors
from qualytics.cli._output import dump_yaml
from qualytics.errors import UsageError
from qualytics.exchange import other_tools
from qualytics.exchange.imports import airflow, clients, profiles
from qualytics.exchange.imports.files import File
from qualytics.fields import SECRETS as SECRET_FIELDS
from qualytics.secret import Secret
from qualytics.service.foreign import urls
from qualytics.service.foreign.matching import match
from qualytics.structs import replace

MASK = "********"
SCOPE = {"database": "sales", "schema": "public"}
# Without line ends, which a field refuses but for secrets.
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)
SECRETS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def document(**changes):
    fields = {"name": "prod", "type": "postgresql", "host": "db.example.com", "port": 5433, "username": "app"}
    return fields | {"password": MASK, "parameters": None} | changes


def write(fields, tool, scope=SCOPE, names=("prod", "other")):
    return other_tools.write(fields, names, tool, scope, dump_yaml)


def read(tool, text, secret):
    """Return what our import makes of a form, once the secret stands where the placeholder did."""
    variables = {"PROD_PASSWORD": secret}
    if tool == "airflow":
        whole = json.loads(text)
        assert whole["prod"]["password"] == "${PROD_PASSWORD}"  # the placeholder
        return match(airflow.of_object("prod", {**whole["prod"], "password": secret}, "f:1"))
    if tool == "dbt":
        return match(next(iter(profiles.dbt(File("f", text, variables)))))
    if tool == "libpq":
        return match(next(iter(clients.services(File("f", text.replace("${PROD_PASSWORD}", secret), variables)))))
    return match(urls.parse(text.replace("${PROD_PASSWORD}", quote(secret, safe="")), "url", "f:1", "prod"))


@pytest.mark.parametrize("tool", ["airflow", "dbt", "libpq", "sqlalchemy"])
@pytest.mark.parametrize("mode", ["auto", "require", "verify", "disable"])
def test_what_is_written_is_read_back_as_the_same_connection(tool, mode):
    parameters = {"ssl_mode": mode, "application_name": "nightly load"}
    candidate = read(tool, write(document(parameters=parameters), tool).text, "p@ss")
    name = "prod-default" if tool == "dbt" else "prod"
    login = {"host": "db.example.com", "port": 5433, "username": "app", "password": "p@ss"}
    assert candidate.fields == {"name": name, "type": "postgresql", **login, "parameters": parameters}
    assert candidate.scope["database"] == "sales"
    assert candidate.left == ()


@given(username=WORDS, secret=SECRETS)
@example(username="a:b@c/d?e#f%20", secret=" {{ x }}\n'\"\\%41;}")
def test_odd_characters_pass_unchanged_through_urls_and_airflow(username, secret):
    for tool in ("airflow", "sqlalchemy"):
        candidate = read(tool, write(document(username=username), tool).text, secret)
        assert (candidate.fields["username"], candidate.fields["password"]) == (username, secret)


@given(username=WORDS.filter(lambda text: "{" not in text))
@example(username="a: b# 'c' \"d\" - &e *f !g |")
def test_odd_characters_pass_unchanged_through_a_profile_of_dbt(username):
    candidate = read("dbt", write(document(username=username), "dbt").text, "{{ no template }}")
    assert (candidate.fields["username"], candidate.fields["password"]) == (username, "{{ no template }}")


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_the_tools_of_mysql_get_its_words(kind):
    fields = document(type=kind, parameters={"ssl_mode": "verify"})
    assert json.loads(write(fields, "airflow", {}).text)["prod"]["extra"] == {"ssl_mode": "VERIFY_IDENTITY"}
    written = write(fields, "sqlalchemy", {"database": "sales"})
    assert written.text == f"{kind}+pymysql://app:${{PROD_PASSWORD}}@db.example.com:5433/sales\n"
    assert written.left == ("parameters.ssl_mode",)


def test_without_a_secret_there_is_no_placeholder():
    written = write(document(password=None, username=None, host="::1"), "sqlalchemy", {})
    assert (written.text, written.variables) == ("postgresql+psycopg://[::1]:5433\n", ())


def test_placeholders_are_those_of_an_export():
    written = write(document(name="Prod!"), "libpq", {}, names=("Prod!", "prod"))
    assert written.variables[0].startswith("PROD__")  # told apart, as files of both are


def test_what_a_tool_has_no_key_for_is_told():
    assert write(document(parameters={"ssl_root_cert": "PEM"}), "libpq").left == ("parameters.ssl_root_cert", "schema")


def test_a_type_that_a_tool_does_not_know_names_those_that_do():
    with pytest.raises(UsageError, match="a s3 connection cannot be written for dbt") as caught:
        write(document(type="s3"), "dbt")
    assert caught.value.hint == "it can be written for airflow, spark"
    with pytest.raises(UsageError, match="a databricks_native connection cannot be written for dbt"):
        write(document(type="databricks_native"), "dbt")


def test_dbt_needs_a_database_and_a_schema():
    with pytest.raises(UsageError, match="dbt needs a schema") as caught:
        write(document(), "dbt", {"database": "sales"})
    assert caught.value.hint == "add --schema"


@pytest.mark.parametrize(
    ("tool", "username"), [("dbt", "{{ env_var('X') }}"), ("libpq", " app"), ("libpq", "app\nhost=evil")]
)
def test_what_would_be_read_as_something_else_is_refused(tool, username):
    with pytest.raises(UsageError, match="username "):
        write(document(username=username), tool)


def test_every_form_has_keys_that_its_type_knows():
    for connector in connectors.all_connectors():
        known = {*connector.fields, *(param.name for param in connector.params), *SCOPE}
        for tool, form in connector.foreign.forms.items():
            made = set() if form.complete is None else form.keys.keys()  # which may name what it makes
            assert form.keys.keys() - made - {"jdbc_fetch_size"} <= known | {"password"}, (connector.type, tool)


def test_libpq_itself_logs_in_with_the_section(postgres_server, tmp_path, monkeypatch):
    fields = document(host="127.0.0.1", port=postgres_server.port, username=postgres_server.user)
    text = write({**fields, "parameters": {"ssl_mode": "require"}}, "libpq").text
    path = tmp_path / "pg_service.conf"
    path.write_text(text.replace("${PROD_PASSWORD}", postgres_server.password))
    monkeypatch.setenv("PGSERVICEFILE", str(path))
    with psycopg.connect("service=prod") as connection:
        assert connection.info.dbname == "sales"
        assert connection.pgconn.ssl_in_use


KEY_JSON = '{"type": "service_account", "project_id": "p", "private_key": "x", "client_email": "e@p"}'
LOGIN = {"username": "app", "password": "p@ss w:/rd"}
SERVER = {"host": "db.example.com", "port": 5433, **LOGIN}
AWS = {"host": "athena.eu-west-1.amazonaws.com", "username": "AKIA1", "password": "se/cret+"}
KEYS = {"access_key": "AKIA1", "secret_key": "se/cret+"}
WORKSPACE = {"host": "adb-1.azuredatabricks.net", "port": 443, "password": "dapi0"}
TLS = {"ssl_mode": "verify"}
# The fields of one connection of each type, with its parameters and the place of a datastore.
EVERY = {
    "abfs": ({"uri": "abfss://box@account.dfs.core.windows.net/in", "secret_key": "a+/="}, {}, {}),
    "athena": (AWS, {"output": "s3://b/r/", "region": "eu-west-1", "work_group": "w"}, SCOPE),
    "bigquery": ({"password": KEY_JSON}, {"location": "EU"}, SCOPE),
    "databricks": (WORKSPACE, {"path": "/sql/1.0/warehouses/ab"}, SCOPE),
    "db2": (SERVER, TLS, {"database": "sales"}),
    "dremio": (SERVER, TLS, {}),
    "duckdb": ({"uri": "/data/a b.duckdb"}, {}, {}),
    "fabric": ({**SERVER, "host": "x.datawarehouse.fabric.microsoft.com"}, TLS, SCOPE),
    "gcs": ({"uri": "gs://bucket/in", "secret_key": KEY_JSON}, {}, {}),
    "hive": (SERVER, TLS | {"auth_mechanism": "NOSASL"}, {"database": "sales"}),
    "jdbc": ({"uri": "jdbc:h2:tcp://db.example.com/x", **LOGIN}, {"driver_class": "org.h2.Driver"}, {}),
    "mariadb": (SERVER, TLS, {"database": "sales"}),
    "mysql": (SERVER, TLS, {"database": "sales"}),
    "oracle": ({**SERVER, "password": "secret_1"}, {"service_name": "ORCLPDB1"}, {"schema": "s"}),
    "postgresql": (SERVER, TLS | {"application_name": "nightly load"}, SCOPE),
    "presto": (SERVER, TLS, SCOPE),
    "redshift": (SERVER, TLS, SCOPE),
    "s3": ({"uri": "s3://bucket/in", **KEYS}, {"region": "eu-west-1"}, {}),
    "snowflake": (
        {"host": "org-name.snowflakecomputing.com", **LOGIN},
        {"role": "ANALYST", "warehouse": "WH"},
        SCOPE,
    ),
    "sqlite": ({"uri": "/data/a b.sqlite"}, {}, {}),
    "sqlserver": (SERVER, TLS | {"application_intent": "ReadOnly"}, SCOPE),
    "synapse": (SERVER, TLS, SCOPE),
    "teradata": (SERVER, TLS | {"tmode": "ANSI"}, {"schema": "s"}),
    "timescale": (SERVER, TLS, SCOPE),
    "trino": (SERVER, TLS | {"source": "nightly"}, SCOPE),
}
# Airflow's connection to Google is one of all its services.
FORMS = [(kind, tool) for kind in EVERY for tool in other_tools.tools_of(kind) if (kind, tool) != ("gcs", "airflow")]
# What one tool says for several types is read as the first of them.
READ_AS = {("mariadb", "airflow"): "mysql", ("redshift", "libpq"): "postgresql"}
READ_AS |= {("timescale", tool): "postgresql" for tool in other_tools.TOOLS} | {
    (kind, tool): "sqlserver" for kind in ("synapse", "fabric") for tool in ("jdbc", "odbc", "spark", "sqlalchemy")
}


def read_again(tool, text):
    """Return what our import makes of a form that holds its secrets."""
    if tool == "airflow":
        return match(airflow.of_object("prod", json.loads(text)["prod"], "f:1"))
    if tool in {"dbt", "libpq", "odbc"}:
        reader = {"dbt": profiles.dbt, "libpq": clients.services, "odbc": clients.data_sources}[tool]
        return match(next(iter(reader(File("f", text, {})))))
    if tool == "spark" and "conf" not in json.loads(text):
        options = json.loads(text)["options"]
        entry = urls.parse(options.pop("url"), "url", "f:1", "prod")
        login = {key: value for key, value in options.items() if key in {"user", "password"}}
        login |= {"driver_class": options["driver"]} if entry.word == "jdbc" else {}
        return match(replace(entry, values=entry.values | login))
    if tool in {"sqlalchemy", "jdbc"}:
        return match(urls.parse(text, "url", "f:1", "prod"))
    return None


@pytest.mark.parametrize(("kind", "tool"), FORMS)
def test_every_form_of_every_type_is_read_back_as_what_it_holds(kind, tool):
    fields, parameters, scope = EVERY[kind]
    shown = {name: MASK if name in SECRET_FIELDS else value for name, value in fields.items()}
    secrets = {name: Secret(value) for name, value in fields.items() if name in SECRET_FIELDS}
    whole = {"name": "prod", "type": kind, **shown, "parameters": parameters}
    written = other_tools.write(whole, ["prod"], tool, scope, dump_yaml, secrets)
    assert MASK not in written.text
    assert written.variables == ()
    candidate = read_again(tool, written.text)
    if candidate is None:
        return
    left = {one.removeprefix("parameters.") for one in written.left}
    assert candidate.type == READ_AS.get((kind, tool), kind)
    known = {name: value for name, value in candidate.fields.items() if name not in {"name", "type", "parameters"}}
    assert known == {name: value for name, value in fields.items() if name not in left}
    implied = {"authentication_type", "http_path"}
    assert {k: v for k, v in candidate.fields.get("parameters", {}).items() if k not in implied} == {
        name: value for name, value in parameters.items() if name not in left
    }
    assert candidate.scope == {name: value for name, value in scope.items() if name not in left}


def test_every_type_that_a_tool_knows_has_a_form():
    without = {connector.type for connector in connectors.all_connectors() if not other_tools.tools_of(connector.type)}
    assert without == {"databricks_native"}  # a workspace is no database
    assert EVERY.keys() | without == {connector.type for connector in connectors.all_connectors()}


def has_own_reader(kind, tool):
    jdbc = connectors.get(kind).foreign.forms.get("jdbc")
    return tool in {"airflow", "sqlalchemy", "odbc", "spark"} or (tool == "jdbc" and jdbc.properties.is_encoded)


SERVERS = [
    (kind, tool)
    for kind, tool in FORMS
    if EVERY[kind][0].keys() >= SERVER.keys() and kind != "oracle" and has_own_reader(kind, tool)
]


def with_secret(kind, tool, secret):
    fields, parameters, scope = EVERY[kind]
    whole = {"name": "prod", "type": kind, **fields, "password": MASK, "parameters": parameters}
    return other_tools.write(whole, ["prod"], tool, scope, dump_yaml, {"password": Secret(secret)}).text


@given(form=st.sampled_from(SERVERS), secret=SECRETS)
@example(form=("postgresql", "odbc"), secret="100%")
@example(form=("mysql", "odbc"), secret="{a;b=c}'d\"")
@example(form=("trino", "jdbc"), secret="a;b?cd=e#f/g@h i+")
def test_a_secret_passes_unchanged_or_is_refused(form, secret):
    kind, tool = form
    is_decoded = kind in {"postgresql", "timescale"} and {"%", "+"} & {*secret}
    is_divided = tool == "jdbc" and kind in {"trino", "presto"} and "&" in secret
    if is_divided or (tool == "odbc" and (not secret.isprintable() or secret != secret.strip() or is_decoded)):
        with pytest.raises(UsageError):
            with_secret(kind, tool, secret)
    else:
        assert read_again(tool, with_secret(kind, tool, secret)).fields["password"] == secret


@pytest.mark.parametrize(
    ("kind", "secret", "part"),
    [
        ("sqlserver", "a}b{c;d=e", ";password={a}}b{c;d=e};"),
        ("teradata", "a'b,c", ",PASSWORD='a''b,c',"),
        ("db2", "p@ss w", ";password=p@ss w;"),
    ],
)
def test_a_url_of_jdbc_quotes_as_its_driver_reads(kind, secret, part):
    assert part in with_secret(kind, "jdbc", secret)


@pytest.mark.parametrize(
    ("kind", "secret"), [("db2", "a;b"), ("hive", "a\nb"), ("oracle", "a/b"), ("trino", "a&b"), ("mariadb", "a%20b")]
)
def test_what_no_url_of_a_driver_can_hold_is_refused(kind, secret):
    with pytest.raises(UsageError, match="holds what"):
        with_secret(kind, "jdbc", secret)


@given(username=WORDS, secret=SECRETS.filter(lambda text: "\0" not in text))
def test_libpq_reads_the_url_of_sqlalchemy(username, secret):
    fields = document(username=username)
    text = other_tools.write(fields, ["prod"], "sqlalchemy", SCOPE, dump_yaml, {"password": Secret(secret)}).text
    known = psycopg.conninfo.conninfo_to_dict(text.strip().replace("+psycopg", "", 1))
    assert (known["user"], known["password"], known["dbname"]) == (username, secret, "sales")


def test_spark_gets_the_driver_and_the_fetch_size():
    options = json.loads(write(document(jdbc_fetch_size=5000), "spark").text)["options"]
    assert options == {
        "url": "jdbc:postgresql://db.example.com:5433/sales?currentSchema=public",
        "driver": "org.postgresql.Driver",
        "user": "app",
        "password": "${PROD_PASSWORD}",  # the placeholder
        "fetchsize": "5000",
    }


@pytest.mark.parametrize(
    ("kind", "tool", "rules"),
    [
        ("postgresql", "jdbc", ["percent-encode the value"]),
        ("postgresql", "spark", ["escape the value that is put in for ${PROD_PASSWORD} as JSON has it"]),
        ("postgresql", "libpq", []),
        ("postgresql", "dbt", []),
        ("sqlserver", "jdbc", ["put the value for ${PROD_PASSWORD} between { and }, and write each } in it twice"]),
        ("redshift", "jdbc", ["no value with any of ; { } can be put in"]),
        ("trino", "jdbc", ["percent-encode the value", "no value with any of & can be put in"]),
        ("mariadb", "jdbc", ["no value with any of & % + # can be put in"]),
    ],
)
def test_what_a_form_asks_of_values_is_told(kind, tool, rules):
    told = write(document(type=kind), tool).rules
    assert len(told) == len(rules)
    assert all(rule in one for rule, one in zip(rules, told, strict=True))


def test_json_is_escaped_in_forms_for_stores_of_files_too():
    files = {"name": "prod", "type": "s3", "uri": "s3://bucket/in", "access_key": MASK, "secret_key": MASK}
    assert [rule.startswith("escape the value") for rule in write(files, "spark", {}).rules] == [True, True]


def test_spark_gets_the_configuration_of_a_store_of_files():
    fields = {"name": "prod", "type": "s3", "uri": "s3://bucket/in", "access_key": MASK, "secret_key": MASK}
    written = json.loads(write(fields, "spark", {}).text)
    assert written["path"] == "s3a://bucket/in"
    assert written["conf"]["spark.hadoop.fs.s3a.secret.key"] == "${PROD_SECRET_KEY}"  # the placeholder


def test_a_key_of_google_is_an_object_for_dbt():
    fields = {"name": "prod", "type": "bigquery", "password": MASK}
    assert "env_var(''PROD_PASSWORD'') | as_native" in write(fields, "dbt").text
    with_key = other_tools.write(fields, ["prod"], "dbt", SCOPE, dump_yaml, {"password": Secret(KEY_JSON)})
    assert "  project_id: p" in with_key.text


@pytest.mark.parametrize(
    ("kind", "tool", "parameters"),
    [
        ("snowflake", "airflow", {"authentication_type": "KEYPAIR"}),
        ("databricks", "jdbc", {"authentication_type": "OAUTH_M2M"}),
        ("abfs", "spark", {"authentication_type": "SERVICE_PRINCIPAL"}),
        ("redshift", "sqlalchemy", {"authentication_type": "IAM_ROLE", "role_arn": "arn:aws:iam::1:role/r"}),
    ],
)
def test_a_login_that_a_tool_cannot_make_is_refused_with_a_hint(kind, tool, parameters):
    fields, _, scope = EVERY[kind]
    with pytest.raises(UsageError) as caught:
        write({"name": "prod", "type": kind, **fields, "parameters": parameters}, tool, scope)
    assert caught.value.hint


def test_a_profile_of_adbc_names_variables_and_quotes_the_rest():
    fields = document(type="snowflake", host="o-a.snowflakecomputing.com", port=None, parameters={"role": 'a "b"\\'})
    text = write(fields, "adbc").text
    options = {
        "username": "app",
        "password": "{{ env_var(PROD_PASSWORD) }}",
        "adbc.snowflake.sql.account": "o-a",
        "adbc.snowflake.sql.db": "sales",
        "adbc.snowflake.sql.schema": "public",
        "adbc.snowflake.sql.role": 'a "b"\\',
    }
    assert tomllib.loads(text) == {"profile_version": 1, "driver": "snowflake", "Options": options}


@given(username=WORDS)
@example(username="{{ env_var(HOME) }}")
def test_odd_characters_pass_unchanged_through_a_profile_of_adbc(username):
    written = write(document(username=username), "adbc")
    (entry,) = profiles.adbc(File("prod.toml", written.text, {}))
    candidate = match(entry)
    assert (candidate.fields["username"], candidate.scope["database"]) == (username, "sales")
    assert "password" not in candidate.fields  # it comes from PGPASSWORD
    assert "password" not in written.left


def test_what_a_profile_of_adbc_would_take_for_a_variable_is_refused():
    fields = document(type="snowflake", host="o.snowflakecomputing.com", username="{{ env_var(HOME) }}")
    with pytest.raises(UsageError, match="username holds what the driver manager would read as a variable"):
        write(fields, "adbc")
