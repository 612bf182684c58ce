"""Files of sections and `key = value` lines: INI as libpq, MySQL, ODBC, Databricks and AWS write it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qualytics.structs import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SECTION = re.compile(r"\s*\[([^\]\n]*)\]\s*(?:[#;].*)?\Z")
_MAX_VALUE = 65_536


class Section(Struct):
    """One section: its name and line, its values under keys in lower case, and `notes` of what was not read."""

    name: str
    line: int
    values: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def sections(text: str, clean: Callable[[str], str] = str.strip, comments: str = "#;") -> Iterator[Section]:
    """Yield the sections of a file; of a key that stands twice the last value counts, and it is noted.

    `clean` makes the value of what stands behind the sign of equality; a line may begin with one of `comments`.
    """
    current: Section | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip()[0] in comments:
            continue
        if (head := _SECTION.match(line)) is not None:
            if current is not None:
                yield current
            current = Section(head[1].strip(), number)
        elif current is not None:
            _add(current, line, number, clean)
    if current is not None:
        yield current


def _add(section: Section, line: str, number: int, clean: Callable[[str], str]) -> None:
    key, sign, rest = line.partition("=")
    key = key.strip().lower()
    if not sign or not re.fullmatch(r"[\w .:-]{1,64}", key):
        section.notes.append(f"line {number}: is not key = value")
        return
    value = clean(rest)
    if key in section.values and section.values[key] != value:
        section.notes.append(f"{key}: stands twice, the last one counts")
    if len(value) <= _MAX_VALUE:
        section.values[key] = value
    else:
        section.notes.append(f"{key}: is longer than {_MAX_VALUE:,} characters")
