"""Strict JSON: what the standard library lets through and we do not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualytics import strict_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**99), 10**99)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@given(VALUES)
def test_what_json_writes_is_read_back(value):
    assert strict_json.loads(json.dumps(value)) == value
    assert strict_json.loads(json.dumps(value, ensure_ascii=False)) == value


REFUSED = [
    ("", "not JSON: expecting value at line 1 column 1"),
    ("{", "not JSON: expecting property name"),
    ('"a', "not JSON: unterminated string starting at line 1 column 1"),
    ('"a\nb"', "not JSON: invalid control character at line 1 column 3"),
    ("[1,]", "not JSON"),
    ("1 2", "not JSON: extra data at line 1 column 3"),
    ("\ufeff1", "not JSON"),
    ('{"a": 1, "a": 1}', "the key 'a' stands twice in one object"),
    ('[{"b": {"a": 1, "a": 2}}]', "the key 'a' stands twice in one object"),
    ('"\\ud800"', "a text holds half of a surrogate pair"),
    ('{"\\uDFFF": 1}', "a text holds half of a surrogate pair"),
    (json.dumps(dict.fromkeys(map(str, range(1_001)))), "an object has more than 1,000 keys"),
    ("NaN", "NaN is not JSON"),
    ("[Infinity]", "Infinity is not JSON"),
    ("-Infinity", "-Infinity is not JSON"),
    ("1e400", "a number is too large"),
    ("-1e400", "a number is too large"),
    ("1" * 101, "a number has more than 100 digits"),
    ("9" * 10_000, "a number has more than 100 digits"),
    ("[" * 33 + "]" * 33, "nested deeper than 32 levels"),
    ('{"a":' * 33 + "1" + "}" * 33, "nested deeper than 32 levels"),
    ("[" * 1_000_000, "nested deeper than 32 levels"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_strict_json_is_refused_by_name(text, message):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        strict_json.loads(text)
    assert str(caught.value).startswith(message)


def test_thirty_two_levels_are_read():
    assert strict_json.loads("[" * 31 + "1" + "]" * 31)
    strict_json.check_depth(json.loads("[" * 31 + "]" * 31))


def test_an_error_repeats_no_value():
    for text in (
        '{"password": geheim}',
        '{"password": "geheim',
        '{"a": "geheim", "b": 1, "b": "geheim"}',
        '"\\geheim"',
    ):
        with pytest.raises(ValueError, match=r".") as caught:
            strict_json.loads(text)
        assert "geheim" not in str(caught.value)
