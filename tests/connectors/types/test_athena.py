"""Athena: the arguments of PyAthena, and ministack, which checks keys, signatures, policies and roles and runs the SQL."""
# ruff: noqa: E501 - messages stand in one line, as the service says them

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from pyathena.error import OperationalError

from qualytics.connectors import get
from qualytics.connectors.types.athena import arguments, endpoint, region_of
from qualytics.probe.verdicts.exceptions import judge
from testbed import cloud
from testbed.relay import relay
from tests.support import faults_suite as suite
from tests.support.cloud import MORE_FAULTS, discovered, meet_fault, problems, trial

ROLE = "arn:aws:iam::000000000000:role/reader"
GOOD = {"region": "eu-west-1", "output": "s3://results/x/"}

# Fields and arguments ------------------------------------------------------------------------------


def test_each_field_becomes_its_argument():
    target = suite.target(
        "athena",
        tls=suite.encrypted(),
        username="AKIA",
        password="secret key",
        host="athena.eu-west-1.amazonaws.com",
        port=443,
        parameters={**GOOD, "work_group": "analysts"},
        database="lake",
        schema="sales",
        fetch_size=500,
    )
    assert arguments(target) == {
        "aws_access_key_id": "AKIA",
        "aws_secret_access_key": "secret key",
        "region_name": "eu-west-1",
        "endpoint_url": "https://athena.eu-west-1.amazonaws.com",
        "verify": "/roots.pem",
        "s3_staging_dir": "s3://results/x/",
        "work_group": "analysts",
        "catalog_name": "lake",
        "schema_name": "sales",
        "poll_interval": 0.2,
        "kill_on_interrupt": False,
        "glue_metadata_fallback": False,
        "cursor_kwargs": {"arraysize": 500},
    }


def test_what_is_not_given_leaves_nothing_to_the_environment():
    found = arguments(suite.target("athena", host="athena.eu-west-1.amazonaws.com", fetch_size=5_000))
    assert (found["s3_staging_dir"], found["work_group"]) == ("", "")
    assert (found["catalog_name"], found["schema_name"]) == ("AwsDataCatalog", "default")
    assert found["cursor_kwargs"] == {"arraysize": 1_000}  # the most that Athena gives at once


@given(password=suite.PASSWORDS)
def test_every_key_arrives_unchanged(password):
    found = arguments(suite.target("athena", username=password, password=password))
    assert (found["aws_access_key_id"], found["aws_secret_access_key"]) == (password, password)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("athena.us-east-2.amazonaws.com", "us-east-2"),
        ("athena-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("athena.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("athena.eu-west-1.api.aws", "eu-west-1"),
        ("vpce-0a1b-2c3d.athena.eu-west-1.vpce.amazonaws.com", "eu-west-1"),
        ("athena.example.com", "example"),
        ("proxy.example.com", None),
    ],
)
def test_the_region_is_read_from_the_host(host, region):
    assert region_of({"host": host}) == region


def test_the_endpoint_is_the_host_else_the_regions():
    assert endpoint({"parameters": {"region": "eu-west-1"}}).host == "athena.eu-west-1.amazonaws.com"
    assert endpoint({"parameters": {"region": "cn-north-1"}}).host == "athena.cn-north-1.amazonaws.com.cn"
    assert endpoint({"host": "vpce.example.com", "port": 8443, "parameters": {}}).port == 8443


def stored(parameters: dict[str, object], **fields: object) -> list[str]:
    return problems("athena", username="AKIA", password="secret", parameters=parameters, **fields)


def test_good_settings_have_no_problems():
    assert stored(GOOD) == []
    assert stored({"output": "s3://results"}, host="athena.eu-west-1.amazonaws.com") == []
    assert stored({"region": "eu-west-1", "work_group": "analysts"}) == []
    assert stored({**GOOD, "authentication_type": "IAM_ROLE", "role_arn": ROLE, "external_id": "ticket-7"}) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"output": "/etc/passwd"},
        {"output": "file:///etc/passwd"},
        {"output": "https://evil.example.com/"},
        {"output": "s3://results/?x"},
        {"region": "evil.example.com/"},
        {"region": "eu-west-1@evil.example.com"},
        {"endpoint_url": "http://169.254.169.254/latest"},
        {"endpoint_url": "http://athena.example.com"},
        {"endpoint_url": "https://a:b@athena.example.com"},
        {"endpoint_url": "https://athena\u3002example.com"},
        {"endpoint_url": "https://[fe80::1%25eth0]"},
        {"endpoint_url": "https://[fe80::1"},
        {"authentication_type": "IAM_ROLE"},
        {"authentication_type": "IAM_ROLE", "role_arn": "reader"},
        {"authentication_type": "IAM_ROLE", "role_arn": ROLE, "external_id": "a b"},
        {"authentication_type": "PROFILE"},
        {"role_arn": ROLE},
        {"external_id": "ticket-7"},
        {"profile_name": "admin"},
        {"aws_session_token": "in clear"},
        {"session_token": "in clear"},
        {"credential_process": "/bin/sh"},
        {"web_identity_token_file": "/etc/passwd"},
        {"verify": False},
        {"s3_staging_dir": "s3://theirs"},
        {"serial_number": "arn:aws:iam::1:mfa/x"},
        {"cursor_class": "os.system"},
        {"mfa_command": "/bin/sh"},
        {"ssl_mode": "disable"},
    ],
    ids=str,
)
def test_dangerous_and_conflicting_parameters_are_refused_before_anything_is_opened(changes):
    assert stored({**GOOD, **changes})


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"username": None}, "username"),
        ({"password": None}, "password"),
        ({"parameters": {"region": "eu-west-1"}}, "parameters.output"),
        ({"parameters": {"output": "s3://results"}}, "parameters.region"),
        ({"parameters": {**GOOD, "endpoint_url": "https://a.example.com"}, "host": "b.example.com"}, "endpoint_url"),
    ],
    ids=str,
)
def test_what_is_missing_or_double_is_named(fields, wanted):
    given_fields = {"username": "AKIA", "password": "secret", "parameters": GOOD, **fields}
    found = problems("athena", **{name: value for name, value in given_fields.items() if value is not None})
    assert any(wanted in problem for problem in found), found


# On the emulator ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def aws():
    """Run ministack with a user who may query, one who may nothing, and one who may assume a role with an external id."""
    with cloud.aws() as server:
        server.url = f"http://{server.host}:{server.port}"
        clients = {name: _client(name, server) for name in ("s3", "iam", "glue")}
        clients["s3"].create_bucket(Bucket="results")
        iam, glue = clients["iam"], clients["glue"]
        server.users = {
            "ann": _user(iam, "ann", "athena:*", "glue:*", "s3:*"),
            "bob": _user(iam, "bob"),
            "carl": _user(iam, "carl", "sts:AssumeRole"),
        }
        trust = {"Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}
        asks = {"Condition": {"StringEquals": {"sts:ExternalId": "ticket-7"}}}
        iam.create_role(RoleName="reader", AssumeRolePolicyDocument=_policy(**trust, **asks))
        everything = _policy(Action="*", Resource="*")
        iam.put_role_policy(RoleName="reader", PolicyName="all", PolicyDocument=everything)
        glue.create_database(DatabaseInput={"Name": "sales"})
        for table, kind in (("orders", "EXTERNAL_TABLE"), ("old_orders", "EXTERNAL_TABLE"), ("open", "VIRTUAL_VIEW")):
            glue.create_table(DatabaseName="sales", TableInput={"Name": table, "TableType": kind})
        yield server


def _client(name, server):
    keys = {"aws_access_key_id": server.user, "aws_secret_access_key": server.password}
    return boto3.client(name, endpoint_url=server.url, region_name="us-east-1", **keys)


def _policy(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def _user(iam, name, *actions):
    iam.create_user(UserName=name)
    if actions:
        document = _policy(Action=list(actions), Resource="*")
        iam.put_user_policy(UserName=name, PolicyName="some", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def at(server, user="ann", url=None, **parameters):
    given_parameters = {"region": "us-east-1", "output": "s3://results/x/", "endpoint_url": url or server.url}
    return {"username": server.users[user][0], "parameters": {**given_parameters, **parameters}}


def tried(server, user="ann", password=None, scope=None, **parameters):
    return trial("athena", at(server, user, **parameters), password or server.users[user][1], **(scope or {}))


@pytest.mark.servers
def test_a_good_test_names_product_and_version(aws):
    report = tried(aws, scope={"schema": "sales"})
    assert report.failure is None
    assert [stage.name for stage in report.stages] == ["resolve", "tcp", "login", "database", "query"]
    assert (report.detected["product_name"], report.detected["product_version"]) == ("Amazon Athena", "3")


@pytest.mark.servers
@pytest.mark.parametrize("password", ["not it", *suite.AWKWARD])
def test_a_wrong_secret_key_is_named_as_such(aws, password):
    report = tried(aws, password=password)
    assert suite.verdict(report) == ("login", "auth")
    assert "secret access key" in report.failure.message


@pytest.mark.servers
def test_an_unknown_access_key_is_named_as_such(aws):
    report = trial("athena", {**at(aws), "username": "AKIANOBODY"}, "any")
    assert (*suite.verdict(report), report.failure.message) == ("login", "auth", "AWS does not know the access key")


@pytest.mark.servers
@pytest.mark.parametrize(
    ("scope", "parameters", "expected"),
    [
        ({"schema": "nobodys"}, {}, ("database", "unknown_db")),
        ({"database": "nobodys"}, {}, ("database", "unknown_db")),
        ({"database": "nobodys", "schema": "sales"}, {}, ("database", "unknown_db")),
        ({}, {"work_group": "nobodys"}, ("database", "unknown_db")),
        ({}, {"output": "s3://nobodys/x"}, ("query", "config")),
    ],
    ids=str,
)
def test_what_does_not_exist_is_named_as_such(aws, scope, parameters, expected):
    assert suite.verdict(tried(aws, scope=scope, **parameters)) == expected


@pytest.mark.servers
def test_a_user_without_the_right_to_query_is_let_in_and_then_refused(aws):
    assert suite.verdict(tried(aws, "bob")) == ("query", "permission")


@pytest.mark.servers
def test_a_role_is_assumed_with_the_connections_own_keys(aws):
    role = {"authentication_type": "IAM_ROLE", "role_arn": ROLE}
    assert tried(aws, "carl", **role, external_id="ticket-7").failure is None
    assert suite.verdict(tried(aws, "carl", **role, external_id="ticket-8")) == ("login", "permission")
    assert suite.verdict(tried(aws, "carl", **role)) == ("login", "permission")
    assert suite.verdict(tried(aws, "carl", password="not it", **role)) == ("login", "auth")
    assert suite.verdict(tried(aws, "bob", **role, external_id="ticket-7")) == ("login", "permission")


@pytest.mark.servers
def test_tls_is_verified_against_the_given_roots(aws, certificate, root_file):
    with relay(aws.port, certificate) as port:
        url = f"https://localhost:{port}"
        good = tried(aws, url=url, ssl_root_cert_file=str(root_file))
        assert good.failure is None
        assert good.tls["verified"] is True
        assert suite.verdict(tried(aws, url=url)) == ("tls", "tls")
        role = {"authentication_type": "IAM_ROLE", "role_arn": ROLE, "external_id": "ticket-7"}
        assert tried(aws, "carl", url=url, ssl_root_cert_file=str(root_file), **role).failure is None


@pytest.mark.servers
def test_discovery_lists_catalogs_databases_tables_and_views(aws):
    values, password = at(aws), aws.users["ann"][1]
    assert discovered("athena", "catalogs", values, password) == [("AwsDataCatalog", "catalog", False)]
    assert ("sales", "schema", False) in discovered("athena", "schemas", values, password)
    found = discovered("athena", "tables", values, password, "", schema="sales")
    assert sorted(found) == [("old_orders", "table", False), ("open", "view", False), ("orders", "table", False)]
    assert discovered("athena", "tables", values, password, "OR", schema="sales") == [("orders", "table", False)]


# Faults and messages ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("fault", [*suite.FAULTS, *MORE_FAULTS])
def test_each_fault_gets_its_class_in_time(fault, scheme):
    def values(port):
        return {"username": "AKIA", "parameters": {**GOOD, "endpoint_url": f"{scheme}://localhost:{port}"}}

    meet_fault("athena", fault, values)


@pytest.mark.slow
def test_a_host_that_does_not_exist_is_named_as_such():
    values = {"username": "AKIA", "host": "no-such-host.invalid", "parameters": GOOD}
    assert suite.verdict(trial("athena", values, timeout_s=suite.LONG_S)) == ("resolve", "dns")


def _aws(code, message, operation="StartQueryExecution"):
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


# Codes and messages of the references of Athena and STS, "Troubleshooting in Athena" of Athena's user guide, and of runs against ministack.
MESSAGES = [
    (_aws("UnrecognizedClientException", "The security token included in the request is invalid."), "auth"),
    (_aws("InvalidSignatureException", "The request signature we calculated does not match the signature you provided."), "auth"),
    (_aws("InvalidClientTokenId", "The security token included in the request is invalid.", "AssumeRole"), "auth"),
    (_aws("SignatureDoesNotMatch", "Signature expired: 20240101T000000Z is now earlier than …", "AssumeRole"), "config"),
    (_aws("InvalidSignatureException", "Signature expired: 20240101T000000Z is now earlier than …"), "config"),
    (_aws("ExpiredTokenException", "The security token included in the request is expired"), "auth"),
    (_aws("AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized to perform: athena:StartQueryExecution"), "permission"),
    (_aws("AccessDenied", "User: … is not authorized to perform: sts:AssumeRole on resource: …", "AssumeRole"), "permission"),
    (_aws("RegionDisabledException", "STS is not activated in this region", "AssumeRole"), "config"),
    (_aws("InvalidRequestException", "No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input."), "config"),
    (_aws("InvalidRequestException", "Unable to verify/create output bucket results"), "permission"),
    (_aws("InvalidRequestException", "WorkGroup analysts is not found."), "unknown_db"),
    (_aws("MetadataException", "Database sales not found", "GetDatabase"), "unknown_db"),
    (_aws("MetadataException", "Insufficient permissions to execute the query", "GetDatabase"), "permission"),
    (_aws("TooManyRequestsException", "Rate exceeded"), "quota"),
    (_aws("ThrottlingException", "Rate exceeded"), "quota"),
    (_aws("InternalServerException", "An internal service error occurred."), "transient"),
    (_aws("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."), "config"),
    (OperationalError("SCHEMA_NOT_FOUND: line 1:15: Schema 'nope' does not exist"), "unknown_db"),
    (OperationalError("Query exhausted resources at this scale factor"), "quota"),
    (OperationalError("Access denied when writing output to url: s3://results/x.csv . Please ensure you are allowed to access the S3 bucket."), "permission"),
    (OperationalError("PERMISSION_DENIED: Access Denied: Insufficient Lake Formation permission(s)"), "permission"),
    (OperationalError("GENERIC_INTERNAL_ERROR: null"), "transient"),
    (OperationalError("An error occurred while writing to S3. NoSuchBucket: The specified bucket does not exist"), "config"),
]  # fmt: skip


@pytest.mark.parametrize(("exc", "failure_class"), MESSAGES, ids=[str(exc)[:90] for exc, _ in MESSAGES])
def test_a_message_gets_its_class(exc, failure_class):
    assert judge(get("athena"), exc).failure_class == failure_class
