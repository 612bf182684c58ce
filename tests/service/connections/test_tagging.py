"""Tags and owners: their form, what an update does to them, and that a change of them is no change of the target."""

from __future__ import annotations

import pytest

from qualytics.errors import InvalidInput

PG = {"type": "postgresql", "host": "h", "username": "u", "password": "geheim"}
MANY = [f"t{number:03}" for number in range(100)]


@pytest.fixture
def made(client):
    return client.connections.create(PG | {"tags": ["nightly", "Finance"], "owner": "Data Team"})


def tags_after(client, given):
    return client.connections.update(1, given)["tags"]


def problems_of(action, *given):
    with pytest.raises(InvalidInput) as caught:
        action(*given)
    return [problem.message for problem in caught.value.problems]


def test_tags_are_sorted_without_case_and_each_stands_once(client):
    made = client.connections.create(PG | {"tags": [" b ", "A", "a", "c", "E\u0301te\u0301", "\u00e9t\u00e9"]})
    assert made["tags"] == ["a", "b", "c", "\u00e9t\u00e9"]
    assert client.connections.get(1)["tags"] == next(client.connections.list())["tags"] == made["tags"]


@pytest.mark.parametrize("given", [{}, {"tags": None, "owner": None}, {"tags": []}])
def test_a_connection_without_any_has_an_empty_list_and_no_owner(client, given):
    made = client.connections.create(PG | given)
    assert (made["tags"], made["owner"]) == ([], None)
    assert made == client.connections.get(1)


@pytest.mark.parametrize(
    ("given", "tags"),
    [
        ({"tags": ["x"]}, ["x"]),
        ({"tags": []}, []),
        ({"tags": None}, []),
        ({"add_tags": ["x"]}, ["Finance", "nightly", "x"]),
        ({"add_tags": ["FINANCE"]}, ["FINANCE", "nightly"]),
        ({"remove_tags": ["finance", "x"]}, ["nightly"]),
        ({"add_tags": ["x"], "remove_tags": ["NIGHTLY"]}, ["Finance", "x"]),
        ({"tags": ["a", "b"], "add_tags": ["c"], "remove_tags": ["a"]}, ["b", "c"]),
        ({"tags": None, "add_tags": ["c"]}, ["c"]),
        ({"remove_tags": ["finance", "nightly"]}, []),
        ({"add_tags": None, "remove_tags": []}, ["Finance", "nightly"]),
        ({"host": "g", "password": "p"}, ["Finance", "nightly"]),
    ],
)
def test_an_update_replaces_the_tags_or_adds_and_removes_some(client, made, given, tags):
    assert tags_after(client, given) == client.connections.get(1)["tags"] == tags
    assert client.connections.get(1)["owner"] == made["owner"]


def test_a_tag_that_is_not_there_to_remove_is_warned_of(client, made):
    client.connections.update(1, {"remove_tags": ["finanse", "nightly"]})
    assert client.connections.warnings == (f"connection '{made['name']}' has no tag 'finanse' to remove",)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ("finance", "tags must be a list of texts"),
        ([1], "tags must be a list of texts"),
        ([None], "tags must be a list of texts"),
        ([{"name": "x"}], "tags must be a list of texts"),
        (["a", ""], "tags.1 must have 1 to 64 characters"),
        (["  "], "tags.0 must have 1 to 64 characters"),
        (["x" * 65], "tags.0 must have 1 to 64 characters"),
        (["a,b"], "tags.0 holds a comma"),
        (["a\n"], None),
        (["a\nb"], "tags.0 holds a control character"),
        (["a\u200bb"], "tags.0 holds a character that cannot be seen (U+200B)"),
        (["a\ud800"], "tags.0 is not valid UTF-8"),
        (["a" + "\u0301" * 31], "tags.0 holds more than 30 marks in a row"),
        ([*MANY, "x"], "tags hold 101 entries"),
        (MANY, None),
        (["x" * 64, "-x", "--y", "a b", "k:v", "k=v", "';--", "%_", "\U0001f600", "\u0130"], None),
    ],
)
def test_a_tag_has_1_to_64_visible_characters_and_no_comma(client, tags, words):
    if words is None:
        assert len(client.connections.create(PG | {"tags": tags})["tags"]) == len(tags)
    else:
        assert problems_of(client.connections.create, PG | {"tags": tags}) == [words]
        client.connections.create(PG)
        added = words.replace("tags", "add_tags", 1)
        assert problems_of(client.connections.update, 1, {"add_tags": tags}) == [added]


def test_no_update_makes_more_tags_than_a_connection_may_have(client):
    client.connections.create(PG | {"tags": MANY})
    assert problems_of(client.connections.update, 1, {"add_tags": ["x"]}) == ["tags would be 101"]
    assert tags_after(client, {"add_tags": ["x"], "remove_tags": ["t000"]}) == [*MANY[1:], "x"]


def test_a_tag_cannot_be_added_and_removed_at_once(client, made):
    given = {"add_tags": ["x"], "remove_tags": ["X"]}
    assert problems_of(client.connections.update, made["id"], given) == ["add_tags and remove_tags hold the same tag"]


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        ("", "owner must have 1 to 255 characters"),
        ("x" * 256, "owner must have 1 to 255 characters"),
        (7, "owner must be a text"),
        ("a\nb", "owner holds a control character"),
    ],
)
def test_an_owner_is_a_text_as_a_name_is(client, owner, words):
    assert problems_of(client.connections.create, PG | {"owner": owner}) == [words]


@pytest.mark.slow
def test_a_test_takes_tags_and_owner_as_little_as_a_name_for_other_settings(client, tmp_path):
    path = tmp_path / "x.sqlite"
    path.touch()
    made = client.connections.create({"type": "sqlite", "uri": str(path), "tags": ["a"]})
    overrides = {"name": "x", "tags": ["b"], "owner": "o", "add_tags": ["c"], "remove_tags": ["a"]}
    assert client.connections.test(1, overrides)["connected"]
    after = client.connections.get(1)
    assert (after["tags"], after["owner"], after["product_name"]) == (["a"], None, "SQLite")
    assert client.connections.update(1, {"add_tags": ["b"], "owner": "o"})["product_name"] == "SQLite"
    assert made["product_name"] is None
