"""Connections in the words of other tools: what is written is read back as the same connection."""

import json
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qualytics import connectors
from qualytics.cli._output import dump_yaml
from qualytics.errors import UsageError
from qualytics.exchange import other_tools
from qualytics.exchange.imports import airflow, clients, profiles, urls
from qualytics.exchange.imports.files import File
from qualytics.exchange.imports.matching import match

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


@pytest.mark.parametrize("tool", other_tools.TOOLS)
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
    assert (written.text, written.variables) == ("postgresql+psycopg://[::1]:5433/\n", ())


def test_placeholders_are_those_of_an_export():
    written = write(document(name="Prod!"), "libpq", {}, names=("Prod!", "prod"))
    assert written.variables[0].startswith("PROD__")  # told apart, as files of both are


def test_what_a_tool_has_no_key_for_is_told():
    assert write(document(parameters={"ssl_root_cert": "PEM"}), "libpq").left == ("parameters.ssl_root_cert", "schema")


def test_a_type_that_a_tool_does_not_know_names_those_that_do():
    with pytest.raises(UsageError, match="a mysql connection cannot be written for dbt") as caught:
        write(document(type="mysql"), "dbt")
    assert caught.value.hint == "it can be written for airflow, sqlalchemy"
    with pytest.raises(UsageError, match="a s3 connection cannot be written for dbt"):
        write(document(type="s3"), "dbt")


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
        for tool in other_tools.tools_of(connector.type):
            assert connector.foreign.forms[tool].keys.keys() <= known, (connector.type, tool)


def test_libpq_itself_logs_in_with_the_section(postgres_server, tmp_path, monkeypatch):
    fields = document(host="127.0.0.1", port=postgres_server.port, username=postgres_server.user)
    text = write({**fields, "parameters": {"ssl_mode": "require"}}, "libpq").text
    path = tmp_path / "pg_service.conf"
    path.write_text(text.replace("${PROD_PASSWORD}", postgres_server.password))
    monkeypatch.setenv("PGSERVICEFILE", str(path))
    with psycopg.connect("service=prod") as connection:
        assert connection.info.dbname == "sales"
        assert connection.pgconn.ssl_in_use
