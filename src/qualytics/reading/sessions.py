"""The sessions of a read: the children that hold them, what they say of it, and the batches that they send.

Threads wait for the children. They know nothing of the reader, so that one which nobody holds any more can end them.
"""

from __future__ import annotations

import base64
import contextlib
import os
import threading
from typing import TYPE_CHECKING

from qualytics.connectors.reading import Partition, Snapshot
from qualytics.errors import ReadFailed
from qualytics.probe.parent.child_process import loading_slots
from qualytics.probe.plan import NUMBER_BYTES
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
from qualytics.reading.receipt import Read
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from qualytics.errors import QualyticsError
    from qualytics.model import TestReport
    from qualytics.probe.plan import Plan, Reading
    from qualytics.probe.protocol import ReadMessage

# Batches that wait for whoever takes them, beside the one that each child is about to hand over.
_WAITING = 1


class Sessions:
    """Children that read, up to `parallel` at once; `channel` has their batches, and `read` what they say."""

    def __init__(self, plan: Plan, reading: Reading, judge: Callable[[TestReport, int | None], QualyticsError]) -> None:
        self._plan, self._reading, self._judge = plan, reading, judge
        self._process = os.getpid()
        self.read, self._lock = Read(), threading.Condition()
        self.channel: Channel[pa.RecordBatch] = Channel(_WAITING, Turns() if reading.query.ordered else None)
        self._is_planned = self._is_closed = self._is_abandoned = False
        self._failure: TestReport | None = None
        self._failed_partition: int | None = None
        self._error: QualyticsError | None = None  # of what ended it from without
        self._schema: pa.Schema | None = None
        self._stop, self._stopped = os.pipe()
        self._queue, self._numbers = os.pipe()
        self._children: list[Child] = []
        self._over = 0
        self._slots = loading_slots()

    @property
    def number(self) -> int:
        """Return how many have read."""
        return len(self._children) - self.read.unshared

    @property
    def schema(self) -> pa.Schema:
        """Return the schema, with what the receipt alone says of its columns."""
        if self._schema is None:
            raise ReadFailed("the read has not begun")
        return self._schema

    def start(self) -> None:
        """Start the first child, wait until it has planned the read, and start the others.

        Raises:
            QualyticsError: it could not be begun.

        """
        first = replace(self._reading, queue=self._queue)
        with self._lock:
            self._require_open()
            self._run(first)
            self._lock.wait_for(
                lambda: (
                    self._error or self._failure or self._is_closed or (self._is_planned and self._schema is not None)
                )
            )
            self._raise_failure()
            self._require_open()
        partitions = tuple(self.read.partitions)
        snapshot = self.read.snapshot
        schema = base64.b64encode(self.schema.serialize()).decode()
        other = replace(first, partitions=partitions, snapshot=snapshot.id if snapshot else None, schema=schema)
        with self._lock:
            self._require_open()
            numbers, self._numbers = self._numbers, _CLOSED
            # In a thread: of many files there are more numbers than a pipe holds; the rest waits until some are taken.
            threading.Thread(target=_hand_out, args=(numbers, partitions), daemon=True).start()
            for _ in range(min(self._reading.query.parallel, len(partitions)) - 1):
                self._run(other)

    def end(self, error: QualyticsError) -> None:
        """End them at once, from another thread; whoever takes batches gets the error."""
        with self._lock:
            if self._is_closed:
                return
            self._error = error
            self._end_all()

    def join(self) -> None:
        """Wait until all have ended.

        Raises:
            QualyticsError: one has failed, or was ended; or rows were lost on the way.

        """
        for child in self._children:
            child.join()
        self._raise_failure()
        self._require_open()
        received = dict.fromkeys(self.read.rows, 0)
        for child in self._children:
            for number, rows in child.rows.items():
                received[number] = received.get(number, 0) + rows
        planned = {one.number for one in self.read.partitions}
        if received != self.read.rows or planned != received.keys():
            raise ReadFailed("rows were lost between a session and this program", "please report this")

    def close(self) -> None:
        """End them, and wait for that; closing twice is harmless."""
        if self._is_inherited:
            return
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._end_all()
        for child in self._children:
            child.join()
        self._close_descriptors()

    def abandon(self) -> None:
        """End them without waiting, as is right where an object is collected, in whichever thread."""
        if self._is_inherited:
            return
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = self._is_abandoned = True
            self._end_all()
            if self._over == len(self._children):
                self._close_descriptors()

    @property
    def _is_inherited(self) -> bool:
        """Say whether this is a fork of the process that reads: what it closes would end the read of the other."""
        return os.getpid() != self._process

    def _require_open(self) -> None:
        if self._is_closed:
            raise ReadFailed("the read was closed before its end")

    def _raise_failure(self) -> None:
        if self._error is not None:
            raise self._error
        if self._failure is not None:
            raise self._judge(self._failure, self._failed_partition)

    def _end_all(self) -> None:
        os.write(self._stopped, b"!")
        self.channel.close()
        self._lock.notify_all()

    def _close_descriptors(self) -> None:
        for descriptor in {self._stop, self._stopped, self._queue, self._numbers} - {_CLOSED}:
            os.close(descriptor)

    def _run(self, reading: Reading) -> None:
        plan = replace(self._plan, reading=reading, on_message=self._add)
        child = Child(plan, self._stop, self.channel, on_schema=self._add_schema, on_end=self._ended, slots=self._slots)
        self._children.append(child)
        child.start()

    def _add(self, message: ReadMessage) -> None:
        """Take note of what a child says, in its thread."""
        read = self.read
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
                    self.channel.partition_ended(number, rows)
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

    def _ended(self, child: Child, report: TestReport | OSError) -> None:
        """Take note of the end of a child; the first that fails ends all."""
        with self._lock:
            self._over += 1
            if isinstance(report, OSError):
                why = (report.strerror or "the system refuses").lower()
                self._error = self._error or ReadFailed(f"a session could not be held: {why}")
                self._end_all()
            else:
                is_early = not self._is_planned  # or whoever waits for the plan would do so for ever
                if (report.failure is not None or is_early) and self._failure is None and not self._is_closed:
                    self._failure, self._failed_partition = report, child.partition
                    self._end_all()
                self.read.driver = report.detected
            if self._is_abandoned and self._over == len(self._children):
                self._close_descriptors()
            self._lock.notify_all()


def _hand_out(descriptor: int, partitions: tuple[Partition, ...]) -> None:
    """Write the numbers of partitions where sessions take them, and close that."""
    with contextlib.suppress(BrokenPipeError), open(descriptor, "wb", buffering=0) as queue:
        left = b"".join(one.number.to_bytes(NUMBER_BYTES) for one in partitions)
        while left:
            left = left[queue.write(left) :]


# In place of a descriptor.
_CLOSED = -1
