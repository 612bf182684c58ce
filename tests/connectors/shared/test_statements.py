"""Bounds that divide a column rise, whatever lies between its ends: else rows would come twice, or not at all."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qualytics.connectors.shared.statements import real_bounds, whole_bounds

WHOLE = st.tuples(*[st.integers(-(2**63), 2**64)] * 2).map(sorted)
CLOSE = st.floats(-1e300, 1e300).flatmap(
    lambda low: st.tuples(st.just(low), st.just(low) | st.just(low + abs(low) / 1e15))
)
REAL = st.tuples(*[st.floats(allow_nan=False)] * 2).map(sorted) | CLOSE
NUMBER = st.integers(2, 64)


@given(ends=REAL, number=NUMBER)
@example(ends=(-4.992062095451574e16, -4.992062095451574e16), number=28)
def test_bounds_of_reals_rise(ends, number):
    bounds = [float(text) for text in real_bounds(*ends, number)]
    assert all(low < high for low, high in pairwise(bounds))
    assert len(bounds) < number


@given(ends=WHOLE, number=NUMBER)
def test_bounds_of_whole_numbers_rise(ends, number):
    bounds = whole_bounds(*ends, number)
    assert all(low < high for low, high in pairwise([ends[0], *bounds]))
    assert all(bound <= ends[1] for bound in bounds)


@pytest.mark.parametrize("bounds", [real_bounds, whole_bounds])
def test_nothing_has_no_bounds(bounds):
    assert bounds(None, None, 8) == []
