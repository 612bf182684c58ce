"""A form of each type, from its tables, and what was typed into it as fields of a request."""

import json

import pytest

from qualytics import connectors
from qualytics.errors import InvalidInput, Problem
from qualytics.fields import BY_NAME
from qualytics.server.web import forms
from qualytics.service import validate
from qualytics.service.connections import drafts
from tests.support.forms import example_of, typed

EVERY = connectors.all_connectors()
POSTGRESQL = connectors.get("postgresql")
STORED = {"name": "prod", "tags": ["a", "b"], "host": "db", "port": 5432, "password": "********", "parameters": {}}


def control(form, name):
    return next(found for found in form.controls if found.name == name)


@pytest.mark.parametrize("connector", EVERY, ids=lambda found: found.type)
def test_every_field_and_parameter_has_one_control_but_for_files_of_the_server(connector):
    names = [found.name for found in forms.make(connector, {}).controls]
    params = [f"parameters.{param.name}" for param in connector.params if not param.is_path]
    fields = [name for name in validate.accepted(connector) if name != "parameters"]
    assert sorted(names) == sorted([*fields, *params])


@pytest.mark.parametrize("connector", EVERY, ids=lambda found: found.type)
def test_the_example_of_a_type_comes_back_as_it_was_typed(connector):
    example = example_of(connector)
    fields = forms.fields_of(connector, typed(connector, example))
    fields.setdefault("parameters", {})
    assert fields == {"type": connector.type, **example}
    drafts.draft(fields)  # which says all that is wrong


@pytest.mark.parametrize("connector", EVERY, ids=lambda found: found.type)
def test_what_is_not_touched_changes_nothing(connector):
    document = dict.fromkeys(validate.accepted(connector)) | {"name": "prod", "tags": []} | example_of(connector)
    assert forms.changes_of(connector, forms.of_document(connector, document), document) == {}


@pytest.mark.parametrize("connector", EVERY, ids=lambda found: found.type)
def test_no_control_shows_a_secret(connector):
    shown = typed(connector, example_of(connector))
    secrets = {shown.pop(name) for name in forms.secrets_of(connector) if name in shown}
    form = forms.make(connector, shown | dict.fromkeys(forms.secrets_of(connector), "canary"))
    assert not [found.name for found in form.controls if found.value in secrets | {"canary"}]
    assert {found.name for found in form.controls if found.kind in {"secret", "key"}} == {
        name for name in validate.accepted(connector) if BY_NAME[name].is_secret
    }


def test_a_way_of_logging_in_shows_what_it_takes_and_hides_what_others_take():
    s3 = connectors.get("s3")
    by_key, by_role = forms.make(s3, {}), forms.make(s3, {"parameters.authentication_type": "IAM_ROLE"})
    assert by_key.mode == "parameters.authentication_type"
    assert control(by_key, "parameters.role_arn").is_hidden
    assert not control(by_role, "parameters.role_arn").is_hidden
    assert control(by_role, "parameters.role_arn").modes == ("IAM_ROLE",)
    assert not [found.name for found in by_key.controls if found.is_hidden and not found.modes]


def test_what_was_typed_is_never_hidden():
    form = forms.make(connectors.get("s3"), {"parameters.role_arn": "arn:aws:iam::1:role/x"})
    assert not control(form, "parameters.role_arn").is_hidden


def test_a_key_file_may_have_many_lines():
    kinds = {name: control(forms.make(connectors.get(name), {}), "password").kind for name in ("bigquery", "snowflake")}
    assert kinds == {"bigquery": "key", "snowflake": "key"}
    assert control(forms.make(connectors.get("snowflake"), {}), "passphrase").kind == "secret"


def test_each_problem_stands_at_its_control_and_the_others_at_the_form():
    problems = [
        Problem("port", "port must be a whole number"),
        Problem("parameters.ssl_mode", "ssl"),
        Problem("tags.0", "tag"),
        Problem("parameters", "unknown"),
    ]
    form = forms.make(POSTGRESQL, {"port": "x"}, problems=problems)
    at = {found.name: [problem.message for problem in found.problems] for found in form.controls if found.problems}
    assert at == {"port": ["port must be a whole number"], "parameters.ssl_mode": ["ssl"], "tags": ["tag"]}
    assert [problem.message for problem in form.problems] == ["unknown"]
    assert control(form, "port").value == "x"


def test_a_text_in_place_of_a_number_is_left_to_the_rule_that_refuses_it():
    fields = forms.fields_of(POSTGRESQL, {"host": "db", "port": "54x2", "max_parallelization": " 7 "})
    assert fields["port"] == "54x2"
    assert fields["max_parallelization"] == 7
    with pytest.raises(InvalidInput, match="port must be a whole number"):
        drafts.draft(fields)


def test_a_reference_stays_what_was_typed():
    assert forms.fields_of(POSTGRESQL, {"host": "${HOST}", "password": "${PASSWORD}"}) == {
        "type": "postgresql",
        "host": "${HOST}",
        "password": "${PASSWORD}",
    }


@pytest.mark.parametrize(
    ("typed", "changes"),
    [
        ({}, {}),
        ({"host": "db"}, {}),
        ({"host": "other"}, {"host": "other"}),
        ({"port": ""}, {"port": None}),
        ({"tags": "b, c"}, {"tags": ["b", "c"]}),
        ({"tags": ""}, {"tags": None}),
        ({"password": "new"}, {"password": "new"}),
        ({"password": "new", "password:what": "replace"}, {"password": "new"}),
        ({"password:what": "keep"}, {}),
        ({"password:what": "clear"}, {"password": None}),
        ({"parameters.ssl_mode": "verify"}, {"parameters": {"ssl_mode": "verify"}}),
        ({"parameters.ssl_mode": ""}, {}),
    ],
)
def test_changes_are_what_differs(typed, changes):
    assert forms.changes_of(POSTGRESQL, typed, STORED) == changes


def test_an_emptied_parameter_is_removed_and_one_that_the_form_lacks_stays():
    stored = STORED | {"parameters": {"ssl_mode": "verify", "ssl_root_cert_file": "/etc/root.pem"}}
    changes = forms.changes_of(POSTGRESQL, {"parameters.ssl_mode": ""}, stored)
    assert changes == {"parameters": {"ssl_mode": None}}


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"password": "new", "password:what": "clear"}, "password is to be cleared, and was typed as well"),
        ({"password:what": "replace"}, "password is to be replaced, and nothing was typed"),
    ],
)
def test_a_secret_that_is_said_in_two_ways_is_refused(typed, told):
    with pytest.raises(InvalidInput) as caught:
        forms.changes_of(POSTGRESQL, typed, STORED)
    assert [problem.message for problem in caught.value.problems] == [told]


def test_two_changes_are_merged_and_what_is_stored_now_is_told():
    base = {"host": "db", "port": "5432", "owner": "me"}
    shown, theirs = forms.merged(
        {"host": "mine", "port": "5432", "owner": "me"}, base, {"host": "theirs", "port": "1", "owner": "me"}
    )
    assert shown == {"host": "mine", "port": "1", "owner": "me"}
    assert theirs == {"host": "theirs", "port": "1"}


@pytest.mark.parametrize(
    ("later", "changed"),
    [
        ({}, []),
        ({"name": "other", "tags": "x"}, []),
        ({"host": "other"}, ["host"]),
        ({"host": "", "port": "1"}, ["host", "port"]),
        ({"_tested_secrets": ""}, ["password"]),
        ({"_tested_secrets": "password=digest-of-p"}, []),
        ({"_tested_secrets": "password=digest-of-q"}, ["password"]),
        ({"password": ""}, []),
        ({"_tested": ""}, []),
        ({"_tested": "[1]"}, []),
        ({"_tested": "{"}, []),
    ],
)
def test_a_form_says_what_changed_since_its_test(later, changed):
    first = {"name": "prod", "host": "db", "password": "p", "parameters.ssl_mode": "verify", "_csrf": "x"}
    tested = forms.as_tested(POSTGRESQL, first)
    assert tested == {"host": "db", "parameters.ssl_mode": "verify"}
    page = first | {"_tested": json.dumps(tested), "_tested_secrets": "password"}
    assert forms.changed_since(POSTGRESQL, page | later, "digest-of-{}".format) == changed


def test_secrets_that_were_typed_are_named_where_they_are_not_shown_again():
    shown, dropped = forms.without_secrets(POSTGRESQL, {"host": "db", "password": "canary"})
    assert (shown, dropped) == ({"host": "db"}, ["password"])
    form = forms.make(POSTGRESQL, shown, dropped=dropped)
    assert control(form, "password").note == "was not kept, as no page holds a secret: type it again"
    assert "canary" not in repr([found.value for found in form.controls])
