"""A read under way: its children, the batches that they send, and the receipt in the end."""

from __future__ import annotations

import time
import weakref
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from qualytics.errors import NotWhole, ReadFailed
from qualytics.reading.receipt import plain, receipt
from qualytics.reading.sessions import Sessions
from qualytics.reading.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

    from qualytics.errors import QualyticsError
    from qualytics.model import TestReport
    from qualytics.probe.plan import Plan, Reading


# Called with a reader before it begins, in the thread that waits for that: whoever waits no more can close it.
BEGINNING: ContextVar[Callable[[Reader], object]] = ContextVar("BEGINNING")


class Reader:
    """Batches of a read, in the order of their arrival, or of partitions with `ordered`; close it, or use `with`.

    Iterating yields `pyarrow.RecordBatch`; pandas, polars, duckdb and pyarrow take it whole, as an Arrow C stream.
    `receipt` is there when the last batch was taken. What it holds at any time are a few batches, however many rows
    there are; whoever takes none stops the source. `progress` tells how far it is.
    """

    def __init__(
        self,
        plan: Plan,
        reading: Reading,
        source: Mapping[str, Any],
        *,
        judge: Callable[[TestReport, int | None], QualyticsError],
        ask: Callable[[], object] | None = None,
    ) -> None:
        """Start the first child, and wait until it has planned the read.

        `reading` says what is read, and its limits; the pipes are made here.
        `ask` is called now and again as long as it lasts: what it raises ends the read; see `Watch`.

        Raises:
            ReadFailed: it could not be begun.

        """
        self._query, self._source = reading.query, source
        self._rows = self._bytes = self._batches = 0
        self._receipt: dict[str, Any] | None = None
        self._began = time.time()
        self._sessions = Sessions(plan, reading, judge)
        self._watch = None if ask is None else Watch(ask, self._sessions.end)
        # Whoever drops a reader without closing it leaves no session behind.
        weakref.finalize(self, _drop, self._sessions, self._watch).atexit = False
        if (told := BEGINNING.get(None)) is not None:
            told(self)
        try:
            self._sessions.start()
        except BaseException:
            self.close()
            raise

    @property
    def schema(self) -> pa.Schema:
        """Return the names and Arrow types of the columns."""
        return plain(self._sessions.schema)

    @property
    def receipt(self) -> dict[str, Any]:
        """Return the receipt, as a document; there is one once all batches were taken."""
        if self._receipt is None:
            raise ReadFailed("there is no receipt before the last batch was taken", "take all batches first")
        return self._receipt

    @property
    def progress(self) -> dict[str, int]:
        """Return rows and bytes that were taken, partitions that were read whole, and how many there are."""
        read = self._sessions.read
        return {
            "rows": self._rows,
            "bytes": self._bytes,
            "partitions": len(read.rows),
            "of_partitions": len(read.partitions),
        }

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Return an iterator of the batches, which come once: another one goes on where the one before has stopped.

        Raises:
            ReadFailed: all were taken; or, while they are taken, a session failed: what was yielded is not whole.
            NotWhole: the engine counts other rows than came.

        """
        if self._receipt is not None:
            raise ReadFailed("all batches of this read were taken", "read again: nothing is kept of them here")
        return self._batches_left()

    def _batches_left(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        schema, channel = self.schema, self._sessions.channel
        while (batch := channel.get()) is not None:
            self._rows += batch.num_rows
            self._bytes += batch.nbytes
            self._batches += 1
            yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        self._finish()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the batches as an Arrow C stream."""
        import pyarrow as pa

        return pa.RecordBatchReader.from_batches(self.schema, iter(self)).__arrow_c_stream__(requested_schema)

    def __enter__(self) -> Self:
        """Return the reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End the children and the sessions that they hold; closing twice is harmless."""
        if self._watch is not None:
            self._watch.stop()
        self._sessions.close()

    def _finish(self) -> None:
        try:
            self._sessions.join()
        finally:
            self.close()
        self._receipt = self._made_receipt()
        verified = self._receipt["verified"]
        if verified is not None and not verified["ok"]:
            raise NotWhole(f"{self._rows:,} rows were read, and the engine counts {verified['count']:,}", self._receipt)

    def _made_receipt(self) -> dict[str, Any]:
        totals = {
            "began": datetime.fromtimestamp(self._began, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "seconds": round(time.time() - self._began, 3),
            "rows": self._rows,
            "bytes": self._bytes,
            "batches": self._batches,
            "parallel": self._sessions.number,
        }
        return receipt(self._source, self._query, self._sessions.read, self._sessions.schema, totals)


def _drop(sessions: Sessions, watch: Watch | None) -> None:
    if watch is not None:
        watch.stop()
    sessions.abandon()
