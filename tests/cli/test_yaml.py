"""YAML as the commands write it: the bytes that libyaml writes, without importing it."""

from io import StringIO

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from qualytics.cli._output import dump_yaml, escape_document

WIDTH = 2**31 - 1  # no line is folded; libyaml counts in a C int
# What decides how a text is written: indicators, spaces, breaks, controls, and the ends of libyaml's ranges.
MARKS = (
    "ab-?:#,[]{}&*!|>'\"%@` \t\n\r.~0127eyEnN=<_+/\\\x00\x1b\x7e\x7f\x85\x9f\xa0\xe9"
    "\u061c\u2028\u202e\ud7ff\ue000\ufefe\ufeff\ufffd\ufffe\uffff\U00010000\U0010ffff"
)
WORDS = (
    "null",
    "Yes",
    "1.5",
    "1e5",
    "0x1f",
    "2024-01-02",
    "12:30",
    "---x",
    "...x",
    "~",
    "<<",
    "1_0",
    "+.inf",
    "10.0.0.1",
)
TEXTS = (
    st.text(st.sampled_from(MARKS), max_size=8)
    | st.sampled_from(WORDS)
    | st.builds(lambda char, size: char * size, st.sampled_from("aé\ufffd\U0001f600"), st.integers(30, 132))
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=12
)


def events(value):
    """Yield libyaml's events of a value; each scalar in the style that we chose for it."""
    if isinstance(value, dict):
        yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=not value)
        for key, inner in value.items():
            yield from events(key)
            yield from events(inner)
        yield yaml.MappingEndEvent()
    elif isinstance(value, list):
        yield yaml.SequenceStartEvent(None, None, implicit=True, flow_style=not value)
        for inner in value:
            yield from events(inner)
        yield yaml.SequenceEndEvent()
    else:
        written = dump_yaml(value).removesuffix("\n")
        style = written[0] if isinstance(value, str) and written[0] in "'\"" else None
        yield yaml.ScalarEvent(None, None, (True, True), value if isinstance(value, str) else written, style=style)


def by_libyaml(value):
    out = StringIO()
    emitter = yaml.CSafeDumper(out, allow_unicode=True, width=WIDTH)
    start, end = yaml.DocumentStartEvent(explicit=False), yaml.DocumentEndEvent(explicit=False)
    for event in (yaml.StreamStartEvent(), start, *events(value), end, yaml.StreamEndEvent()):
        emitter.emit(event)
    return escape_document(out.getvalue())


@pytest.mark.parametrize(
    "value",
    [
        {"a": {}, "b": [], "c": [[], {}, [["x"]]], "d": {"e": {"f": [{"g": ["h"]}]}}},
        [{"id": 1, "tags": ["x", "y"], "parameters": {"k": ["v"], "l": None}}, {"id": 2, "tags": []}],
        {"a\nb": ["x", "y"], "c\u2028d": {"e": "f"}, "": [{"g\rh": {"i": [1]}, "j": 2}]},
        [{"k" * size: ["x", {"y": "z"}], "é" * size: "v"} for size in (32, 33, 64, 65, 128, 129)],
    ],
)
def test_collections_and_keys_stand_as_libyaml_puts_them(value):
    assert dump_yaml(value) == by_libyaml(value)


@pytest.mark.parametrize("character", MARKS, ids=ascii)
def test_a_character_is_written_as_libyaml_does_wherever_it_stands(character):
    texts = [character, f"{character}x", f"x{character}", f"x{character}x", f"{character} x", f"x {character}x"]
    value = [*texts, *({text: text} for text in texts)]
    assert dump_yaml(value) == by_libyaml(value)


@pytest.mark.slow
@given(DOCUMENTS)
@example("a")
@example({"?": ["-", {"- a": ": b"}]})
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
def test_any_document_is_written_as_libyaml_does(value):
    assert dump_yaml(value) == by_libyaml(value)


def test_half_of_a_surrogate_pair_is_written_as_an_escape():
    assert dump_yaml({"name": "a\ud800"}) == 'name: "a\\uD800"\n'
