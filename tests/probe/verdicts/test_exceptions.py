"""Verdicts on exceptions that no server is needed for."""

from __future__ import annotations

import ssl

import psycopg
import pytest

from qualytics import connectors
from qualytics.connectors.contract import Verdict
from qualytics.probe.child.stages import failed
from qualytics.probe.verdicts.exceptions import judge, words


@pytest.mark.parametrize("error", [ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, EOFError])
def test_a_connection_that_ends_within_a_handshake_is_class_network(error):
    # Which of them OpenSSL raises depends on its version and on how the peer closed.
    assert judge(connectors.get("postgresql"), error("closed")).failure_class == "network"


def test_a_code_stands_beside_the_class_that_a_deeper_cause_decides():
    refused = psycopg.OperationalError("connection failed")
    refused.sqlstate = "08006"
    refused.__cause__ = ConnectionRefusedError(111, "Connection refused")
    verdict = judge(connectors.get("postgresql"), refused)
    assert (verdict.failure_class, verdict.code) == ("refused", "08006")


def test_a_code_that_nobody_knows_is_told_all_the_same():
    strange = psycopg.Error("quelque chose")
    strange.sqlstate = "ZZ123"
    verdict = judge(connectors.get("postgresql"), strange)
    assert (verdict.failure_class, verdict.code) == ("unknown", "ZZ123")


@pytest.mark.parametrize(
    ("code", "shown"), [("28P01", "28P01: Error: no"), ("two words", "Error: no"), (None, "Error: no")]
)
def test_a_code_stands_before_the_words_where_a_report_can_hold_it(code, shown):
    message = failed(Verdict("auth", code=code), psycopg.Error("no"))
    assert (message.detail, message.code) == (shown, code if shown.startswith("28") else None)


def test_a_code_that_the_words_begin_with_is_not_told_twice():
    message = failed(Verdict("auth", code="ORA-01017"), ValueError("ORA-01017: no"))
    assert message.detail == "ORA-01017: no"


def raised(error, *, cause=None, handled=None, from_none=False):
    """Return an error as it is raised from a cause, or while another is handled."""
    error.__cause__, error.__context__ = cause, handled
    error.__suppress_context__ = from_none or cause is not None
    return error


@pytest.mark.parametrize(
    ("error", "code", "detail"),
    [
        (ValueError(1045, "Access denied"), "1045", "1045: ValueError: Access denied"),
        (ValueError("no [Error 8017]"), "8017", "8017: ValueError: no [Error 8017]"),
        (ValueError(1, 2), None, "ValueError: (1, 2)"),
        (
            raised(ValueError("failed"), cause=raised(KeyError("in between"), cause=OSError(5, "refused"))),
            None,
            "ValueError: failed\nCaused by: KeyError: 'in between'\nCaused by: OSError: [Errno 5] refused",
        ),
        # What the outer one says already, what was merely handled, and what was left out on purpose.
        (raised(ValueError("failed: refused"), cause=ValueError("refused")), None, "ValueError: failed: refused"),
        (raised(ValueError("failed"), handled=KeyError("cache")), None, "ValueError: failed"),
        (raised(ValueError("failed"), handled=OSError("refused"), from_none=True), None, "ValueError: failed"),
        (
            raised(ValueError("failed"), handled=OSError("refused")),
            None,
            "ValueError: failed\nCaused by: OSError: refused",
        ),
    ],
)
def test_a_detail_has_the_code_in_front_and_the_causes_below(error, code, detail):
    assert failed(Verdict("unknown", code=code), error).detail == detail


def test_a_code_that_is_the_name_of_the_exception_is_said_once():
    assert words(ValueError("no"), "ValueError") == "ValueError: no"
    assert words(ValueError("no"), "42") == "42: ValueError: no"
