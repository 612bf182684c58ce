"""YAML as texts with lines; bombs, depth, tags and broken texts are refused without being repeated."""

import pytest

from qualytics.exchange.imports import yaml_lines
from qualytics.service.foreign.entries import Unreadable

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(8)
)


def test_values_are_as_they_are_written_and_keys_have_lines():
    value = yaml_lines.load("# c\na: 0123\nb:\n  c: yes\n  d: ~\n  e: 2020-01-01\nl: [1, 'x']\na: twice\n")
    assert value == {"a": "twice", "b": {"c": "yes", "d": "", "e": "2020-01-01"}, "l": ["1", "x"]}
    assert (value.lines["b"], value["b"].lines["e"], value.doubled) == (3, 6, ["a"])


def test_a_merge_gives_what_a_mapping_lacks():
    value = yaml_lines.load("base: &b {host: h, port: 1}\none:\n  <<: *b\n  port: 2\ntwo: {<<: [*b], user: u}\n")
    assert value["one"] == {"host": "h", "port": "2"}
    assert value["two"] == {"host": "h", "port": "1", "user": "u"}


BROKEN = [BOMB, "[" * 40, "geheim: [", "a: geheim: b", "\tgeheim: x", "a: *geheim", "a: &a [*a]", "a: \x00geheim"]


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_yaml_is_refused_without_being_repeated(text):
    with pytest.raises(Unreadable) as refused:
        yaml_lines.load(text)
    assert "geheim" not in refused.value.problem


def test_a_tag_makes_no_object():
    assert yaml_lines.load("a: !!python/object/apply:os.system ['x']") == {"a": ["x"]}
    assert yaml_lines.load("") == ""
