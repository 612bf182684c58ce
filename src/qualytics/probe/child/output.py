"""What leaves the child: messages with masked texts, cut to their bounds, and one whole line at a time."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from qualytics.probe.protocol import (
    MAX_DETAIL,
    MAX_NAME,
    MAX_TEXT,
    MAX_TRACE,
    Detected,
    Failed,
    SecondHost,
    Unanswered,
    Warned,
    encode,
)

if TYPE_CHECKING:
    from qualytics.masking import Masking
    from qualytics.probe.protocol import Message


class Output:
    """Sends messages to the parent, from any thread."""

    def __init__(self, descriptor: int, masking: Masking) -> None:
        self._descriptor, self._masking = descriptor, masking
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Send a message; secrets in its texts are masked."""
        line = encode(masked(message, self._masking))
        with self._lock:
            write(self._descriptor, line)


def write(descriptor: int, line: bytes) -> None:
    """Write a whole line."""
    while line:
        line = line[os.write(descriptor, line) :]


def masked(message: Message, masking: Masking) -> Message:
    """Return a message whose foreign texts show no secret and have a length that a report can hold.

    Secrets are masked before the cut: half of one would be found by nobody afterwards.
    """

    def own(text: str | None, max_length: int) -> str | None:
        return text and masking.mask_own(text)[:max_length]

    match message:
        case Failed(failure_class, cause, hint, detail, _, code):
            from qualytics.probe.verdicts.stack_traces import without_stack_traces

            trace = detail and masking.mask(detail)
            detail = trace and without_stack_traces(trace)[:MAX_DETAIL]
            cause, hint, trace = own(cause, MAX_TEXT), own(hint, MAX_TEXT), trace and trace[:MAX_TRACE]
            return Failed(failure_class, cause, hint, detail, trace, code)
        case Detected(facts):
            return Detected({key: own(text, MAX_NAME) for key, text in facts.items()})
        case SecondHost(host):
            return SecondHost(own(host, MAX_TEXT))
        case Unanswered(cause, hint):
            return Unanswered(masking.mask_own(cause)[:MAX_TEXT], masking.mask_own(hint)[:MAX_TEXT])
        case Warned(text):
            return Warned(masking.mask_own(text)[:MAX_TEXT])
        case _:
            return message
