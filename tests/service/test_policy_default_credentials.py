"""A control plane's own identity: given to roles that name an external id, and to nothing else."""

import pytest

from qualytics.errors import InvalidInput, UsageError
from qualytics.fields import DETECTED
from qualytics.model import TestReport
from qualytics.secret import Secret
from qualytics.server import config
from qualytics.service.connections.verbs import Connections
from qualytics.service.context import Context
from qualytics.settings import ServerPolicy, Settings
from qualytics.structs import replace

ROLE = {
    "authentication_type": "IAM_ROLE",
    "role_arn": "arn:aws:iam::123456789012:role/reader",
    "external_id": "customer-7",
}
PLACES = {
    "s3": {"uri": "s3://bucket/path"},
    "athena": {"parameters": {"region": "eu-west-1", "output": "s3://bucket/results/"}},
    "redshift": {"host": "c.abc123.eu-west-1.redshift.amazonaws.com"},
}
FIELDS = {"s3": ("access_key", "secret_key"), "athena": ("username", "password"), "redshift": ("username", "password")}
IDENTITY = ("KEYID", "KEY SECRET")


def given(kind, **changed):
    place = PLACES[kind]
    return {"type": kind, **place, "parameters": {**place.get("parameters", {}), **ROLE, **changed}}


def named(kind):
    """Return a connection whose host need not tell region and cluster."""
    return given(kind, region="eu-west-1", cluster_identifier="c") if kind == "redshift" else given(kind)


@pytest.fixture
def plans():
    return []


@pytest.fixture
def connections(home, plans):
    """Return the service of a control plane that has default credentials; the plans of its tests are kept, not run."""
    policy = ServerPolicy(identity=(Secret(IDENTITY[0]), Secret(IDENTITY[1])))

    def keep(plan):
        plans.append(plan)
        detected = dict.fromkeys(DETECTED)
        return TestReport(failure=None, stages=(), duration_ms=1.0, message="tested", detected=detected)

    with Context(Settings(home=home, policy=policy)) as context:
        context.run_test = keep
        yield Connections(context)


@pytest.mark.parametrize("kind", PLACES)
def test_a_role_without_keys_gets_those_of_the_control_plane_in_its_test_alone(connections, plans, kind):
    made = connections.create(given(kind))
    connections.test(made["id"])
    held = plans[0].secrets | {name: Secret(str(value)) for name, value in plans[0].values.items()}
    assert tuple(held[name].reveal() for name in FIELDS[kind]) == IDENTITY
    assert all(made[name] is None for name in FIELDS[kind])  # nothing of it is stored
    assert IDENTITY[1] not in plans[0].masking().mask(f"{IDENTITY[1]} came back")


@pytest.mark.parametrize("kind", PLACES)
def test_without_an_external_id_keys_are_asked_for(connections, kind):
    with pytest.raises(InvalidInput, match="is needed"):
        connections.create(given(kind, external_id=None))


def test_without_a_role_keys_are_asked_for(connections):
    with pytest.raises(InvalidInput, match="access_key is needed"):
        connections.create({"type": "s3", "uri": "s3://bucket"})


def test_the_identity_is_never_sent_to_another_endpoint(connections):
    with pytest.raises(InvalidInput):
        connections.create(given("s3", endpoint_url="https://elsewhere.example.com"))


def test_own_keys_win_over_the_identity(connections, plans):
    made = connections.create(given("s3") | {"access_key": "OWN", "secret_key": "OWN SECRET"})
    connections.test(made["id"])
    assert plans[0].secrets["access_key"].reveal() == "OWN"


def test_a_store_of_ones_own_lends_nothing(connections):
    context = connections._context
    context.settings = replace(context.settings, policy=None)
    with pytest.raises(InvalidInput):
        connections.create(given("s3"))


def test_half_an_identity_is_refused_at_the_start():
    with pytest.raises(UsageError, match="belong together"):
        config.load({"QUALYTICS_BASE_ACCESS_KEY": "KEYID"})
    plane = config.load({"QUALYTICS_BASE_ACCESS_KEY": "KEYID", "QUALYTICS_BASE_SECRET_KEY": "x"}).settings.policy
    assert plane.identity[0].reveal() == "KEYID"


@pytest.mark.parametrize(
    "host",
    [
        "db.example.com",
        "10.0.0.5",
        "c.abc123.eu-west-1.redshift.amazonaws.com.example.com",
        "redshift-1234.eu-west-1.elb.amazonaws.com",
        "xathena.eu-west-1.amazonaws.com.example.com",
        "vpce-1.vpce-svc-2.eu-west-1.vpce.amazonaws.com",
    ],
)
@pytest.mark.parametrize("kind", ["redshift", "athena"])
def test_what_the_identity_gets_is_sent_to_no_host_that_is_not_of_aws(connections, kind, host):
    with pytest.raises(InvalidInput, match="is needed"):
        connections.create({**named(kind), "host": host})


@pytest.mark.parametrize(
    ("kind", "host"),
    [
        ("redshift", "C.abc123.eu-west-1.Redshift.amazonaws.com."),
        ("redshift", "group.123456789012.eu-west-1.redshift-serverless.amazonaws.com"),
        ("redshift", "c.abc123.cn-north-1.redshift.amazonaws.com.cn"),
        ("athena", "athena.eu-west-1.amazonaws.com"),
        ("athena", "vpce-1-2.athena.eu-west-1.vpce.amazonaws.com"),
    ],
)
def test_a_host_of_aws_is_lent_the_identity(connections, kind, host):
    assert connections.create({**named(kind), "host": host})["host"] == host
