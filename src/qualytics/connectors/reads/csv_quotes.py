"""Quotes of CSV, which Arrow does not look at: that each is closed, and that nothing stands behind it in its field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qualytics.connectors.contract import refuse

if TYPE_CHECKING:
    from qualytics.connectors.contract import Refusal

_QUOTE = ord('"')
_MARK = b"\xef\xbb\xbf"  # of UTF-8, before the first name


class Checked:
    """A stream whose bytes are looked at as they are read."""

    closed = False

    def __init__(self, source: Any, path: str, delimiter: str) -> None:
        self._source, self._path = source, path
        self._divides = np.zeros(256, bool)  # bytes beside which a field begins or ends
        self._divides[[*b"\r\n", ord(delimiter)]] = True
        # What comes next stands in quotes, which were opened in a line; the byte before it, and its line.
        self._is_quoted, self._opened, self._last, self._line = False, 1, b"\n", 1
        # Quotes at the end of what came: what they are is seen by the byte behind them.
        self._held, self._is_first = b"", True

    def readable(self) -> bool:
        """Say that it may be read."""
        return True

    def close(self) -> None:
        """Leave the source to whoever holds it."""
        self.closed = True

    def read(self, number: int = -1) -> bytes:
        """Return the next bytes.

        Raises:
            Refusal: a quote is not closed, or something stands behind one in its field.

        """
        data: bytes = self._source.read(number)
        if data:
            whole = self._held + (data.removeprefix(_MARK) if self._is_first else data)
            self._is_first = False
            known = whole.rstrip(b'"')
            self._held = whole[len(known) :]
            self._look(known)
        else:
            self._look(self._held + b"\n")
            self._held = b""
            if self._is_quoted:
                raise self._fault(self._opened, "a quote is not closed")
        return data

    def _look(self, data: bytes) -> None:
        if not data:
            return
        before = self._last + data
        signs = np.frombuffer(before, np.uint8)
        quotes = np.flatnonzero(signs == _QUOTE)
        opening, closing = (quotes[1::2], quotes[::2]) if self._is_quoted else (quotes[::2], quotes[1::2])
        begins, ends = self._divides[signs[opening - 1]], self._divides[signs[closing + 1]]
        # Of two in a row, which stand for one, the first seems to close, and the second to open.
        if (begins | (signs[opening - 1] == _QUOTE)).all() and (ends | (signs[closing + 1] == _QUOTE)).all():
            self._is_quoted ^= len(quotes) % 2 == 1
            if begins.any():
                self._opened = self._line_of(before, int(opening[begins][-1]))
        elif self._is_quoted or self._divides[signs[quotes - 1]].any():
            self._walk(before, quotes.tolist())
        self._line += data.count(b"\n")
        self._last = data[-1:]

    def _walk(self, before: bytes, quotes: list[int]) -> None:
        """Look at quotes one by one, as where fields that stand in none hold some."""
        divides = self._divides.tolist()
        second = opened = 0
        for at in quotes:
            if at == second:
                continue
            if not self._is_quoted:
                if divides[before[at - 1]]:
                    self._is_quoted, opened = True, at
            elif before[at + 1] == _QUOTE:
                second = at + 1
            elif not divides[before[at + 1]]:
                raise self._fault(self._line_of(before, at), "something stands behind a quote that is closed")
            else:
                self._is_quoted = False
        if opened:
            self._opened = self._line_of(before, opened)

    def _line_of(self, before: bytes, at: int) -> int:
        return self._line + before.count(b"\n", 1, at)

    def _fault(self, line: int, cause: str) -> Refusal:
        return refuse("config", f"{self._path}, line {line:,}: {cause}", "write a quote within quotes twice")
