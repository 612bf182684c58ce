"""Redshift by Amazon's driver: a stand-in of PostgreSQL behind pgbouncer; IAM_ROLE against an emulator of AWS."""

import boto3
import psycopg.sql
import pytest
from hypothesis import given

from qualytics.connectors import get
from qualytics.connectors.shared.aws import role_call
from qualytics.connectors.types import redshift
from testbed import objects, servers
from testbed import redshift as stand_in
from tests.support import faults_suite as suite
from tests.support import pins

ROLE = "arn:aws:iam::123456789012:role/reader"
CLUSTER = "analytics.abc123xyz.eu-west-1.redshift.amazonaws.com"
WORKGROUP = "reports.123456789012.us-east-2.redshift-serverless.amazonaws.com"
IAM = {"authentication_type": "IAM_ROLE", "role_arn": ROLE}
DANGEROUS = {
    "profile": "admin",
    "credentials_provider": "BrowserAzureCredentialsProvider",
    "auth_profile": "everything",
    "unix_sock": "/var/run/docker.sock",
    "source_address": "10.0.0.1",
    "ssl_insecure": True,
    "login_url": "https://evil.example.com",
    "idp_host": "evil.example.com",
    "session_token": "in clear",
    "secret_access_key": "in clear",
    "web_identity_token": "in clear",
    "sslmode": "disable",
    "listen_port": 7890,
}


# Fields → arguments -------------------------------------------------------------------------------


def test_every_field_becomes_its_argument_of_the_driver():
    target = suite.target("redshift", tls=suite.encrypted(), parameters={"application_name": "nightly"})
    assert redshift.arguments(target, "dev", "ann", "secret") == {
        "host": "db.example.com",
        "port": 1234,
        "user": "ann",
        "password": "secret",
        "database": "dev",
        "ssl": True,
        "sslmode": "verify-full",
        "timeout": 10.0,
        "application_name": "nightly",
        "iam": False,
    }


def test_without_tls_the_driver_is_told_so():
    assert redshift.arguments(suite.target("redshift", tls=suite.plain()), "dev", "ann", "x")["ssl"] is False


@given(suite.PASSWORDS)
def test_any_password_reaches_the_driver_unchanged(password):
    target = suite.target("redshift", password=password, tls=suite.plain())
    assert redshift.arguments(target, "dev", *redshift.login(target, "dev"))["password"] == password


# IAM_ROLE -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "parameters", "place"),
    [
        (CLUSTER, {}, ("analytics", "eu-west-1", False)),
        (WORKGROUP, {}, ("reports", "us-east-2", True)),
        ("dw.example.com", {"region": "eu-west-1", "cluster_identifier": "c"}, ("c", "eu-west-1", False)),
        ("dw.example.com", {"region": "eu-west-1", "serverless_work_group": "w"}, ("w", "eu-west-1", True)),
        (CLUSTER, {"cluster_identifier": "other"}, ("other", "eu-west-1", False)),
        ("dw.example.com", {"region": "eu-west-1"}, None),
        ("dw.example.com", {"cluster_identifier": "c"}, None),
        (f"{CLUSTER}.evil.example.com", {}, None),
    ],
)
def test_the_warehouse_is_read_from_the_host_or_the_parameters(host, parameters, place):
    assert redshift.warehouse_of(host, parameters) == (place and redshift.Warehouse(*place))


def test_the_role_is_assumed_with_the_external_id():
    target = suite.target("redshift", parameters={**IAM, "external_id": "tenant-7"})
    wanted = {"RoleArn": ROLE, "RoleSessionName": "qualytics", "ExternalId": "tenant-7"}
    assert role_call(target.parameters) == wanted


def test_each_kind_of_warehouse_has_its_call_for_a_login():
    role_itself, named = (
        suite.target("redshift", parameters=IAM),
        suite.target("redshift", parameters={"db_user": "etl"}),
    )
    cluster, group = redshift.Warehouse("c", "r", serverless=False), redshift.Warehouse("w", "r", serverless=True)
    common = {"ClusterIdentifier": "c", "DbName": "dev"}
    assert redshift.login_call(role_itself, cluster, "dev") == (
        *("redshift", "get_cluster_credentials_with_iam"),
        common,
    )
    assert redshift.login_call(named, cluster, "dev") == (
        *("redshift", "get_cluster_credentials"),
        {**common, "DbUser": "etl", "AutoCreate": False},
    )
    assert redshift.login_call(role_itself, group, "dev") == (
        *("redshift-serverless", "get_credentials"),
        {"workgroupName": "w", "dbName": "dev"},
    )


@pytest.mark.parametrize(
    ("values", "secrets", "wrong"),
    [
        ({"host": CLUSTER, "username": "AKIA", "parameters": IAM}, {"password"}, set()),
        ({"host": CLUSTER, "username": "ann", "parameters": {}}, {"password"}, set()),
        ({"host": CLUSTER, "parameters": IAM}, set(), {"username", "password"}),
        ({"host": "dw.example.com", "username": "AKIA", "parameters": IAM}, {"password"}, {"parameters.region"}),
        (
            {"host": CLUSTER, "username": "AKIA", "parameters": {"authentication_type": "IAM_ROLE"}},
            {"password"},
            {"parameters.role_arn"},
        ),
        (
            {"host": CLUSTER, "username": "AKIA", "parameters": {**IAM, "role_arn": "reader"}},
            {"password"},
            {"parameters.role_arn"},
        ),
        ({"host": CLUSTER, "username": "ann", "parameters": {"role_arn": ROLE}}, {"password"}, {"parameters.role_arn"}),
        (
            {"host": CLUSTER, "username": "AKIA", "parameters": {**IAM, "ssl_mode": "disable"}},
            {"password"},
            {"parameters.ssl_mode"},
        ),
        (
            {"host": CLUSTER, "username": "AKIA", "parameters": {**IAM, "endpoint_url": "http://169.254.169.254"}},
            {"password"},
            {"parameters.endpoint_url"},
        ),
        (
            {
                "host": "h",
                "username": "AKIA",
                "parameters": {**IAM, "region": "r", "cluster_identifier": "c", "serverless_work_group": "w"},
            },
            {"password"},
            {"parameters"},
        ),
    ],
)
def test_what_an_authentication_type_lacks_is_said(values, secrets, wrong):
    assert {loc for loc, _, _ in get("redshift").requires(values, frozenset(secrets))} == wrong


# Parameters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", DANGEROUS)
def test_a_dangerous_parameter_is_refused_before_any_packet(run, key):
    suite.check_refused(run, "redshift", {key: DANGEROUS[key]}, key)


def test_iam_role_without_tls_is_refused_before_any_packet(run):
    parameters = {**IAM, "region": "r", "cluster_identifier": "c", "ssl_mode": "disable"}
    suite.check_refused(run, "redshift", parameters, "ssl_mode", "--password", "x")


# Messages -----------------------------------------------------------------------------------------


class ProgrammingError(Exception):
    """As redshift_connector raises it: the fields of the server's ErrorResponse as a dict (core.py)."""


class ClientError(Exception):
    """As botocore raises it: `response` holds the code (exceptions.py)."""

    def __init__(self, code):
        super().__init__(code)
        self.response = {"Error": {"Code": code}}


class ScramException(Exception):
    """As scramp raises it."""


def server_said(code, message):
    return ProgrammingError({"S": "FATAL", "C": code, "M": message})


MESSAGES = [
    # Runs against pgbouncer 1.18 and PostgreSQL 17.
    (server_said("08P01", "password authentication failed"), "auth"),
    (server_said("08P01", "no such user"), "auth"),
    (server_said("08P01", 'database "nope" does not exist'), "unknown_db"),
    (server_said("08P01", "unsupported startup parameter: client_protocol_version"), "config"),
    (server_said("42704", 'unrecognized configuration parameter "client_protocol_version"'), "config"),
    # Amazon Redshift Management Guide, "Troubleshooting connection issues", and PostgreSQL 8's auth.c.
    (server_said("28000", 'password authentication failed for user "ann"'), "auth"),
    (
        server_said("28000", 'no pg_hba.conf entry for host "::ffff:10.0.0.1", user "ann", database "dev", SSL off'),
        "tls",
    ),
    (server_said("3D000", 'database "sales" does not exist'), "unknown_db"),
    (server_said("53300", "connection limit 500 exceeded for non-bootstrap users"), "quota"),
    (server_said("42501", "permission denied for schema finance"), "permission"),
    (server_said("57014", "Query cancelled on user's request"), "timeout"),
    # core.py of redshift_connector 2.2.0.
    (Exception("Server refuses SSL"), "tls"),
    (Exception("BrokenPipe: server socket closed. Please check that client side networking configurations"), "network"),
    (Exception("connection time out"), "timeout"),
    (Exception("server requesting MD5 password authentication, but no password was provided"), "auth"),
    (KeyError(b"H"), "config"),
    # scramp 1.4, straight at a PostgreSQL.
    (ScramException("The mechanism '' is not supported"), "config"),
    # AWS STS API Reference, "Common Errors"; Amazon Redshift API Reference, "GetClusterCredentials".
    (ClientError("InvalidClientTokenId"), "auth"),
    (ClientError("SignatureDoesNotMatch"), "auth"),
    (ClientError("AccessDenied"), "permission"),
    (ClientError("ClusterNotFound"), "unknown_db"),
    (ClientError("Throttling"), "quota"),
    (ClientError("RequestTimeTooSkewed"), "config"),
]


@pytest.mark.parametrize(("exc", "failure_class"), MESSAGES, ids=lambda value: str(value)[:60])
def test_a_message_has_its_class(exc, failure_class):
    assert redshift.classify(exc).failure_class == failure_class


# Runs ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["disable", "verify"])
def test_the_driver_looks_names_up_in_python_alone(mode):
    assert pins.dials("redshift", by=redshift.CONNECTOR.pinned, mode=mode)


@pytest.mark.slow
@pytest.mark.parametrize("fault", suite.FAULTS)
def test_every_fault_ends_in_time_with_its_class(fault):
    suite.check_fault("redshift", fault)


@pytest.mark.slow
def test_an_unknown_host_is_told_as_such():
    suite.check_unknown_host("redshift")


@pytest.fixture(scope="module")
def server(certificate):
    with stand_in.redshift(certificate) as running:
        yield running


@pytest.fixture(scope="module")
def aws():
    """Run an emulator of STS and Redshift's API that knows one cluster, and yield its URL."""
    with objects.moto() as running:
        url = f"http://127.0.0.1:{running.port}"
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-west-1"}
        boto3.client("redshift", endpoint_url=url, **keys).create_cluster(
            ClusterIdentifier="analytics", NodeType="ra3.large", MasterUsername="admin", MasterUserPassword="Passw0rd"
        )
        yield url


def probe(server, **options):
    return suite.probe("redshift", server.port, **{"username": server.user, "password": server.password, **options})


@pytest.mark.servers
@pytest.mark.slow
class TestStandIn:
    """The driver against PostgreSQL behind pgbouncer."""

    def test_a_good_login_is_verified_by_a_private_authority(self, server, root_file):
        report = probe(server, ssl_root_cert_file=str(root_file), database="sales", schema="public")
        assert report.failure is None
        assert [stage.name for stage in report.stages] == ["resolve", "tcp", "tls", "login", "database", "query"]
        assert report.tls["verified"] is True

    def test_an_unknown_authority_is_refused(self, server):
        assert suite.verdict(probe(server, ssl_mode="verify")) == ("tls", "tls")

    def test_without_a_database_the_first_that_exists_is_taken(self, server):
        assert probe(server, ssl_mode="disable").failure is None

    def test_a_wrong_password_is_told_as_such(self, server):
        assert suite.verdict(probe(server, ssl_mode="disable", password="not it")) == ("login", "auth")

    def test_an_unknown_user_is_told_as_such(self, server):
        assert suite.verdict(probe(server, ssl_mode="disable", username="nobody")) == ("login", "auth")

    def test_an_unknown_database_is_told_as_such(self, server):
        assert suite.verdict(probe(server, ssl_mode="disable", database="nope")) == ("database", "unknown_db")

    def test_an_unknown_schema_is_told_as_such(self, server):
        report = probe(server, ssl_mode="disable", database="sales", schema="nope")
        assert suite.verdict(report) == ("database", "unknown_db")

    def test_a_schema_that_may_not_be_used_is_told_as_such(self, server):
        with servers.postgres_admin(server, "sales") as admin:
            admin.execute("create schema closed")
            admin.execute("create role reader login password 'reader'")
        report = probe(
            server, ssl_mode="disable", username="reader", password="reader", database="sales", schema="closed"
        )
        assert suite.verdict(report) == ("database", "permission")

    @pytest.mark.parametrize("number", range(len(suite.AWKWARD)))
    def test_awkward_passwords_log_in(self, server, number):
        password, name = suite.AWKWARD[number], f"awkward_{number}"
        with servers.postgres_admin(server, "dev") as admin:
            statement = psycopg.sql.SQL("create role {} login password {}")
            admin.execute(statement.format(psycopg.sql.Identifier(name), psycopg.sql.Literal(password)))
        assert probe(server, ssl_mode="disable", username=name, password=password).failure is None

    def test_discovery_lists_databases_schemas_and_tables(self, server):
        with servers.postgres_admin(server, "sales") as admin:
            admin.execute("create table orders (id int)")
            admin.execute("create view orders_today as select * from orders")
            admin.execute("create table parts (id int)")
        place = {"host": server.host, "port": server.port, "database": "sales", "schema": "public"}
        login = {"username": server.user, "password": server.password}
        target = suite.target("redshift", tls=suite.plain(), fetch_size=2, **place, **login)
        handle = redshift.connect(target)
        try:
            catalogs = {item.name: item.is_system for item in redshift.catalogs(handle, target)}
            schemas = {item.name: item.is_system for item in redshift.schemas(handle, target)}
            tables = {item.name: item.kind for item in redshift.tables(handle, target, "orders")}
        finally:
            handle.close()
        assert catalogs["sales"] is False
        assert catalogs["template1"] is True
        assert schemas["public"] is False
        assert schemas["pg_catalog"] is True
        assert tables == {"orders": "table", "orders_today": "view"}


@pytest.mark.servers
@pytest.mark.slow
class TestIamRole:
    """IAM_ROLE against an emulator of STS and Redshift's API, the login that comes of it against the stand-in."""

    def parameters(self, aws, **more):
        place = {"region": "eu-west-1", "cluster_identifier": "analytics", "endpoint_url": aws}
        return {**IAM, **place, "external_id": "tenant-7", **more}

    def test_the_role_gives_a_login(self, aws):
        target = suite.target("redshift", parameters=self.parameters(aws, db_user="etl"), tls=suite.encrypted())
        user, password = redshift.login(target, "dev")
        assert user == "IAM:etl"
        assert len(password) > 8

    def test_the_login_is_what_the_server_is_given(self, aws, server, root_file):
        # The two stand-ins do not know each other's passwords: that the database knows the user is the proof.
        with servers.postgres_admin(server, "dev") as admin:
            admin.execute("create role \"IAM:etl\" login password 'of its own'")
        parameters = self.parameters(aws, db_user="etl", ssl_root_cert_file=str(root_file))
        report = probe(server, **parameters, username="AKIAIOSFODNN7EXAMPLE")  # pragma: allowlist secret
        assert suite.verdict(report) == ("login", "auth")
        assert "password authentication failed" in report.failure.detail

    def test_an_unknown_cluster_is_told_as_such(self, aws, server, root_file):
        parameters = self.parameters(aws, cluster_identifier="nope", db_user="etl", ssl_root_cert_file=str(root_file))
        report = probe(server, **parameters, username="AKIAIOSFODNN7EXAMPLE")  # pragma: allowlist secret
        assert report.failure.failure_class == "unknown_db"
