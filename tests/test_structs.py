"""Classes of plain data: what dataclasses would check of them, and what costs nothing to define."""

from __future__ import annotations

import pytest

from qualytics.structs import Struct, field, replace


class Point(Struct):
    x: int
    y: int = 2
    tags: list[str] = field(default_factory=list)


class Named(Point, eq=True, kw_only=True):
    name: str = "origin"


class Counter(Struct, frozen=False, eq=True):
    value: int = 0


class Hooks(Struct):
    close: object = lambda handle: handle


def test_values_come_by_position_or_by_name_and_defaults_fill_the_rest():
    assert vars(Point(1)) == {"x": 1, "y": 2, "tags": []}
    assert vars(Point(1, y=5)) == vars(Point(y=5, x=1))
    assert Point(1).tags is not Point(1).tags
    assert Point(1, 2, given := ["a"]).tags is given


@pytest.mark.parametrize(
    ("values", "named", "words"),
    [
        ((), {}, "Point: .*x"),
        ((1,), {"z": 3}, "Point: .*z"),
        ((), {"z": 3}, "Point: .*x, z"),
        ((1, 2, [], 4), {}, "takes no 4 values"),
        ((1,), {"x": 2}, "x is given twice"),
    ],
)
def test_wrong_fields_are_refused_by_name(values, named, words):
    with pytest.raises(TypeError, match=words):
        Point(*values, **named)


def test_fields_given_by_name_alone_are_not_taken_by_position():
    assert vars(Named(x=1)) == {"x": 1, "y": 2, "tags": [], "name": "origin"}
    with pytest.raises(TypeError, match="takes no 1 values"):
        Named(1)


def test_an_object_is_frozen_unless_its_class_says_otherwise():
    with pytest.raises(AttributeError, match="Point is frozen"):
        Point(1).x = 2
    counter = Counter()
    counter.value += 1
    assert (counter.value, Counter().value) == (1, 0)


def test_objects_are_equal_to_themselves_alone_unless_their_class_says_otherwise():
    assert Point(1) != Point(1)
    assert len({Point(1), Point(1)}) == 2
    assert Named(x=1, tags=()) == Named(x=1, tags=())
    assert hash(Named(x=1, tags=())) == hash(Named(x=1, tags=()))
    assert Named(x=1) != Named(x=2)
    assert Counter(1) == Counter(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Counter())


def test_a_function_as_a_default_stays_a_function():
    assert Hooks().close(1) == 1


def test_a_copy_has_the_changes_and_the_rest():
    assert vars(replace(Point(1, 2, []), x=7)) == {"x": 7, "y": 2, "tags": []}
    with pytest.raises(TypeError, match="z"):
        replace(Point(1), z=1)


def test_an_object_shows_none_of_its_values():
    assert "secret" not in repr(Point("secret"))
