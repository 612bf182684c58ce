"""BigQuery: the arguments of its client, bqemulator, and Google's exchange of tokens in a namespace of its own."""

# ruff: noqa: E501 - messages stand in one line, as the service says them

from __future__ import annotations

import json

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.api_core import exceptions as google_errors
from google.auth.exceptions import RefreshError
from hypothesis import given

from qualytics.connectors import get
from qualytics.connectors.contract import Refusal
from qualytics.connectors.shared.http import pin
from qualytics.connectors.types.bigquery import arguments, key_of
from qualytics.probe.verdicts.exceptions import judge
from testbed import cloud
from testbed.reach import google_key
from testbed.relay import relay
from tests.support import faults_suite as suite
from tests.support import namespaces
from tests.support.cloud import MORE_FAULTS, discovered, meet_fault, problems, trial
from tests.support.keys import RSA

TOKEN_URI = "https://oauth2.googleapis.com/token"


@pytest.fixture(scope="module")
def signer():
    """Return a private key as PEM, as it stands in a key file, and its public half."""
    found = RSA
    form = serialization
    private = found.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()
    public = found.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()
    return private, public


PRIVATE = json.loads(google_key())["private_key"]


def key_file(private: str = PRIVATE, **changes: str | None) -> str:
    found = {
        "type": "service_account",
        "project_id": cloud.PROJECT,
        "private_key_id": "0123",
        "private_key": private,
        "client_email": "reader@qualytics-test.iam.gserviceaccount.com",
        "client_id": "1",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": TOKEN_URI,
        "universe_domain": "googleapis.com",
        **changes,
    }
    return json.dumps({name: value for name, value in found.items() if value is not None})


# Fields and arguments ------------------------------------------------------------------------------


def test_each_field_becomes_its_argument():
    target = suite.target(
        "bigquery",
        tls=suite.encrypted(),
        password=key_file(),
        host="bigquery.googleapis.com",
        port=443,
        parameters={"location": "EU"},
        database="other-project",
    )
    assert arguments(target) == {
        "project": cloud.PROJECT,
        "location": "EU",
        "client_options": {"api_endpoint": "https://bigquery.googleapis.com"},
    }


def test_the_project_is_the_keys_else_the_datastores_else_an_error():
    without = suite.target("bigquery", password=None, database="given")
    assert arguments(without)["project"] == "given"
    unnamed = suite.target("bigquery", password=key_file(project_id=None), database="given")
    assert arguments(unnamed)["project"] == "given"
    with pytest.raises(Refusal, match="no project is known"):
        arguments(suite.target("bigquery", password=None))


def test_the_client_gets_of_the_key_only_what_signs_and_googles_own_address():
    assert key_of(suite.target("bigquery", password=key_file(token_uri=None))) == {
        "type": "service_account",
        "client_email": "reader@qualytics-test.iam.gserviceaccount.com",
        "private_key": PRIVATE,
        "private_key_id": "0123",
        "token_uri": TOKEN_URI,
        "project_id": cloud.PROJECT,
    }


@given(text=suite.PASSWORDS)
def test_every_text_in_a_key_arrives_unchanged(text):
    found = key_of(suite.target("bigquery", password=key_file(private_key_id=text, client_email=text)))
    assert (found["private_key_id"], found["client_email"]) == (text, text)


@pytest.mark.parametrize("text", suite.AWKWARD)
def test_a_password_that_is_no_key_is_refused_without_being_repeated(text):
    with pytest.raises(Refusal) as refused:
        arguments(suite.target("bigquery", password=text))
    assert refused.value.verdict.failure_class == "config"
    assert text not in str(refused.value)


DANGEROUS = {
    "another kind of credential": {"type": "external_account"},
    "a credential of a user": {"type": "authorized_user"},
    "a token address elsewhere": {"token_uri": "https://evil.example.com/token"},
    "a token address at the metadata service": {"token_uri": "http://169.254.169.254/token"},
    "another universe": {"universe_domain": "evil.example.com"},
    "a program to run": {"credential_source": "/bin/sh"},
    "impersonation elsewhere": {"service_account_impersonation_url": "https://evil.example.com"},
    "a quota project": {"quota_project_id": "theirs"},
    "a trust boundary": {"trust_boundary": "0x0"},
}


@pytest.mark.parametrize("changes", DANGEROUS.values(), ids=DANGEROUS)
def test_a_dangerous_key_is_refused_when_stored_and_when_tested(changes):
    text = key_file(**changes)
    assert any(found.startswith("password ") for found in problems("bigquery", password=text))
    with pytest.raises(Refusal):
        arguments(suite.target("bigquery", password=text))


@pytest.mark.parametrize(
    "parameters",
    [
        {"token_uri": "https://evil.example.com"},
        {"credentials_path": "/etc/passwd"},
        {"keyfile": "/root/key.json"},
        {"api_endpoint": "https://evil.example.com"},
        {"quota_project_id": "theirs"},
        {"use_adc": True},
        {"auth_local_webserver": True},
        {"client_class": "os.system"},
        {"access_token": "in clear"},
        {"impersonate": "admin@example.com"},
        {"project_id": "theirs"},
        {"endpoint_url": "http://169.254.169.254/"},
        {"endpoint_url": "http://bigquery.example.com"},
        {"endpoint_url": "https://user:pw@bigquery.example.com"},
        {"endpoint_url": "file:///etc/passwd"},
        {"temp_dataset": "theirs.data"},
        {"temp_dataset": "a/../b"},
        {"ssl_mode": "disable"},
    ],
    ids=str,
)
def test_dangerous_and_conflicting_parameters_are_refused_before_anything_is_opened(parameters):
    assert problems("bigquery", password=key_file(), parameters=parameters)


def test_a_key_is_needed_but_for_an_emulator_on_this_machine():
    assert problems("bigquery") != []
    assert problems("bigquery", parameters={"endpoint_url": "https://bigquery.example.com"}) != []
    assert problems("bigquery", parameters={"endpoint_url": "http://127.0.0.1:9050"}) == []
    assert problems("bigquery", password=key_file()) == []


# On the emulator ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def emulator():
    with cloud.bigquery() as server:
        server.url = f"http://{server.host}:{server.port}"
        client = _client(server)
        client.create_dataset("sales")
        client.create_dataset("scratch")
        client.query_and_wait("create table sales.orders (id int64)")
        client.query_and_wait("create table sales.old_orders (id int64)")
        client.query_and_wait("create view sales.open_orders as select id from sales.orders")
        client.close()
        yield server


def _client(server):
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    options = {"api_endpoint": server.url}
    return bigquery.Client(project=cloud.PROJECT, credentials=AnonymousCredentials(), client_options=options)


def at(url: str, **parameters: object) -> dict[str, object]:
    return {"parameters": {"endpoint_url": url, **parameters}}


@pytest.mark.servers
def test_a_good_test_names_the_product(emulator):
    report = trial("bigquery", at(emulator.url, temp_dataset="scratch"), None, database=cloud.PROJECT, schema="sales")
    assert report.failure is None
    assert [stage.name for stage in report.stages] == ["resolve", "tcp", "login", "database", "query"]
    assert report.detected["product_name"] == "Google BigQuery"


@pytest.mark.servers
def test_an_unknown_dataset_is_named_as_such(emulator):
    report = trial("bigquery", at(emulator.url), None, database=cloud.PROJECT, schema="nobodys")
    assert suite.verdict(report) == ("database", "unknown_db")


@pytest.mark.servers
def test_an_unknown_temporary_dataset_is_named_as_such(emulator):
    report = trial("bigquery", at(emulator.url, temp_dataset="nobodys"), None, database=cloud.PROJECT)
    assert suite.verdict(report) == ("database", "unknown_db")


@pytest.mark.servers
def test_tls_is_verified_against_the_given_roots(emulator, certificate, root_file):
    with relay(emulator.port, certificate) as port:
        url = f"https://localhost:{port}"
        good = trial("bigquery", at(url, ssl_root_cert_file=str(root_file)), None, database=cloud.PROJECT)
        assert good.failure is None
        assert good.tls["verified"] is True
        bad = trial("bigquery", at(url), None, database=cloud.PROJECT)
        assert suite.verdict(bad) == ("tls", "tls")
        unverified = trial("bigquery", at(url, ssl_mode="require"), None, database=cloud.PROJECT)
        assert unverified.failure is None
        assert unverified.tls["verified"] is False


@pytest.mark.servers
def test_discovery_lists_projects_datasets_tables_and_views(emulator):
    values, scope = at(emulator.url), {"database": cloud.PROJECT}
    assert discovered("bigquery", "catalogs", values, None, **scope) == [(cloud.PROJECT, "catalog", False)]
    assert discovered("bigquery", "schemas", values, None, **scope) == [
        ("sales", "schema", False),
        ("scratch", "schema", False),
    ]
    found = discovered("bigquery", "tables", values, None, "", schema="sales", **scope)
    assert sorted(found) == [
        ("old_orders", "table", False),
        ("open_orders", "view", False),
        ("orders", "table", False),
    ]
    assert discovered("bigquery", "tables", values, None, "or", schema="sales", **scope) == [("orders", "table", False)]


# Google's own names, in a namespace ---------------------------------------------------------------


@pytest.mark.servers
@pytest.mark.slow
def test_a_key_is_traded_for_a_token_at_google_and_nowhere_else(signer):
    private, public = signer
    other = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    cloud.bqemulator_program()  # out here, where packages can be had
    good, wrong, gone, untrusted, broken = in_namespace(
        public,
        {"password": key_file(private), "database": cloud.PROJECT},
        {"password": key_file(other.decode())},
        {"password": key_file(private, client_email="disabled@qualytics-test.iam.gserviceaccount.com")},
        {"password": key_file(private), "trusted": False},
        {"password": key_file("no key at all")},
    )
    assert good["failure"] is None, good
    assert good["tls"]["verified"] is True
    assert good["asked"][0] == "oauth2.googleapis.com/token"
    assert good["asked"][1] == "bigquery.googleapis.com/bigquery/v2/projects"
    assert wrong["failure"][:2] == ["login", "auth"]
    assert wrong["asked"] == ["oauth2.googleapis.com/token"]
    assert gone["failure"] == ["login", "auth", "the service account does not exist any more"]
    assert (untrusted["failure"][:2], untrusted["asked"]) == (["tls", "tls"], [])
    assert (broken["failure"][:2], broken["asked"]) == (["login", "config"], [])


def in_namespace(public_key, *trials):
    return namespaces.run("tests.connectors.google_in_namespace", {"public_key": public_key, "trials": trials})


# Faults and messages ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("fault", [*suite.FAULTS, *MORE_FAULTS])
def test_each_fault_gets_its_class_in_time(fault, scheme):
    meet_fault("bigquery", fault, lambda port: at(f"{scheme}://localhost:{port}"), None, database="p")


@pytest.mark.slow
def test_a_host_that_does_not_exist_is_named_as_such():
    report = trial("bigquery", at("https://no-such-host.invalid"), key_file(), timeout_s=suite.LONG_S)
    assert suite.verdict(report) == ("resolve", "dns")


def _api(status, reason, message):
    return google_errors.from_http_status(status, message, errors=[{"reason": reason, "message": message}])


# Messages of cloud.google.com/bigquery/docs/error-messages, .../troubleshoot-queries and of issues of the client's repository.
MESSAGES = [
    (_api(403, "accessDenied", "Access Denied: Project p: User does not have bigquery.jobs.create permission in project p."), "permission"),
    (_api(403, "accessDenied", "Access Denied: Dataset p:d: Permission bigquery.datasets.get denied on dataset p:d (or it may not exist)."), "permission"),
    (_api(404, "notFound", "Not found: Dataset p:d was not found in location EU"), "unknown_db"),
    (_api(404, "notFound", "Not found: Project p"), "unknown_db"),
    (_api(400, "invalid", "The project p has not enabled BigQuery."), "unknown_db"),
    (_api(400, "invalid", "Invalid project ID 'My P'. Project IDs must contain 6-63 lowercase letters, digits, or dashes."), "unknown_db"),
    (_api(403, "accessNotConfigured", "BigQuery API has not been used in project 1 before or it is disabled."), "config"),
    (_api(403, "quotaExceeded", "Quota exceeded: Your project exceeded quota for free query bytes scanned."), "quota"),
    (_api(403, "rateLimitExceeded", "Exceeded rate limits: too many api requests per user per method"), "quota"),
    (_api(403, "billingNotEnabled", "Billing has not been enabled for this project."), "config"),
    (_api(401, "authError", "Invalid Credentials"), "auth"),
    (_api(401, "required", "Login Required."), "auth"),
    (_api(500, "internalError", "An internal error occurred and the request could not be completed."), "transient"),
    (_api(503, "backendError", "Error encountered during execution. Retrying may solve the problem."), "transient"),
    (_api(502, "", "<html>Bad Gateway</html>"), "transient"),
    (_api(400, "invalidQuery", "Syntax error: Unexpected keyword"), "config"),
    (RefreshError("invalid_grant: Invalid JWT Signature.", {}), "auth"),
    (RefreshError("invalid_grant: Invalid grant: account not found", {}), "auth"),
    (RefreshError("invalid_grant: Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.", {}), "config"),
    (RefreshError("unauthorized_client: Client is unauthorized to retrieve access tokens using this method", {}), "permission"),
    (RefreshError("internal_failure: Backend Error", {}), "transient"),
]  # fmt: skip


@pytest.mark.parametrize(("exc", "failure_class"), MESSAGES, ids=[str(exc)[:60] for exc, _ in MESSAGES])
def test_a_message_gets_its_class(exc, failure_class):
    assert judge(get("bigquery"), exc).failure_class == failure_class


def test_a_session_cannot_leave_the_servers_that_it_was_made_for():
    session = pin(requests.Session(), "https://bigquery.googleapis.com", roots=True)
    assert (session.trust_env, session.max_redirects) == (False, 0)
    with pytest.raises(requests.exceptions.InvalidSchema):
        session.get("https://evil.example.com/")
