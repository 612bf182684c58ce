"""The memory that all tests together may hold."""

from __future__ import annotations

import os

from qualytics.probe.parent import budget


def test_a_budget_ends_who_holds_more_than_a_share():
    shared = budget.Budget(100)
    assert shared.allows(1, 90)
    assert shared.allows(2, 10)
    assert shared.allows(2, 20)  # too much together, but it is not this one's fault
    assert not shared.allows(1, 90)
    shared.forget(1)
    assert shared.allows(2, 100)
    assert not shared.allows(2, 101)


def test_the_machine_has_no_more_than_its_memory():
    assert 0 < budget.machine_bytes() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
