"""Parameters with options of their own: they become the parameters of their names, together with --parameters."""

from __future__ import annotations

import json

import pytest

from qualytics.fields import PARAMETER_OPTIONS

ARN = "arn:aws:iam::123456789012:role/reader"
S3 = ("--type", "s3", "--uri", "s3://lake/raw", "--access-key", "AKIAEXAMPLE", "--secret-key", "s")
ROLE = ("--authentication-type", "IAM_ROLE", "--role-arn", ARN, "--external-id", "ours")


def make(run, *more, **options):
    done = run("connections", "create", *S3, *more, "--format", "json", **options)
    assert done.code == 0, done.err
    return done.json


def change(run, number, *more):
    return run("connections", "update", "--id", str(number), *more, "--format", "json")


def test_each_option_becomes_the_parameter_of_its_name(run):
    assert make(run, *ROLE)["parameters"] == {
        "authentication_type": "IAM_ROLE",
        "role_arn": ARN,
        "external_id": "ours",
    }


def test_options_and_parameters_are_merged(run):
    made = make(run, *ROLE[:4], "--parameters", json.dumps({"region": "eu-west-1", "external_id": "theirs"}))
    assert made["parameters"] == {
        "region": "eu-west-1",
        "external_id": "theirs",
        "authentication_type": "IAM_ROLE",
        "role_arn": ARN,
    }
    assert make(run, *ROLE, "--parameters", json.dumps({"ROLE_ARN": ARN}))["parameters"]["role_arn"] == ARN


@pytest.mark.parametrize("key", ["role_arn", "ROLE_ARN"])
@pytest.mark.parametrize("value", [f"{ARN}2", None, 7])
def test_two_different_values_are_an_error(run, key, value):
    done = run("connections", "create", *S3, *ROLE, "--parameters", json.dumps({key: value}))
    assert done.code == 2
    assert "--role-arn and role_arn in --parameters have different values" in done.err


def test_references_are_resolved(run):
    made = make(run, *ROLE[:2], "--role-arn", "${ROLE}", env={"ROLE": ARN})
    assert made["parameters"]["role_arn"] == ARN
    unset = run("connections", "create", *S3, *ROLE[:2], "--role-arn", "${ROLE}")
    assert unset.code == 2
    assert "--role-arn" in unset.err


@pytest.mark.parametrize("name", PARAMETER_OPTIONS)
def test_an_option_that_the_type_does_not_know_is_an_unknown_parameter(run, name):
    given = ("connections", "create", "--type", "postgresql", "--host", "h")
    by_option = run(*given, "--" + name.replace("_", "-"), "x")
    by_parameter = run(*given, "--parameters", json.dumps({name: "x"}))
    assert (by_option.code, by_option.err) == (by_parameter.code, by_parameter.err)
    assert by_option.code == 2


def test_an_update_changes_and_unsets_what_is_named_and_keeps_the_rest(run):
    number = make(run, *ROLE, "--parameters", json.dumps({"region": "eu-west-1"}))["id"]
    moved = change(run, number, "--external-id", "theirs")
    assert moved.json["parameters"]["external_id"] == "theirs"
    assert moved.json["parameters"]["role_arn"] == ARN
    dropped = change(run, number, "--unset", "external-id", "--parameters", json.dumps({"region": "eu-west-2"}))
    assert dropped.json["parameters"] == {"region": "eu-west-2", "authentication_type": "IAM_ROLE", "role_arn": ARN}
    done = change(run, number, "--unset", "role_arn", "--unset", "authentication_type")
    assert done.json["parameters"] == {"region": "eu-west-2"}


def test_what_is_given_is_not_unset_as_well(run):
    number = make(run, *ROLE)["id"]
    done = change(run, number, "--external-id", "x", "--unset", "external_id")
    assert (done.code, "external_id is both given and unset" in done.err) == (2, True)


def test_a_test_overrides_them(run):
    number = make(run)["id"]
    done = run("connections", "test", "--id", str(number), "--role-arn", ARN)
    assert done.code == 2
    assert "parameters.role_arn is for IAM_ROLE alone" in done.err
