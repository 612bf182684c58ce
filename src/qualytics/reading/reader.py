"""A read under way: its children, the batches that they send, and the receipt in the end."""

from __future__ import annotations

import base64
import os
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from qualytics.connectors.reading import Partition, Snapshot
from qualytics.errors import NotWhole, ReadFailed
from qualytics.probe.plan import NUMBER_BYTES, Reading
from qualytics.probe.protocol import (
    Counted,
    PartitionBegan,
    PartitionPlanned,
    PartitionRead,
    Planned,
    SnapshotTaken,
    Unshared,
)
from qualytics.reading.channel import Channel, Turns
from qualytics.reading.child import Child
from qualytics.reading.receipt import Read, plain, receipt
from qualytics.reading.watch import Watch
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

    from qualytics.connectors.reading import Query
    from qualytics.errors import QualyticsError
    from qualytics.model import TestReport
    from qualytics.probe.plan import Plan
    from qualytics.probe.protocol import ReadMessage

# Batches that wait for whoever takes them, beside the one that each child is about to hand over.
_WAITING = 1


class Reader:
    """Batches of a read, in the order of their arrival, or of partitions with `ordered`; close it, or use `with`.

    Iterating yields `pyarrow.RecordBatch`; pandas, polars, duckdb and pyarrow take it whole, as an Arrow C stream.
    `receipt` is there when the last batch was taken. What it holds at any time are a few batches, however many rows
    there are; whoever takes none stops the source. `progress` tells how far it is.
    """

    def __init__(
        self,
        plan: Plan,
        query: Query,
        source: Mapping[str, Any],
        *,
        judge: Callable[[TestReport, int | None], QualyticsError],
        limit_s: float | None = None,
        ask: Callable[[], object] | None = None,
    ) -> None:
        """Start the first child, and wait until it has planned the read.

        `ask` is called now and again as long as it lasts: what it raises ends the read; see `Watch`.

        Raises:
            ReadFailed: it could not be begun.

        """
        self._plan, self._query, self._source, self._judge = plan, query, source, judge
        self._limit_s = limit_s
        self._read, self._lock = Read(), threading.Condition()
        self._is_planned = self._is_closed = False
        self._failure: TestReport | None = None
        self._failed_partition: int | None = None
        self._error: QualyticsError | None = None  # of what ended it from without
        self._schema: pa.Schema | None = None
        self._channel: Channel[pa.RecordBatch] = Channel(_WAITING, Turns() if query.ordered else None)
        self._stop, self._stopped = os.pipe()
        self._queue, self._numbers = os.pipe()
        self._children: list[Child] = []
        self._rows = self._bytes = self._batches = 0
        self._receipt: dict[str, Any] | None = None
        self._began = time.time()
        self._watch = None if ask is None else Watch(ask, self._end)
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    @property
    def schema(self) -> pa.Schema:
        """Return the names and Arrow types of the columns."""
        return plain(self._whole_schema())

    @property
    def receipt(self) -> dict[str, Any]:
        """Return the receipt, as a document; there is one once all batches were taken."""
        if self._receipt is None:
            raise ReadFailed("there is no receipt before the last batch was taken", "take all batches first")
        return self._receipt

    @property
    def progress(self) -> dict[str, int]:
        """Return rows and bytes that were taken, partitions that were read whole, and how many there are."""
        read = self._read
        return {
            "rows": self._rows,
            "bytes": self._bytes,
            "partitions": len(read.rows),
            "of_partitions": len(read.partitions),
        }

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches.

        Raises:
            ReadFailed: a session failed; what was yielded is not whole.
            NotWhole: the engine counts other rows than came.

        """
        import pyarrow as pa

        schema = self.schema
        while (batch := self._channel.get()) is not None:
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
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        if self._watch is not None:
            self._watch.stop()
        self._channel.close()
        os.write(self._stopped, b"!")
        for child in self._children:
            child.join()
        for descriptor in {self._stop, self._stopped, self._queue, self._numbers} - {_CLOSED}:
            os.close(descriptor)

    def _end(self, error: QualyticsError) -> None:
        """End the sessions at once, from another thread; whoever takes batches gets the error."""
        with self._lock:
            if self._is_closed or self._receipt is not None:
                return
            self._error = error
            os.write(self._stopped, b"!")
            self._channel.close()
            self._lock.notify_all()

    def _start(self) -> None:
        first = Reading(self._query, data=_CLOSED, queue=self._queue, limit_s=self._limit_s)
        self._run(first)
        with self._lock:
            self._lock.wait_for(lambda: self._error or self._failure or (self._is_planned and self._schema is not None))
            if self._error is not None:
                raise self._error
            if self._failure is not None:
                raise self._judge(self._failure, self._failed_partition)
        numbers = b"".join(one.number.to_bytes(NUMBER_BYTES) for one in self._read.partitions)
        os.write(self._numbers, numbers)
        os.close(self._numbers)
        self._numbers = _CLOSED
        schema = base64.b64encode(self._whole_schema().serialize()).decode()
        snapshot = self._read.snapshot
        partitions = tuple(self._read.partitions)
        other = replace(first, partitions=partitions, snapshot=snapshot.id if snapshot else None, schema=schema)
        for _ in range(min(self._query.parallel, len(self._read.partitions)) - 1):
            self._run(other)

    def _run(self, reading: Reading) -> None:
        plan = replace(self._plan, reading=reading, on_message=self._add)
        child = Child(plan, self._stop, self._channel, on_schema=self._add_schema, on_end=self._ended)
        self._children.append(child)
        child.start()

    def _whole_schema(self) -> pa.Schema:
        if self._schema is None:
            raise ReadFailed("the read has not begun")
        return self._schema

    def _add(self, message: ReadMessage) -> None:
        """Take note of what a child says, in its thread."""
        read = self._read
        with self._lock:
            match message:
                case SnapshotTaken(kind, ident):
                    read.snapshot = Snapshot(kind, ident)
                case PartitionPlanned(number, predicate):
                    read.partitions.append(Partition(number, predicate))
                case Planned():
                    self._is_planned = True
                case PartitionRead(number, rows, ms):
                    read.rows[number], read.seconds[number] = rows, round(ms / 1_000, 4)
                    self._channel.partition_ended(number, rows)
                case Unshared():
                    read.unshared += 1
                case Counted(rows):
                    read.counted = rows
                case PartitionBegan():
                    pass  # a child keeps its own
            self._lock.notify_all()

    def _add_schema(self, schema: pa.Schema) -> None:
        with self._lock:
            self._schema = self._schema or schema
            self._lock.notify_all()

    def _ended(self, child: Child, report: TestReport) -> None:
        """Take note of the end of a child; the first that fails ends all."""
        with self._lock:
            is_early = not self._is_planned  # or whoever waits for the plan would do so for ever
            if (report.failure is not None or is_early) and self._failure is None:
                self._failure, self._failed_partition = report, child.partition
                os.write(self._stopped, b"!")
                self._channel.close()
            self._read.driver = report.detected
            self._lock.notify_all()

    def _finish(self) -> None:
        for child in self._children:
            child.join()
        if self._is_closed:
            raise ReadFailed("the read was closed before its end")
        if self._error is not None:
            raise self._error
        if self._failure is not None:
            raise self._judge(self._failure, self._failed_partition)
        received = dict.fromkeys(self._read.rows, 0)
        for child in self._children:
            for number, rows in child.rows.items():
                received[number] = received.get(number, 0) + rows
        planned = {one.number for one in self._read.partitions}
        if received != self._read.rows or planned != received.keys():
            raise ReadFailed("rows were lost between a session and this program", "please report this")
        self._receipt = self._made_receipt()
        if self._watch is not None:
            self._watch.stop()
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
            "parallel": len(self._children) - self._read.unshared,
        }
        return receipt(self._source, self._query, self._read, self._whole_schema(), totals)


# In place of a descriptor.
_CLOSED = -1
