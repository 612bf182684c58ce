"""Sections, and what in them is none."""

from qualytics.exchange.imports import ini


def test_what_is_no_pair_or_too_long_is_noted_by_its_line_or_key_alone():
    one, two = ini.sections(f"stray\n[a]\ngeheim\n; x\nk = 1\nk=2\nlong={'x' * 70_000}\n[ b ] # c\nk=v=w\n")
    assert (one.name, one.line, one.values) == ("a", 2, {"k": "2"})
    assert one.notes == [
        "line 3: is not key = value",
        "k: stands twice, the last one counts",
        "long: is longer than 65,536 characters",
    ]
    assert (two.name, two.line, two.values) == ("b", 8, {"k": "v=w"})
