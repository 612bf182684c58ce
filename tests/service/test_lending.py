"""A control plane's own identity: lent to roles that name an external id, and to nothing else."""

from dataclasses import replace

import pytest

from qualytics.errors import InvalidInput, UsageError
from qualytics.fields import SEEN
from qualytics.model import TestReport
from qualytics.secret import Secret
from qualytics.server import config
from qualytics.service import Context
from qualytics.service.connections import Connections
from qualytics.settings import Plane, Settings

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


@pytest.fixture
def plans():
    return []


@pytest.fixture
def connections(home, plans):
    """Return the service of a control plane that lends its identity; the plans of its tests are kept, not run."""
    plane = Plane(identity=(Secret(IDENTITY[0]), Secret(IDENTITY[1])))

    def keep(plan):
        plans.append(plan)
        seen = dict.fromkeys(SEEN)
        return TestReport(failure=None, stages=(), duration_ms=1.0, message="KEY SECRET came back", seen=seen)

    with Context(Settings(home=home, plane=plane)) as context:
        context.run_with(keep)
        yield Connections(context)


@pytest.mark.parametrize("kind", PLACES)
def test_a_role_without_keys_gets_those_of_the_control_plane_in_its_test_alone(connections, plans, kind):
    made = connections.create(given(kind))
    report = connections.test(made["id"])
    held = plans[0].secrets | {name: Secret(str(value)) for name, value in plans[0].values.items()}
    assert tuple(held[name].reveal() for name in FIELDS[kind]) == IDENTITY
    assert all(made[name] is None for name in FIELDS[kind])  # nothing of it is stored
    assert IDENTITY[1] not in report["message"]


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
    context.settings = replace(context.settings, plane=None)
    with pytest.raises(InvalidInput):
        connections.create(given("s3"))


def test_half_an_identity_is_refused_at_the_start():
    with pytest.raises(UsageError, match="belong together"):
        config.load({"QUALYTICS_BASE_ACCESS_KEY": "KEYID"})
    plane = config.load({"QUALYTICS_BASE_ACCESS_KEY": "KEYID", "QUALYTICS_BASE_SECRET_KEY": "x"}).settings.plane
    assert plane.identity[0].reveal() == "KEYID"
