"""The child process of a test: what it holds."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow  # each test starts processes


def test_a_child_holds_nothing_of_the_program_that_tests(driven):
    report = driven("raise ValueError(json.dumps([name for name in sys.modules if name.startswith('qualytics.')]))")
    modules = set(json.loads(report.failure.detail.removeprefix("ValueError: ")))
    assert "qualytics.probe.child.stages" in modules
    apart = ("store", "service", "client", "server", "cli", "probe.parent")
    assert not [name for name in modules if name.removeprefix("qualytics.").startswith(apart)]
