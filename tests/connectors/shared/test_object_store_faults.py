"""Object stores that behave badly: each fault has its class and stage within the deadline."""

import pytest
from obstore.exceptions import BaseError

from qualytics.connectors.contract import Target
from qualytics.connectors.shared import object_store
from tests.support import faults
from tests.support.faults_suite import LONG_S, meet
from tests.support.object_stores import KEYS, PLACES, ROLE, probed, verdict

pytestmark = pytest.mark.slow  # each test starts processes

FAULTS = {
    "closed": ("tcp", "refused"),
    "dropping": ("tcp", "timeout"),
    "silent": ("{}", "timeout"),
    "closing": ("{}", "network"),
    "garbage": ("{}", "config"),
    "resetting": ("{}", "network"),
    "trickling": ("{}", "timeout"),
    "endless": ("{}", "timeout"),
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", PLACES)
def test_a_faulty_server_gets_its_class_and_stage_within_the_deadline(kind, fault, scheme, google_key):
    uri, keys = PLACES[kind]
    stage, failure_class = FAULTS[fault]
    given = (kind, uri, keys or google_key)
    report = meet(
        getattr(faults, fault),
        failure_class,
        lambda port, limit_s: probed(*given, f"{scheme}://127.0.0.1:{port}", timeout_s=limit_s),
    )
    assert verdict(report) == (stage.format("tls" if scheme == "https" else "login"), failure_class)


class EarlyStranger:
    """A store whose server spoke before the request left, as the driver tells of it, then refused the request."""

    UNSENT = 'HttpError { source: hyper::Error(Canceled, "connection was not ready") }'

    def __init__(self, *unsent):
        self.errors = [BaseError(text) for text in unsent]

    def list(self, _prefix, *, chunk_size):
        assert chunk_size
        raise self.errors.pop(0) if self.errors else BaseError("hyper::Error(UnexpectedMessage)")


@pytest.mark.parametrize(("unsent", "failure_class"), [(0, "config"), (1, "config"), (5, "config"), (6, "network")])
def test_a_listing_that_was_never_sent_is_sent_again_a_few_times(unsent, failure_class):
    target = Target(type="s3", parameters={}, timeout_s=1.0, directory="")
    with pytest.raises(object_store.StoreError) as failure:
        object_store.first_page(EarlyStranger(*[EarlyStranger.UNSENT] * unsent), target, "")
    assert object_store.classify("")(failure.value.__cause__).failure_class == failure_class


@pytest.mark.parametrize("fault", ["silent", "closing", "garbage"])
def test_a_faulty_sts_gets_its_class_at_the_login(fault):
    role = {"authentication_type": "IAM_ROLE", "role_arn": ROLE}
    failure_class = FAULTS[fault][1]
    report = meet(
        getattr(faults, fault),
        failure_class,
        lambda port, limit_s: probed("s3", "s3://data", KEYS, f"http://127.0.0.1:{port}", timeout_s=limit_s, **role),
    )
    assert verdict(report) == ("login", failure_class)


@pytest.mark.parametrize("kind", PLACES)
def test_a_host_that_does_not_exist_is_named(kind, google_key):
    uri, keys = PLACES[kind]
    report = probed(kind, uri, keys or google_key, "https://no-such-host.invalid", timeout_s=LONG_S)
    assert verdict(report) == ("resolve", "dns")
    assert "no-such-host.invalid" in report.failure.message
    assert "--host" not in report.failure.hint
