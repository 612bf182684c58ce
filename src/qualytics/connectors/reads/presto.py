"""Reads of Presto: as those of Trino, but page by page, for its client's cursor takes the whole result at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.reads import trino

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from qualytics.connectors.contract import Target
    from qualytics.connectors.reading import Query


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection; each statement sees a state of its own."""
    del snapshot
    return _Session(handle, target, query, schema)


class _Session(trino.TrinoSession):
    def described(self, sql: str) -> Sequence[Any]:
        answers = self._answers(sql)
        return next(([(one["name"], one["type"]) for one in columns] for columns, _ in answers if columns), [])

    def pages(self, sql: str) -> Iterator[Sequence[Sequence[Any]]]:
        size, held = self._query.fetch_size, list[Any]()
        for _, rows in self._answers(sql):
            held += rows
            while len(held) >= size:
                yield held[:size]
                held = held[size:]
        if held:
            yield held

    def _answers(self, sql: str) -> Iterator[tuple[Sequence[Any], Sequence[Sequence[Any]]]]:
        """Yield columns, once they are known, and rows of each answer of the server; who stops early ends the query."""
        from prestodb.client import PrestoQuery

        request = self._handle.cursor()._request  # noqa: SLF001 - the client has no cursor that goes on
        query = PrestoQuery(request, sql)

        def cancel() -> bool:
            if request.next_uri is None:
                return False
            request.delete(request.next_uri)
            return True

        with self.ended_by(cancel):
            first = request.process(request.post(sql))
            try:
                yield first.columns or (), first.rows
                while request.next_uri is not None:
                    rows = query.fetch()
                    yield query.columns or (), rows
            finally:
                cancel()
