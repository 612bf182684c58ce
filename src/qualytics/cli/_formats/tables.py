"""Tables: a list with a line a document, one document as fields and values; on a terminal, no wider than that."""

from __future__ import annotations

import itertools
import os
import sys
from typing import TYPE_CHECKING, Any

from qualytics.cli._formats import cells, columns
from qualytics.cli._formats.rows import Rows
from qualytics.cli._output import escape, in_batches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from qualytics.cli._formats.columns import Column
    from qualytics.cli._formats.views import Document

_GAP = "  "
_HEADER = ("FIELD", "VALUE")
_MIN_VALUE = 10  # a value is not wrapped to less, however narrow the terminal


class Table(Rows):
    """Lists as a table whose widths are those of what came so far; widths grow with longer documents later on."""

    def rows(self, documents: Iterable[Document]) -> Iterator[str]:
        """Yield the lines of a list, two hundred documents at a time."""
        batches = in_batches(documents)
        first = next(batches, [])
        chosen = self._columns(first)
        headers = [escape(column.name.upper()) for column in chosen]
        widths = [cells.width(header) for header in headers]
        room = _room()
        for number, batch in enumerate(itertools.chain([first], batches)):
            lines = [[cells.shown(column.take(document)) for column in chosen] for document in batch]
            widths = [max((wide, *map(cells.width, column))) for wide, *column in zip(widths, *lines, strict=True)]
            fitted = _fitted(widths, room)
            header = [_bold(_line(headers, fitted))] if number == 0 else []
            yield "".join(f"{line}\n" for line in (*header, *(_line(line, fitted) for line in lines)))

    def one(self, document: Document) -> Iterator[str]:
        """Yield the lines of one document: its fields, and those of the objects in it, each with its value."""
        fields = list(self._labels(document))
        label = max(cells.width(name) for name, _ in (_HEADER, *fields))
        room = _room()
        value = None if room is None else max(room - label - len(_GAP), _MIN_VALUE)
        yield _bold(_line(_HEADER, [label, 0])) + "\n"
        for name, text in fields:
            for number, line in enumerate([text] if value is None else cells.wrapped(text, value)):
                yield _line((name if number == 0 else "", line), [label, 0]) + "\n"

    def _columns(self, first: Sequence[Document]) -> tuple[Column, ...]:
        own = self.view.columns | (self.view.more if self.name == "wide" else {})
        keys = dict.fromkeys(key for document in first for key in document)
        return self.columns or columns.of_table(own) or columns.of_keys(keys)

    def _labels(self, document: Document) -> Iterator[tuple[str, str]]:
        if self.columns:
            document = {column.name: column.take(document) for column in self.columns}
        for key, value in document.items():
            lines = self.view.lines[key](document) if key in self.view.lines and not self.columns else None
            for name, text in _flat(key, value) if lines is None else _labelled(key, lines):
                yield escape(name), escape(text)


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


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    *head, last = (cells.cut(text, wide) if wide else text for text, wide in zip(texts, widths, strict=True))
    return _GAP.join((*(cells.padded(text, wide) for text, wide in zip(head, widths, strict=False)), last)).rstrip()


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


def _bold(text: str) -> str:
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if _room() is None or is_plain else f"\x1b[1m{text}\x1b[0m"
