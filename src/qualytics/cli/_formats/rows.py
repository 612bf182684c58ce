"""Formats of a line, or a few, for each document, and YAML and JSON of some columns alone."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from qualytics.cli import _output as output
from qualytics.cli._formats.views import View

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from qualytics.cli._formats.columns import Column
    from qualytics.cli._formats.views import Document


class Rows(output.Format):
    """A format that writes the documents of a view, or some columns of them."""

    view: View = View()
    columns: tuple[Column, ...] = ()

    def of_document(self, document: Any) -> Iterator[str]:
        """Yield the text of one document, or of the list that it holds."""
        if isinstance(document, list):
            yield from self.rows(document)
        elif self.view.rows in document:
            yield from self.rows(document[self.view.rows])
            for line in (self.view.beside or self._beside)(document):
                output.say(output.escape(line))  # stdout has no place for it
        else:
            yield from self.one(document)

    def of_list(self, documents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """Yield the text of a list while its documents come."""
        return self.rows(documents)

    def one(self, document: Document) -> Iterator[str]:
        """Yield the text of one document."""
        return self.rows([document])

    def rows(self, documents: Iterable[Document]) -> Iterator[str]:
        """Yield the text of a list."""
        raise NotImplementedError

    def _beside(self, document: Document) -> Iterator[str]:
        for key, value in document.items():
            if key != self.view.rows and value is not None:
                for one in value if isinstance(value, list) else [value]:
                    yield f"note: {key}: {_said(one)}"

    def picked(self, document: Document) -> Document:
        """Return a document with its columns alone, or as it is where none are named."""
        return {column.name: column.take(document) for column in self.columns} if self.columns else document


def _said(value: Any) -> str:
    return (
        ", ".join(str(part) for part in value.values() if part is not None) if isinstance(value, dict) else str(value)
    )


class Picked(Rows):
    """YAML or JSON of some columns: an object of the names as they were given, in their order."""

    def one(self, document: Document) -> Iterator[str]:
        """Yield the text of one document."""
        return output.Format(self.name).of_document(self.picked(document))

    def rows(self, documents: Iterable[Document]) -> Iterator[str]:
        """Yield the text of a list."""
        return output.Format(self.name).of_list({**self.picked(document)} for document in documents)


class JsonLines(Rows):
    """JSON, a document a line; an empty list is no line."""

    def rows(self, documents: Iterable[Document]) -> Iterator[str]:
        """Yield the lines of a list."""
        for document in documents:
            yield output.dump_json(self.picked(document)) + "\n"


class Csv(Rows):
    """CSV as of RFC 4180 with a header, but lines end in LF alone, as those of psql and DuckDB do."""

    def rows(self, documents: Iterable[Document]) -> Iterator[str]:
        """Yield the header, and a record a document."""
        batches = output.in_batches(documents)
        first = next(batches, [])
        # What another server has beside the keys of ours is not lost.
        keys = dict.fromkeys((*self.view.keys, *(key for document in first for key in document)))
        names = [column.name for column in self.columns] or list(keys)
        yield _records([names])
        for batch in itertools.chain([first], batches):
            picked = [self.picked(document) for document in batch]
            yield _records([[_csv_cell(document.get(name)) for name in names] for document in picked])

    def one(self, document: Document) -> Iterator[str]:
        """Yield a header and one record, of the keys of this document."""
        own = self.picked(document)
        yield _records([list(own), [_csv_cell(value) for value in own.values()]])


# A spreadsheet runs what begins so as a formula, in the wide forms of Chinese and Japanese keyboards, too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def _records(records: Iterable[Iterable[Any]]) -> str:
    import csv
    import io

    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(records)
    return text.getvalue()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        shown = output.escape_document(value)
        return f"'{shown}" if value.startswith(_FORMULA) else shown
    return value if value is None or type(value) in {int, float} else output.dump_json(value)
