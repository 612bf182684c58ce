"""Tests of drafts: a report is cut, and its words stand on one line."""

from qualytics.model import Failure, StageResult, TestReport
from qualytics.service.connections.tests import report_document


def report(**changes):
    failure = Failure("login", "auth", retryable=False, message="m ", hint="h\nx", detail="d\udc80 " + "x" * 5_000)
    return TestReport(failure, (StageResult("login", ok=False, ms=1.0),), 1.5, "m\n x", **changes)


def test_a_report_is_cut_and_its_words_are_on_one_line():
    document = report_document(report(warnings=("w",)))
    assert (document["message"], document["hint"], document["warnings"]) == ("m x", "h x", ["w"])
    assert len(document["detail"]) == 4_096
    assert document["detail"].startswith("d\\udc80 x")
