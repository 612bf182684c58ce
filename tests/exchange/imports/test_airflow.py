"""Airflow's connections: URIs and JSON, of variables and of exports, as Airflow itself writes them."""

import json
from pathlib import Path

import pytest

from qualytics.exchange.imports import airflow, sources
from qualytics.service.foreign.entries import Unreadable
from qualytics.service.foreign.matching import match

CANARY = "can/ary:@?#%41 ü"


def test_an_object_with_its_extra_as_a_text_or_an_object_becomes_the_same_fields():
    given = {"conn_type": "postgres", "login": "app", "password": CANARY, "host": "h", "port": 5432, "schema": "sales"}
    extra = {"sslmode": "require", "application_name": "airflow"}
    for form in (extra, json.dumps(extra)):
        candidate = match(airflow.of_object("pg", {**given, "extra": form}, "f:1"))
        assert candidate.fields == {
            "name": "pg",
            "type": "postgresql",
            "host": "h",
            "port": 5432,
            "username": "app",
            "password": CANARY,
            "parameters": {"ssl_mode": "require", "application_name": "airflow"},
        }
        assert candidate.scope == {"database": "sales"}
        assert candidate.left == ()


def test_a_uri_has_its_extra_as_parameters_or_as_json():
    plain = airflow.of_uri("sf", "snowflake://u:p%40q@/PUBLIC?account=acme&database=DB&extra__snowflake__role=R", "f:1")
    as_json = "snowflake://u:p%40q@/PUBLIC?__extra__=%7B%22account%22%3A+%22acme%22%2C+%22database%22%3A+%22DB%22%7D"
    for entry in (plain, airflow.of_uri("sf", as_json, "f:1")):
        candidate = match(entry)
        assert candidate.fields["host"] == "acme.snowflakecomputing.com"
        assert candidate.fields["password"] == "p@q"
        assert candidate.scope == {"database": "DB", "schema": "PUBLIC"}


def test_keys_of_older_versions_lose_their_prefix():
    extra = {"extra__google_cloud_platform__project": "p", "extra__google_cloud_platform__keyfile_dict": '{"a": "b"}'}
    candidate = match(airflow.of_object("bq", {"conn_type": "google_cloud_platform", "extra": extra}, "f:1"))
    assert candidate.fields == {"name": "bq", "type": "bigquery", "password": '{"a": "b"}'}
    assert candidate.scope == {"database": "p"}


def test_a_jdbc_connection_whose_host_is_a_url_becomes_the_type_of_the_url():
    given = {"conn_type": "jdbc", "host": "jdbc:postgresql://h:1/d", "login": "u", "password": "p"}
    candidate = match(airflow.of_object("j", given, "f:1"))
    assert candidate.fields == {
        "name": "j",
        "type": "postgresql",
        "host": "h",
        "port": 1,
        "username": "u",
        "password": "p",
    }


def test_variables_are_read_in_both_forms_and_others_are_left_alone():
    variables = {
        "AIRFLOW_CONN_PG_PROD": "postgres://u:p@h/d",
        "AIRFLOW_CONN_MY": '{"conn_type": "mysql", "host": "h", "password": "${NOT_RESOLVED}"}',
        "AIRFLOW_CONN_": "postgres://u:p@h/d",
        "AIRFLOW_CONN_EMPTY": "",
        "AIRFLOW_CONN_BAD": "{geheim",
        "AIRFLOW_HOME": "/x",
    }
    pg, my, bad = airflow.of_variables(variables)
    assert (pg.name, pg.place) == ("pg_prod", "$AIRFLOW_CONN_PG_PROD")
    assert match(my).fields["password"] == "${NOT_RESOLVED}"
    assert bad[0] == "$AIRFLOW_CONN_BAD"
    assert "geheim" not in bad[1]


DATA = Path(__file__).parents[2] / "data" / "imports"
AWKWARD = "a@b:c/d?e#f%41&g=h+i;j{k}l'm\"n\\o p$q!ü日${X}"


@pytest.mark.parametrize("name", ["airflow.json", "airflow.yaml", "airflow-uri.env", "airflow-json.env"])
def test_what_airflow_itself_exports_is_the_same_in_each_of_its_formats(name):
    source = sources.of_file(str(DATA / name), {})
    assert ({entry.tool for entry in source.entries}, source.problem) == ({"airflow"}, None)
    mysql, postgres, snowflake = map(match, source.entries)
    assert mysql.fields == {
        "name": "my_v6",
        "type": "mysql",
        "host": "::1",
        "port": 3306,
        "username": "u@x",
        "password": AWKWARD,
    }
    assert postgres.fields == {
        "name": "pg_prod",
        "type": "postgresql",
        "host": "db.example.com",
        "port": 5432,
        "username": "app",
        "password": AWKWARD,
        "parameters": {"ssl_mode": "verify", "application_name": "af"},
    }
    assert snowflake.fields == {
        "name": "sf",
        "type": "snowflake",
        "host": "acme.snowflakecomputing.com",
        "username": "me",
        "password": AWKWARD,
        "parameters": {"warehouse": "WH", "role": "R"},
    }
    assert (postgres.scope, snowflake.scope) == ({"database": "sales"}, {"database": "DB", "schema": "PUBLIC"})


@pytest.mark.parametrize("given", [1, ["x"], None, "no uri geheim"])
def test_what_is_no_connection_is_refused_without_being_repeated(given):
    with pytest.raises(Unreadable) as refused:
        airflow.of_object("x", given, "f:1")
    assert "geheim" not in str(refused.value)


def test_an_extra_that_is_no_json_and_a_description_are_listed():
    given = {"conn_type": "mysql", "host": "h", "password": "p", "description": "about", "extra": "{geheim"}
    assert match(airflow.of_object("x", given, "f:1")).left == (
        "description: a connection has none",
        "extra: is not JSON",
    )
