"""A read in the child process: partitions are taken from a queue, and their rows written as one Arrow stream."""

from __future__ import annotations

import base64
import gc
import os
import time
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Refusal, refuse
from qualytics.connectors.reading import NotShared, begin_of, no_rows
from qualytics.module_path import leave_out
from qualytics.probe.child.meter import read_too_much
from qualytics.probe.plan import NUMBER_BYTES, PARTITION
from qualytics.probe.protocol import (
    Counted,
    PartitionBegan,
    PartitionPlanned,
    PartitionRead,
    Planned,
    SnapshotTaken,
    Unshared,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from qualytics.connectors.contract import Connector, Target
    from qualytics.connectors.reading import Partition, Session
    from qualytics.probe.plan import Reading
    from qualytics.probe.protocol import Message

    Send = Callable[[Message], None]


# Of the parts of a batch, which are many, so much is written at once.
_SINK_BYTES = 1 << 20
# New objects before Python looks for circles of them.
_OBJECTS = 100_000


def read(connector: Connector, handle: Any, target: Target, reading: Reading, send: Send) -> None:
    """Read what the queue holds; the first child of a read also plans the partitions, and counts when that is asked.

    Raises:
        Refusal: it takes more memory than it may.

    """
    try:
        _read(connector, handle, target, reading, send)
    except MemoryError:
        raise Refusal(read_too_much(reading.memory_bytes)) from None


def _read(connector: Connector, handle: Any, target: Target, reading: Reading, send: Send) -> None:
    # pyarrow asks pandas of each list that it makes an array of, and imports it for that alone: 300 ms. Some drivers
    # need it, and have it by now.
    leave_out("pandas")
    import pyarrow as pa

    # Rows of drivers are many objects and hold no circles: looking for some takes a fifth of a read.
    gc.freeze()
    gc.set_threshold(_OBJECTS)
    is_first = reading.schema is None
    schema = None if reading.schema is None else pa.ipc.read_schema(pa.py_buffer(base64.b64decode(reading.schema)))
    session = _begun(connector, handle, target, reading, schema, send)
    if session is None:
        return
    if is_first and reading.query.verify and session.snapshot is None:
        cause = "nothing keeps what is read as it is until it is counted"
        raise refuse("config", cause, "leave out --verify, or read a table that has a history")
    with os.fdopen(reading.data, "wb", _SINK_BYTES) as sink, pa.ipc.new_stream(sink, session.schema) as stream:
        # A batch without rows: the schema goes out with the first, and the program waits for it.
        stream.write_batch(no_rows(session.schema))
        sink.flush()
        partitions = {one.number: one for one in (_planned(session, send) if is_first else reading.partitions)}
        while (number := _next(reading.queue)) is not None:
            _read_one(session, partitions[number], stream, sink, send)
        if is_first and reading.query.verify:
            send(Counted(session.count()))


def _begun(
    connector: Connector, handle: Any, target: Target, reading: Reading, schema: pa.Schema | None, send: Send
) -> Session | None:
    try:
        return begin_of(connector)(handle, target, reading.query, reading.snapshot, schema)
    except NotShared:
        send(Unshared())
        return None
    except Exception:
        # The first session ends, and its snapshot with it, once the queue is empty: there is nothing left to read.
        if schema is not None and _next(reading.queue) is None:
            return None
        raise


def _planned(session: Session, send: Send) -> list[Partition]:
    if session.snapshot is not None:
        send(SnapshotTaken(session.snapshot.kind, session.snapshot.id))
    partitions = list(session.partitions())
    for one in partitions:
        send(PartitionPlanned(one.number, one.predicate))
    send(Planned())
    return partitions


def _next(queue: int) -> int | None:
    number = os.read(queue, NUMBER_BYTES)
    return int.from_bytes(number) if number else None


def _read_one(session: Session, partition: Partition, stream: Any, sink: Any, send: Send) -> None:
    send(PartitionBegan(partition.number))
    began, rows = time.monotonic(), 0
    metadata = {PARTITION: str(partition.number).encode()}
    for batch in session.batches(partition):
        stream.write_batch(batch, metadata)
        sink.flush()
        rows += batch.num_rows
    send(PartitionRead(partition.number, rows, round((time.monotonic() - began) * 1_000, 1)))
