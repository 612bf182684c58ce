"""Tables: a list with a line a document, one document as fields and values; on a terminal, no wider than that.

A list with more columns than a terminal has room for is shown as fields and values, too.
"""

from __future__ import annotations

import itertools
import os
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from qualytics.cli._formats import cells, columns
from qualytics.cli._formats.rows import Rows
from qualytics.cli._output import escape, in_batches
from qualytics.cli._style import BOLD, DIM, GREEN, RED, has_color, painted
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from qualytics.cli._formats.columns import Column
    from qualytics.cli._formats.views import Document

_GAP = "  "
_HEADER = ("FIELD", "VALUE")
_VALUE, _OURS, _DEFAULT = "value", "ours", "default"
_MIN_VALUE = 10  # a value is not wrapped to less, however narrow the terminal
_MIN_COLUMN = 5  # in a list whose columns have less, with the gaps between them, nobody can read a word


class Table(Rows):
    """Lists as a table whose widths are those of what came so far; widths grow with longer documents later on."""

    defaults: Mapping[str, str] = MappingProxyType({})  # by the label of each, beside one document

    def shows(self, column: str) -> bool:
        """Say whether lists have a column of that name."""
        return any(one.name == column for one in self._columns([]))

    def with_defaults(self, read: Callable[[], Mapping[str, str]]) -> Table:
        """Return this table with what holds without being set, unless some columns alone are asked for."""
        return self if self.columns else replace(self, defaults=read())

    def rows(self, documents: Iterable[Document]) -> Iterator[str]:
        """Yield the lines of a list, two hundred documents at a time."""
        batches = in_batches(documents)
        first = next(batches, [])
        chosen = self._columns(first)
        room, is_colored = _room(), has_color(sys.stdout)
        if room is not None and room < _MIN_COLUMN * len(chosen):
            yield from _records(chosen, itertools.chain([first], batches), room)
            return
        headers = [escape(column.name.upper()) for column in chosen]
        widths = [cells.width(header) for header in headers]
        colors = [BOLD if is_colored and column.name == "name" else "" for column in chosen]
        for number, batch in enumerate(itertools.chain([first], batches)):
            lines = [[cells.shown(column.take(document)) for column in chosen] for document in batch]
            widths = [max((wide, *map(cells.width, column))) for wide, *column in zip(widths, *lines, strict=True)]
            fitted = _fitted(widths, room)
            header = [_header(_line(headers, fitted), is_colored=is_colored)] if number == 0 else []
            yield "".join(f"{line}\n" for line in (*header, *(_line(line, fitted, colors) for line in lines)))

    def one(self, document: Document) -> Iterator[str]:
        """Yield the lines of one document: its fields, and those of the objects in it, each with its value."""
        fields = list(self._labels(document))
        label = max(map(cells.width, (_HEADER[0], *(name for name, _, _ in fields))))
        yield _header(_line(_HEADER, [label, 0]), is_colored=has_color(sys.stdout)) + "\n"
        yield from _fields(fields, label)

    def _columns(self, first: Sequence[Document]) -> tuple[Column, ...]:
        own = self.view.columns | (self.view.more if self.name == "wide" else {})
        keys = dict.fromkeys(key for document in first for key in document)
        return self.columns or columns.of_table(own) or columns.of_keys(keys)

    def _labels(self, document: Document) -> Iterator[tuple[str, str, str]]:
        """Yield the label and the text of each line, and what the text is: a value, our own words, or a default."""
        if self.columns:
            document = {column.name: column.take(document) for column in self.columns}
        for key, value in document.items():
            lines = self.view.lines[key](document) if key in self.view.lines and not self.columns else None
            for name, text in _flat(key, value) if lines is None else _labelled(key, lines):
                yield escape(name), escape(text), _VALUE if lines is None else _OURS
            for name, text in self.defaults.items():
                if name.startswith(f"{key}."):
                    yield name, text, _DEFAULT


def _records(chosen: Sequence[Column], batches: Iterable[Sequence[Document]], room: int) -> Iterator[str]:
    """Yield the columns of each document below one another, with a blank line before the next; of none the header."""
    headers = [escape(column.name.upper()) for column in chosen]
    label = max(map(cells.width, headers))
    between = ""
    for document in itertools.chain.from_iterable(batches):
        yield between
        between = "\n"
        texts = (cells.shown(column.take(document)) for column in chosen)
        yield from _fields([(name, text, _VALUE) for name, text in zip(headers, texts, strict=True)], label)
    if not between:
        yield cells.cut(_GAP.join(headers), room) + "\n"


def _fields(fields: Iterable[tuple[str, str, str]], label: int) -> Iterator[str]:
    """Yield lines of labels, all so wide, with their texts, which are wrapped on a terminal."""
    room, is_colored = _room(), has_color(sys.stdout)
    value = None if room is None else max(room - label - len(_GAP), _MIN_VALUE)
    for name, text, kind in fields:
        for number, line in enumerate([text] if value is None else cells.wrapped(text, value)):
            marked = _marked(line) if is_colored and kind == _OURS and number == 0 else line
            colors = [DIM * (is_colored and not text), DIM * (is_colored and kind == _DEFAULT)]
            yield _line((name if number == 0 else "", marked), [label, 0], colors) + "\n"


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the lines of a value, each with what stands before it; a line end in a text makes two."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
        yield from _labelled(name, [_summary(one) for one in value])
    elif isinstance(value, str):
        yield from _labelled(name, value.split("\n"))
    else:
        yield name, cells.shown(value)


def _labelled(name: str, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines):
        yield (name if number == 0 else ""), line


def _summary(part: Document) -> str:
    return ", ".join(f"{key}: {cells.shown(value)}" for key, value in part.items() if value)


def _line(texts: Sequence[str], widths: Sequence[int], colors: Sequence[str] = ()) -> str:
    shown = [cells.cut(text, wide) if wide else text for text, wide in zip(texts, widths, strict=True)]
    *head, last = shown
    columns = [*(cells.padded(text, wide) for text, wide in zip(head, widths, strict=False)), last]
    for number, color in enumerate(colors):
        if color:  # blanks are not painted: they are not cut off at the end of a line else
            columns[number] = columns[number].replace(shown[number], painted(shown[number], color), 1)
    return _GAP.join(columns).rstrip()


def _header(line: str, *, is_colored: bool) -> str:
    return painted(line, BOLD) if is_colored else line


def _marked(text: str) -> str:
    """Return a text with its mark in the colour of what it says."""
    color = {"✓": GREEN, "✗": RED}.get(text[:1])
    return text if color is None else painted(text[0], color) + text[1:]


def _fitted(widths: Sequence[int], room: int | None) -> list[int]:
    """Return the widths that columns get in a room: the widest are narrowed, all to one measure."""
    if room is None:
        return list(widths)
    left = room - len(_GAP) * (len(widths) - 1)
    most = max(widths)
    while most > 1 and sum(min(wide, most) for wide in widths) > left:
        most -= 1
    return [min(wide, most) for wide in widths]


def _room() -> int | None:
    """Return how wide the terminal is; None when stdout is none, so that nothing is cut."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isascii() and wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return os.get_terminal_size(sys.stdout.fileno()).columns or 80
