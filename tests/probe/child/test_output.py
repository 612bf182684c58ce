"""What leaves the child: masked, cut, and nothing that a driver prints."""

from __future__ import annotations

import json

import pytest

from qualytics.masking import Masking
from qualytics.probe.child.output import masked
from qualytics.probe.protocol import Failed
from qualytics.secret import Secret
from tests.support.trial import outcome

pytestmark = pytest.mark.slow  # each test starts processes


@pytest.mark.slow
def test_what_a_driver_prints_never_reaches_the_report(driven):
    report = driven(
        """
for stream in (sys.stdout, sys.__stdout__, sys.stderr):
    print('["Passed", false]', file=stream, flush=True)
os.write(1, b'["Passed", false]\\n')
os.write(2, b"noise")
subprocess.run(["echo", '["Passed", false]'])
raise ValueError("after all that")
"""
    )
    assert outcome(report)[:2] == ("open", "unknown")
    assert report.failure.detail == "ValueError: after all that"


@pytest.mark.slow
@pytest.mark.parametrize("text", ["'x' * 10_000_000", "'\\U0001f600' * 5_000_000", "'\\0\\x1b' * 5_000_000"])
def test_a_message_of_any_length_is_cut_and_keeps_its_class(driven, text):
    report = driven(f"raise PermissionError({text} + 'permission denied')")
    assert outcome(report)[:2] == ("open", "unknown")
    assert len(report.failure.detail) == 4_096


def test_a_message_that_is_no_text_still_makes_a_report(driven):
    report = driven("raise ValueError('half a character: \\udce9, and \\x00')")
    assert report.failure.detail == "ValueError: half a character: ?, and \x00"
    report.failure.detail.encode()


def test_an_error_that_cannot_be_shown_still_makes_a_report(driven):
    body = """
class Odd(Exception):
    def __str__(self):
        raise RuntimeError("cannot be shown")
raise Odd
"""
    assert outcome(driven(body))[:2] == ("open", "internal")


def test_a_secret_that_is_cut_in_two_is_masked_whole():
    secret = "s3cr3t-" * 20
    failed = masked(Failed("auth", f"no {secret}", detail="x" * 4_090 + secret), Masking([Secret(secret)]))
    assert failed.cause == "no ********"
    assert "s3cr" not in failed.detail


def test_the_child_masks_before_it_leaves_lines_out_and_keeps_the_whole_text_beside():
    secret = "first line\nsecond line\nthird line of it"
    said = "Error: no\n" + "\tat a.b.C.e(C.java:1)\n" * 3 + f"Caused by: E: {secret} was refused\n"
    failed = masked(Failed("auth", detail=said), Masking([Secret(secret)]))
    assert "second line" not in json.dumps(failed)
    assert "\tat " not in failed.detail
    assert failed.detail.startswith("Error: no\nCaused by: E: ")
    assert failed.trace.count("\tat ") == 3
