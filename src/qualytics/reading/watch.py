"""Asking again, while a read lasts, whether whoever reads still may."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from qualytics.errors import NotAllowed, NotFound, NotSignedIn, QualyticsError

if TYPE_CHECKING:
    from collections.abc import Callable

# A read ends at most 60 s after the right to it: an answer may take 10 s, and one is the last that is waited for when
# there was none for four times as long as lies between two questions.
ASK_S, ANSWER_S, _SILENT = 10.0, 10.0, 4


class Watch:
    """Calls `ask` every 10 s in a thread of its own, and `end` with its error, once, when it says no or cannot be had.

    `ask` returns where the read may go on, and takes 10 s at most.
    """

    def __init__(
        self, ask: Callable[[], object], end: Callable[[QualyticsError], object], ask_s: float = ASK_S
    ) -> None:
        self._ask, self._end, self._ask_s = ask, end, ask_s
        self._is_stopped = threading.Event()
        threading.Thread(target=self._run, name="watch of a read", daemon=True).start()

    def stop(self) -> None:
        """Ask no more; a question that is asked now may still be answered, to nobody."""
        self._is_stopped.set()

    def _run(self) -> None:
        answered = time.monotonic()
        while not self._is_stopped.wait(self._ask_s):
            try:
                self._ask()
            except (NotAllowed, NotSignedIn, NotFound) as error:
                self._end(type(error)(f"the read was ended: {error.message}", error.hint))
                return
            except QualyticsError as error:  # it cannot be asked now
                if time.monotonic() - answered >= _SILENT * self._ask_s:
                    self._end(error)
                    return
            else:
                answered = time.monotonic()
