"""JDBC on servers that behave badly, and drivers that are none."""

from __future__ import annotations

import pytest

from tests.support import faults
from tests.support import faults_suite as suite
from tests.support.jdbc import H2, SCHEMES, probe


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*suite.FAULTS, "resetting", "endless"])
@pytest.mark.parametrize("engine", SCHEMES)
def test_a_fault_is_named_in_time(engine, fault):
    more = {"resetting": (suite.FIRST, "network"), "endless": (suite.FIRST, "timeout")}
    stage, failure_class = (suite.FAULTS | more)[fault]
    report = suite.meet(
        getattr(faults, fault),
        failure_class,
        lambda port, limit_s: probe(engine, f"jdbc:{SCHEMES[engine]}://127.0.0.1:{port}/sales", timeout_s=limit_s),
    )
    assert suite.verdict(report) == (suite.stage_of(stage, is_plain=True), failure_class), report.failure.detail


@pytest.mark.slow
@pytest.mark.parametrize("engine", SCHEMES)
def test_another_protocol_is_named(engine):
    with faults.garbage(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n") as port:
        report = probe(engine, f"jdbc:{SCHEMES[engine]}://127.0.0.1:{port}/sales")
    assert suite.verdict(report) == ("login", "config"), report.failure.detail


@pytest.mark.slow
def test_an_unknown_host_is_named():
    report = probe("h2", "jdbc:h2:tcp://no-such-host.invalid/sales")
    assert suite.verdict(report) == ("resolve", "dns")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "failure_class", "words"),
    [
        ({"jars": ["/nowhere/h2.jar"]}, "driver_missing", "/nowhere/h2.jar"),
        ({"driver_class": "org.example.Driver"}, "driver_missing", "none of the jars"),
        ({"driver_class": "java.lang.String"}, "config", "no JDBC driver"),
        ({"ssl_root_cert_file": "/nowhere/roots.pem"}, "config", "/nowhere/roots.pem cannot be read"),
        (
            {"driver_class": "org.postgresql.Driver", "jars": ["/usr/share/java/postgresql.jar"]},
            "config",
            "does not take URLs",
        ),
    ],
)
def test_a_driver_that_is_none_is_named(parameters, failure_class, words):
    with faults.silent() as port:
        report = probe("h2", f"jdbc:h2:tcp://127.0.0.1:{port}/sales", parameters=H2 | parameters)
    assert suite.verdict(report) == ("login", failure_class), report.failure.detail
    assert words in report.failure.message
