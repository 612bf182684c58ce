"""Lists that are held as compressed text: what goes in comes out, as often as it is asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualytics.packed import PackedList

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(VALUES, max_size=8), st.integers(1, 60))
def test_what_is_added_is_read_back_in_order(values, times):
    packed = PackedList()
    for value in values * times:
        packed.append(value)
    assert list(packed) == values * times
    assert len(packed) == len(values) * times
    assert [packed[index] for index in range(len(packed))] == values * times


@pytest.fixture
def long():
    """Return a list of many blocks."""
    packed = PackedList()
    for number in range(5_000):
        packed.append({"number": number, "text": "x" * 100})
    return packed


def test_a_place_is_read_wherever_it_is(long):
    for place in (0, 4_999, 2_500, 1, 4_998):
        assert long[place]["number"] == place
    for place in (-1, 5_000):
        with pytest.raises(IndexError):
            long[place]


def test_what_is_read_is_a_copy(long):
    for place in (0, 4_999):
        long[place]["number"] = "other"
        assert long[place]["number"] == place


def test_two_read_at_once(long):
    pairs = zip(long, long, strict=True)
    assert all(one == other for one, other in pairs)


def test_what_json_cannot_hold_is_refused_and_leaves_the_list_as_it_was(long):
    with pytest.raises(TypeError):
        long.append(object())
    assert len(long) == len(list(long)) == 5_000
