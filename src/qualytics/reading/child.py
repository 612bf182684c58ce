"""One child of a read: a thread for what it says, and one for the batches that it sends."""

from __future__ import annotations

import fcntl
import os
import threading
from typing import TYPE_CHECKING, Any

from qualytics.probe.parent.child_process import run_test
from qualytics.probe.parent.launch import spawn
from qualytics.probe.plan import PARTITION
from qualytics.probe.protocol import PartitionBegan
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from qualytics.model import TestReport
    from qualytics.probe.parent.launch import Child as Process
    from qualytics.probe.plan import Plan
    from qualytics.probe.protocol import ReadMessage
    from qualytics.reading.channel import Channel

# Of the pipe of batches: fewer changes between two processes than with the 64 KiB that it has by itself.
_PIPE_BYTES = 1 << 20


class Child:
    """Runs one child of a read; `rows` are those that came, by partition, and `partition` is the last that it began."""

    def __init__(
        self,
        plan: Plan,
        stop: int,
        channel: Channel[pa.RecordBatch],
        *,
        on_schema: Callable[[pa.Schema], None],
        on_end: Callable[[Child, TestReport | OSError], None],
        slots: threading.Semaphore,
    ) -> None:
        self._plan, self._stop, self._channel, self._slots = plan, stop, channel, slots
        self._on_schema, self._on_end = on_schema, on_end
        self.rows: dict[int, int] = {}
        self.partition: int | None = None
        self._is_started = threading.Event()
        self._receiving, self._sending = os.pipe()
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(self._receiving, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._talk, self._receive)]

    def start(self) -> None:
        """Start both threads, and the child with them."""
        self._channel.add_producer()
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until the child has ended, and all that it sent was handed on."""
        for thread in self._threads:
            thread.join()

    def _talk(self) -> None:
        reading = self._plan.reading
        told = self._plan.on_message
        if reading is None or told is None:
            raise ValueError("a child of a read needs a plan of one")

        def on_message(message: ReadMessage) -> None:
            if isinstance(message, PartitionBegan):
                self.partition = message.number
            told(message)

        plan = replace(self._plan, reading=replace(reading, data=self._sending), on_message=on_message)
        try:
            report: TestReport | OSError = run_test(plan, self._spawn, stops=(self._stop,), slots=self._slots)
        except OSError as exc:  # as where no descriptor is left
            report = exc
        finally:
            self._close_sending()
        self._on_end(self, report)

    def _spawn(self, directory: str) -> Process:
        reading = self._plan.reading
        child = spawn(directory, (self._sending, *([reading.queue] if reading else [])))
        self._close_sending()  # so that its end is seen when the child has ended
        return child

    def _close_sending(self) -> None:
        self._is_started.set()
        if self._sending != _CLOSED:
            os.close(self._sending)
            self._sending = _CLOSED

    def _receive(self) -> None:
        self._is_started.wait()  # or the process would wait for an import, which lets no other thread run
        import pyarrow as pa

        try:
            with os.fdopen(self._receiving, "rb") as source, pa.ipc.open_stream(source) as stream:
                self._on_schema(stream.schema)
                self._hand_on(stream)
        except (pa.ArrowInvalid, OSError):
            pass  # the child has ended before its stream: what it said last tells why, and rows are counted in the end
        finally:
            self._channel.producer_ended()

    def _hand_on(self, stream: Any) -> None:
        while True:
            try:
                batch, metadata = stream.read_next_batch_with_custom_metadata()
            except StopIteration:
                return
            if metadata is None:  # the first, without rows
                continue
            number = int(metadata[PARTITION])
            self.rows[number] = self.rows.get(number, 0) + batch.num_rows
            if not self._channel.put(batch, number, batch.num_rows):
                return


# In place of a descriptor.
_CLOSED = -1
