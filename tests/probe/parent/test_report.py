"""The report of a test, whatever its child has sent."""

from __future__ import annotations

import json

import pytest

from qualytics.probe.parent.report import Progress, report_of
from qualytics.probe.plan import Plan
from qualytics.probe.protocol import Connected, Passed
from qualytics.secret import Secret

pytestmark = pytest.mark.slow  # each test starts processes


CANARY = "canary-b4a6e1"


@pytest.mark.parametrize(
    "word",
    [
        ["Failed", "auth", CANARY, f"try {CANARY}", f"it is {CANARY}", CANARY, CANARY],
        ["Failed", "auth", None, None, CANARY.encode().hex(" "), None, CANARY.encode().hex()],
        ["Detected", {"product_name": CANARY, "product_version": CANARY}],
        ["Connected", f"fe80::1%{CANARY}", 1, f"fe80::1%{CANARY}", 1],
        ["Encrypted", CANARY, CANARY[::-1], True, CANARY],
        ["SecondHost", CANARY],
        ["Warned", CANARY],
        ["WorkerEnded", CANARY],
        ["Began", CANARY],
    ],
)
def test_a_child_that_writes_a_secret_into_its_report_is_not_believed(driven, word):
    body = f"""
for stream in range(3, 64):
    try:
        os.write(stream, {json.dumps(word).encode() + b"{NEWLINE}"!r})
    except OSError:
        pass
raise ValueError("over")
""".replace("{NEWLINE}", "\\n")
    report = driven(body, secrets={"password": Secret(CANARY)})
    shown = json.dumps(vars(report), default=vars)
    assert CANARY not in shown
    assert CANARY.encode().hex(" ") not in shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [("127.0.0.1", "127.0.0.1:5432"), ("::1", "[::1]:5432"), ("fe80::1%eth0", "[fe80::1%eth0]:5432")],
)
def test_an_address_of_ip_version_6_is_shown_in_brackets(address, shown):
    plan = Plan("postgresql", {"host": "db"}, {}, 5.0)
    progress = Progress(0.0, connected=Connected(address, 5432, address, 5432), passed=Passed())
    report = report_of(plan, progress)
    assert (report.address, report.local_address) == (shown, shown)


def test_an_address_that_is_a_secret_is_not_shown():
    plan = Plan("postgresql", {"host": "db"}, {"password": Secret("203.0.113.77")}, 5.0)
    progress = Progress(0.0, connected=Connected("203.0.113.77", 5432, "192.0.2.1", 1), passed=Passed())
    report = report_of(plan, progress)
    assert (report.address, report.local_address) == (None, "192.0.2.1:1")
