"""Texts of tables: how values look, how wide they are, and how they are cut and wrapped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualytics.cli._formats.cells import cut, padded, shown, width, wrapped

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FLAG = "\U0001f1e9\U0001f1ea"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        (True, "true"),
        (0, "0"),
        (1.5, "1.5"),
        ([], ""),
        (["a", 1, None], "a, 1, "),
        ({"k": "v"}, '{"k": "v"}'),
        ([{"k": 1}], '[{"k": 1}]'),
        ("a\nb\x1b[31m\u202e", "a\\nb\\x1b[31m\\u202e"),
        ({"k": "\x1b"}, '{"k": "\\u001b"}'),
    ],
)
def test_a_value_is_one_line_without_controls(value, text):
    assert shown(value) == text


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("日本", 4), ("한국어", 6), ("e\u0301", 1), ("🚀", 2), (FAMILY, 2), (FLAG, 2), ("ｱｲｳ", 3), ("Ω…", 2)],
)
def test_a_text_is_as_wide_as_a_terminal_shows_it(text, columns):
    assert width(text) == columns
    assert padded(text, columns + 2) == f"{text}  "


@pytest.mark.parametrize(
    ("text", "columns", "wanted"),
    [
        ("abcdefgh", 8, "abcdefgh"),
        ("abcdefgh", 7, "abc…fgh"),
        ("abcdefgh", 4, "ab…h"),
        ("abcdefgh", 2, "a…"),
        ("abcdefgh", 1, "…"),
        ("日本語日本語", 7, "日…語"),
        (f"a{FAMILY}bcdef{FLAG}", 6, f"a{FAMILY}…{FLAG}"),
        ("xe\u0301e\u0301e\u0301y", 3, "x…y"),
    ],
)
def test_a_long_text_keeps_both_ends_and_no_half_of_a_character(text, columns, wanted):
    assert cut(text, columns) == wanted


TEXTS = st.text(st.characters(categories=["L", "Mn", "N", "P", "S", "Zs"]), max_size=40)


@given(TEXTS, st.integers(1, 30))
def test_what_is_cut_is_never_wider_than_its_column(text, columns):
    assert width(cut(text, columns)) <= max(columns, 1)


@given(TEXTS, st.integers(2, 30))
def test_what_is_wrapped_is_never_wider_and_loses_nothing_but_blanks(text, columns):
    lines = wrapped(text, columns)
    assert max(map(width, lines)) <= columns
    assert "".join("".join(lines).split()) == "".join(text.split())
