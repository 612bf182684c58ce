"""Texts: bounded before they are normalised or compared, and normalised in one place alone."""

import ast
import unicodedata

import pytest

from qualytics import text
from tests.test_architecture import FILES, SRC, nodes

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
    assert len(text.visible(LONG[kind])) <= text.MAX_LENGTH


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


UNSEEN = [
    # Control, soft hyphen, joiners of all kinds, directions, fillers, variation selectors, tags, private, unassigned.
    *("\t", "\x1b", "\x85", "\u00ad", "\u034f", "\u061c", "\u115f", "\u17b4", "\u180e", "\u200b", "\u200d", "\u200e"),
    *("\u2028", "\u202e", "\u2060", "\u2066", "\u2800", "\u3164", "\ufe0f", "\ufeff", "\uffa0", "\ufff9", "\ue000"),
    *("\u0378", "\U000e0041", "\U000e0101", "\U000f0000", "\ud800"),
]


@pytest.mark.parametrize("character", UNSEEN, ids=ascii)
def test_what_nobody_sees_is_found_and_left_out(character):
    assert text.has_unseen(f"pro{character}d")
    assert text.visible(f"pro{character}d") == "prod"


@pytest.mark.parametrize(
    "written", ["prod 1-a_b", "Köln", "日本語", "прод", "نام", "e\u0301", "नमस्ते", "🚀", "a\u00a0b"]
)
def test_what_people_write_is_seen(written):
    assert not text.has_unseen(written)


HOSTS = [
    ("db\u3002example\uff0ecom", "db.example.com"),
    ("db.example.com\u3002", "db.example.com."),
    ("\uff44\uff42.example.com", "db.example.com"),
    ("B\u00dcCHER.example", "xn--bcher-kva.example"),
    ("fa\u00df.example", "xn--fa-hia.example"),  # another host than fass.example, which IDNA 2003 made of it
    ("\u2460\u2461\u2466.0.0.\u2460", "127.0.0.1"),
    ("DB-1.example", "DB-1.example"),
    ("\u2603.example", None),
    ("\u0661.example", None),
    ("\u00fc" + "a." * 40_000, None),
]


@pytest.mark.parametrize(("host", "name"), HOSTS, ids=[ascii(host[:16]) for host, _ in HOSTS])
def test_a_host_is_ascii_as_dns_has_it(host, name):
    assert text.ascii_host(host) == name


def superlinear(path):
    """Yield the lines of a file that normalise a text, encode a host name or look for a near name."""
    for node in nodes(path):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            names = {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
            if node.func.attr in {"normalize", "get_close_matches"} or "idna" in names:
                yield node.lineno


@pytest.mark.slow  # every source file is read
def test_texts_are_normalised_in_one_place_alone():
    found = {str(path.relative_to(SRC)): lines for path in FILES if (lines := list(superlinear(path)))}
    assert found.keys() == {"text.py"}, found


ALIKE = [
    ("alice", "\u0430lice"),
    ("alice", "aIice"),
    ("ALICE", "\u0391LICE"),
    ("prod", "\u0440r\u043e\u0501"),
    ("admin", "adrnin"),
    ("user1", "userl"),
    ("\u0140", "l\u00b7"),
    ("\u00e9a", "e\u0301\u0430"),
]


@pytest.mark.parametrize(("name", "twin"), ALIKE, ids=ascii)
def test_names_that_look_alike_have_a_look_in_common(name, twin):
    assert text.looks(name) & text.looks(twin)


@pytest.mark.parametrize(("name", "other"), [("prod-1", "prod-2"), ("\u00e9", "e"), ("o", "0"), ("alice", "bob")])
def test_names_that_can_be_told_apart_have_none(name, other):
    assert not text.looks(name) & text.looks(other)


def test_a_look_of_a_look_is_itself():
    for look in {look for line in looks_of_all() for look in line}:
        assert text.looks(look) >= {look}


def looks_of_all():
    for line in (SRC / "confusables.txt").read_text(encoding="utf-8").splitlines():
        yield text.looks(line.partition("\t")[2][0])


def test_names_of_ascii_need_no_table():
    table = text._confusables()
    assert {code: look for code, look in table.items() if code < 128} == text._CONFUSABLE_ASCII
