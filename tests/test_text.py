"""Texts: bounded before they are normalised or compared, and normalised in one place alone."""

import ast
import unicodedata

import pytest

from qualytics import text
from tests.test_architecture import FILES, SRC, parsed

# 240,000 characters each: marks out of their order, what NFKC makes eighteen of, and names that are like none.
LONG = {
    "marks": "a" + "\u0315\u0300" * 120_000,
    "ligatures": "\ufdfa" * 240_000,
    "labels": "a." * 120_000,
    "letters": "x" * 240_000,
}


@pytest.mark.parametrize("kind", LONG)
def test_what_is_longer_than_a_name_is_never_normalised(kind):
    assert text.normalized(LONG[kind]) is text.folded(LONG[kind], "NFKC") is None
    assert text.nearest(LONG[kind], ("host", "port")) is None
    assert len(text.shown(LONG[kind])) == 101
    assert len(text.visible(LONG[kind])) <= text.LONGEST


def test_a_text_with_more_marks_than_any_language_has_is_not_normalised():
    assert text.normalized("a" + "\u0300" * 31) is None
    normal = text.normalized("a" + "\u0315\u0300" * 15)
    assert normal == unicodedata.normalize("NFC", "a" + "\u0315\u0300" * 15)
    assert text.visible("ab" + "\u0300" * 31) == "ab"


@pytest.mark.parametrize("form", ["NFC", "NFKC"])
@pytest.mark.parametrize(
    "written", ["Prod", "e\u0301t\u00e9", "\ufb01n", "\u0130x", "Stra\u00dfe", "\uac00\u1100\u1161"]
)
def test_what_people_write_is_normalised_as_unicode_says(form, written):
    normal = unicodedata.normalize(form, written)
    assert text.normalized(written, form) == normal
    assert text.folded(written, form) == unicodedata.normalize(form, normal.casefold())


def superlinear(path):
    """Yield the lines of a file that normalise a text, encode a host name or look for a near name."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            names = {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
            if node.func.attr in {"normalize", "get_close_matches"} or "idna" in names:
                yield node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_texts_are_normalised_in_one_place_alone(path):
    found = list(superlinear(path))
    assert bool(found) is (path.name in {"text.py", "hosts.py", "config.py"} and "server" not in path.parts), (
        f"{path} normalises at lines {found}"
    )
