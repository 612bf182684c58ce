"""A pool, and drivers of our own whose plans it takes."""

import functools
import os

import pytest

from qualytics.probe.parent.pool import Pool
from tests.support.pooled import HERE
from tests.support.processes import descendants


@pytest.fixture
def pool_driver(driver):
    """Return what writes drivers whose plans may reach this machine."""
    return functools.partial(driver, policy=HERE)


@pytest.fixture
def pool(private):
    """Return a pool that must leave nothing behind."""
    before = descendants(os.getpid())
    with Pool(8, 100) as found:
        yield found
    assert list(private.iterdir()) == []
    others = {process for one in before for process in descendants(one)}  # a server forks when it likes
    assert descendants(os.getpid()) <= before | others
