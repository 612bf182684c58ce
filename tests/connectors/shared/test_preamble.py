"""Types that ask a server for TLS, where they must not ask: faulty servers have the same verdicts all the same."""

from __future__ import annotations

import random

import pytest

from tests.support import faults
from tests.support import faults_suite as suite

FAULTS = [
    ("silent", faults.silent, "timeout"),
    ("trickling", faults.trickling, "timeout"),
    ("endless", faults.endless, "timeout"),
    ("closing", faults.closing, "network"),
    ("resetting", faults.resetting, "network"),
    ("http", faults.garbage, "config"),
    ("ssh", lambda: faults.garbage(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), "config"),
    ("noise", lambda: faults.garbage(random.Random(7).randbytes(4_096)), "config"),
]
TYPES = [("dremio", {}), ("hive", {}), ("hive", {"transport": "http"}), ("presto", {}), ("trino", {})]


@pytest.mark.slow
@pytest.mark.parametrize(("listener", "expected"), [pytest.param(*fault[1:], id=fault[0]) for fault in FAULTS])
@pytest.mark.parametrize(("type_", "parameters"), TYPES, ids=str)
def test_a_fault_has_its_class_where_tls_is_turned_off(type_, parameters, listener, expected):
    password = None if type_ in {"presto", "trino"} else "secret"  # which they send over https alone
    given = {"password": password, "ssl_mode": "disable", **parameters}
    report = suite.meet(listener, expected, lambda port, limit_s: suite.probe(type_, port, timeout_s=limit_s, **given))
    assert suite.verdict(report) == ("login", expected), report.failure.detail
