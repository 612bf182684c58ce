"""Members of a JSON object with their lines; nothing of a broken text is repeated."""

import pytest

from qualytics.exchange.imports import json_lines
from qualytics.service.foreign.entries import Unreadable

TEXT = '{\n  "a": {"x": [1, 2]},\n\n  "b": "}",\n  "c": {\n    "d": {"e": 1}\n  },\n  "a": null\n}\n'


def test_each_member_comes_with_its_line_and_one_that_stands_twice_comes_twice():
    assert [*json_lines.members(TEXT)] == [
        ("a", {"x": [1, 2]}, 2),
        ("b", "}", 4),
        ("c", {"d": {"e": 1}}, 5),
        ("a", None, 8),
    ]


def test_members_of_an_object_inside_are_found_by_their_path():
    assert [*json_lines.members(TEXT, ("c",))] == [("d", {"e": 1}, 6)]
    assert [*json_lines.members(TEXT, ("none",))] == []
    assert [*json_lines.members(" {} ")] == []


@pytest.mark.parametrize(
    "text", ["", "[]", '{"geheim": }', '{"a": "geheim', '{"a": {"geheim": 1, "geheim": 2}}', '{"a": ' + "[" * 100_000]
)
def test_a_broken_text_is_refused_without_being_repeated(text):
    with pytest.raises(Unreadable) as refused:
        [*json_lines.members(text)]
    assert "geheim" not in str(refused.value)
