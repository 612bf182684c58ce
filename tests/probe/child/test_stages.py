"""Every type that is reached over a network, against every way in which a server can fail."""

from __future__ import annotations

import random
import tempfile

import pytest

from qualytics import connectors, probe
from qualytics.probe import _platform
from qualytics.secret import Secret
from tests.support import children, deadlines, faults

pytestmark = pytest.mark.slow
SAMPLES = {"username": "somebody", "access_key": "SOMEBODY", "password": "a password", "secret_key": "a secret"}


def is_met_here(connector):
    """Say whether a host and a login are all a type needs; the others meet these faults in files of their own."""
    if connector.kind == "embedded" or connector.endpoint is not None:
        return False
    values = {name: SAMPLES[name] for name in connector.fields if name in SAMPLES} | {"host": "127.0.0.1"}
    return connector.requires is None or not list(connector.requires(values, frozenset({"password"})))


TYPES = [connector.type for connector in connectors.all_connectors() if is_met_here(connector)]
LONG_S = 60.0

# Name, listener, stage and class of the verdict, and whether the time limit itself is the verdict.
FRESH_FAULTS = [
    ("closed port", faults.closed, "tcp", "refused", False),
    ("silent", faults.silent, "tls", "timeout", True),
]
FAULTS = [
    ("dropped", faults.dropping, "tcp", "timeout", True),
    ("trickling", faults.trickling, "tls", "timeout", True),
    ("endless", faults.endless, "tls", "timeout", False),
    ("closing", faults.closing, "tls", "network", False),
    ("resetting", faults.resetting, "tls", "network", False),
    ("http", faults.garbage, "tls", "config", False),
    ("ssh", lambda: faults.garbage(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), "tls", "config", False),
    ("smtp", lambda: faults.garbage(b"220 mail.example.com ESMTP\r\n"), "tls", "config", False),
    ("noise", lambda: faults.garbage(random.Random(7).randbytes(4_096)), "tls", "config", False),
]


def parameters(table):
    return [pytest.param(*row, id=name) for name, *row in table]


def plan_for(type_, host, port, timeout_s, **parameters):
    """Return a plan with every field that the type takes."""
    connector = connectors.get(type_)
    values = {name: SAMPLES[name] for name in connector.fields if name in SAMPLES}
    secrets = {name: Secret(values.pop(name)) for name in ("password", "secret_key") if name in values}
    values |= {"host": host, "port": port, "parameters": parameters}
    return probe.Plan(type_, values, secrets, timeout_s)


@pytest.fixture
def timed(tmp_path, monkeypatch):
    """Return a function that runs a plan and checks what holds for every test: its time, and that nothing stays."""

    def call(plan, run=probe.run):
        before = set(_platform.children())
        with monkeypatch.context() as patch:
            patch.setattr(tempfile, "tempdir", str(tmp_path))
            with deadlines.within(plan.timeout_s):
                report = run(plan)
        assert list(tmp_path.iterdir()) == []
        assert set(_platform.children()) <= before
        return report

    return call


@pytest.fixture
def pooled(timed):
    """Return the same for a test in a child of the pool, whose zygote has the driver imported."""

    def call(plan):
        children.load(plan)
        return timed(plan, children.run)

    return call


def limited(tested, type_, port, *, is_limit):
    """Test the server on a port; where the limit is to end it, with one by how long this machine takes to dial."""
    limit_s = LONG_S
    if is_limit:
        with faults.closed() as closed:
            limit_s = deadlines.limit_after(lambda: tested(plan_for(type_, "127.0.0.1", closed, LONG_S)))
    return tested(plan_for(type_, "127.0.0.1", port, limit_s))


def check(report, port, stage, expected, *, is_limit):
    assert (report.failure.stage, report.failure.failure_class) == (stage, expected), report.failure.detail
    assert report.failure.message
    assert report.failure.hint
    assert report.stages[-1].name == report.failure.stage
    assert [stage.ok for stage in report.stages] == [True] * (len(report.stages) - 1) + [False]
    if is_limit:
        assert f"127.0.0.1:{port}" in report.failure.message


@pytest.mark.parametrize(("listener", "stage", "expected", "is_limit"), parameters(FAULTS))
@pytest.mark.parametrize("type_", TYPES)
def test_a_fault_has_its_stage_and_class_within_the_deadline(pooled, type_, listener, stage, expected, is_limit):
    with listener() as port:
        report = limited(pooled, type_, port, is_limit=is_limit)
        check(report, port, stage, expected, is_limit=is_limit)


@pytest.mark.parametrize(("listener", "stage", "expected", "is_limit"), parameters(FRESH_FAULTS))
@pytest.mark.parametrize("type_", TYPES)
def test_so_it_has_in_a_fresh_interpreter(timed, type_, listener, stage, expected, is_limit):
    with listener() as port:
        report = limited(timed, type_, port, is_limit=is_limit)
        check(report, port, stage, expected, is_limit=is_limit)


@pytest.mark.parametrize("type_", TYPES)
def test_a_host_that_does_not_exist_is_class_dns(timed, type_):
    report = timed(plan_for(type_, "no-such-host.invalid", 1, LONG_S))
    assert (report.failure.stage, report.failure.failure_class) == ("resolve", "dns")
    assert "no-such-host.invalid" in report.failure.message


@pytest.mark.parametrize("type_", TYPES)
def test_a_time_limit_too_short_for_anything_is_a_timeout(timed, type_):
    with faults.silent() as port:
        report = timed(plan_for(type_, "127.0.0.1", port, 0.001))
    assert (report.failure.stage, report.failure.failure_class) == ("resolve", "timeout")


# Beginnings that the protocols of these types take for an answer, after which a message of any length may follow.
BEGUN = {
    b"J\0\0\0\x0a8.0.36\0": {"mariadb", "mysql"},  # a greeting
}


@pytest.mark.parametrize("chunk", [b"S", b"N", b"E", b"R\0\0\0\x08\0\0\0\3", b"J\0\0\0\x0a8.0.36\0", b"\x16\3\3\0\x02"])
@pytest.mark.parametrize("type_", TYPES)
def test_an_endless_stream_that_begins_well_ends_within_the_deadline(pooled, type_, chunk):
    with faults.endless(chunk * 4_096) as port:
        report = pooled(plan_for(type_, "127.0.0.1", port, LONG_S))
    is_begun = type_ in BEGUN.get(chunk, ())
    wanted = ("login", "config") if is_begun else ("tls", "timeout")
    assert (report.failure.stage, report.failure.failure_class) == wanted, report.failure
    assert is_begun or "talks without end" in report.failure.message
