"""A message calls nobody a user who has no user name, and names what was really asked for."""

import pytest

from qualytics import connectors
from qualytics.probe import Plan
from qualytics.probe.verdicts.failure_classes import CLASSES
from qualytics.probe.verdicts.messages import placeholders

ALL = [pytest.param(connector, id=connector.type) for connector in connectors.all_connectors()]
URIS = {"jdbc": "jdbc:h2:tcp://db.example.com/sales", "abfs": "abfss://box@account.dfs.core.windows.net"}


def _said(connector, failure_class, **values):
    given = {"host": "db.example.com", "uri": URIS.get(connector.type, f"{connector.type}://bucket/path")}
    given = {name: value for name, value in given.items() if name in connector.fields}
    text = CLASSES[failure_class]
    words = placeholders(Plan(connector.type, given | values, {}, 10.0), failure_class)
    return text.cause.format(**words), text.hint.format(**words)


@pytest.mark.parametrize("connector", ALL)
def test_whoever_has_no_user_is_not_called_one(connector):
    for failure_class in CLASSES:
        for text in _said(connector, failure_class):
            assert "user" not in text.replace("--username", "")
            assert "''" not in text
            assert "{" not in text


@pytest.mark.parametrize("connector", [param for param in ALL if "username" in param.values[0].fields])
def test_whoever_has_one_is_called_by_it(connector):
    for failure_class in ("auth", "permission"):
        cause, _ = _said(connector, failure_class, username="ann")
        assert f"{connector.identity} 'ann'" in cause
    assert "--username and --password" in _said(connector, "auth", username="ann")[1]


@pytest.mark.parametrize(
    ("type_", "values", "cause", "hint"),
    [
        ("postgresql", {"username": "ann"}, "user 'ann' or the password", "--username and --password"),
        ("databricks", {}, "the access token", "--password"),
        ("databricks", {"username": "id"}, "client id 'id' or the client secret", "--username and --password"),
        ("dremio", {}, "the access token", "--password"),
        ("bigquery", {}, "the service account's key", "--password"),
        ("gcs", {}, "the service account's key", "--secret-key"),
        ("s3", {}, "the access key", "--access-key and --secret-key"),
        ("athena", {"username": "AKIA"}, "access key id 'AKIA' or the secret access key", "--username and --password"),
        (
            "sqlserver",
            {"username": "id", "parameters": {"authentication_type": "SERVICE_PRINCIPAL"}},
            "client id 'id' or the client secret",
            "--username and --password",
        ),
    ],
)
def test_what_was_refused_is_what_the_type_logs_in_with(type_, values, cause, hint):
    said = _said(connectors.get(type_), "auth", **values)
    assert said == (f"the server refused {cause}", f"check {hint}")


def test_a_right_is_asked_of_whom_it_belongs_to():
    assert "owner of the bucket or container" in _said(connectors.get("s3"), "permission")[1]
    assert "owner of the database" in _said(connectors.get("oracle"), "permission", username="ann")[1]
