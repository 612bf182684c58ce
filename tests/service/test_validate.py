"""Rules of values: names, folding, and where a problem stands."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from qualytics.errors import Problem
from qualytics.service import validate
from qualytics.text import visible


@given(st.text())
@example("\u202e a \u2066")
def test_a_visible_name_is_one_that_the_rules_let_through(text):
    name = visible(text)
    assert name == visible(name)
    if 1 <= len(name) <= 255:
        problems = validate.Problems()
        assert validate.check_name("name", name, problems) == name
        problems.finish()


@given(st.text())
def test_folding_ignores_case_form_and_outer_spaces_and_is_stable(text):
    key = validate.fold(text)
    for other in (f" {text}\t", unicodedata.normalize("NFD", text), unicodedata.normalize("NFC", text)):
        assert validate.fold(other) == key
    if text.isascii():
        assert validate.fold(text.upper()) == validate.fold(text.lower())


def test_a_problem_is_named_by_its_place():
    problems = validate.Problems()
    problems.add("port", "is odd")
    assert problems.found == [Problem("port", "port is odd")]
