"""YAML of others: what is taken as which value, and what is refused in which line."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from qualytics.cli._output import dump_yaml
from qualytics.exchange import yaml_text
from qualytics.exchange.yaml_text import YamlFault

SCALARS = [
    ("x: 5432", 5432),
    ("x: '5432'", "5432"),
    ("x: true", True),
    ("x: off", False),
    ("x: ~", None),
    ("x:", None),
    ("x: 1.5", 1.5),
    ("x: 2024-01-31", "2024-01-31"),
    ("x: 0x10", "0x10"),
    ("x: !!str 5", "5"),
    ("x: [a, 1]", ["a", 1]),
    ("x: {}", {}),
    ("x: ${NAME}", "${NAME}"),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_a_value_is_what_yaml_says_and_no_more(text, value):
    read = yaml_text.load(text)["x"]
    assert (read, type(read) is type(value) or isinstance(read, dict)) == (value, True)


REFUSED = [
    ("a: &x 1\nb: 2", 1, "anchor"),
    ("a: 1\nb: *x", 2, "alias"),
    ("a: 1\nb: 2\na: 3", 3, "twice"),
    ("a: 1\nb: !!python/name:os.system ''", 2, "tag"),
    ("a: !x {}", 1, "tag"),
    ("a: 1\n---\nb: 2", 2, "more than one document"),
    ("a: 1\n[x]: 2", 2, "a key must be a text"),
    ("a: 1\nb: [", 3, ""),
    ("a: \x07", 1, ""),
    ("a: " + "[" * 40 + "]" * 40, 1, "deeper than 32"),
]


@pytest.mark.parametrize(("text", "line", "words"), REFUSED)
def test_what_is_refused_is_told_with_its_line(text, line, words):
    with pytest.raises(YamlFault) as caught:
        yaml_text.load(text)
    assert words in caught.value.message
    assert caught.value.line == line


def test_a_bomb_of_aliases_and_a_deep_text_are_refused_before_they_grow():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    started = time.process_time()
    for text in (bomb, "[" * 500_000):
        with pytest.raises(YamlFault):
            yaml_text.load(text)
    assert time.process_time() - started < 5


def test_lines_of_keys_are_known_at_any_depth():
    value = yaml_text.load("# first\nname: x\nparameters:\n  role: R\n")
    assert (value.lines, value["parameters"].lines) == ({"name": 2, "parameters": 3}, {"role": 4})


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS.filter(bool), VALUES, max_size=4))
def test_what_the_program_writes_is_read_back_as_it_was(value):
    text = dump_yaml(value)
    assert yaml_text.load(text) == value == yaml.safe_load(text)
