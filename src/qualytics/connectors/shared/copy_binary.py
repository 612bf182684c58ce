"""Rows of PostgreSQL's binary COPY as Arrow arrays: the values of a column all at once, in numpy.

The layout is that of PostgreSQL's documentation, "COPY", "Binary Format", and of the send function of each type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qualytics.connectors.shared.columns import Column, native, size_of

if TYPE_CHECKING:
    import pyarrow as pa

    from qualytics.connectors.shared.columns import Block
    from qualytics.connectors.shared.copy_stream import Rows

# Neighbours of fixed sizes that are read together: fewer take no less time, and NULL in one of them makes it lost.
_MIN_RUN, _MAX_RUN = 2, 8
# What is read at once begins within a row: behind the last one stand as many bytes as eight columns of 16 bytes have.
MARGIN = _MAX_RUN * 20


class _Run(Column):
    """A column of numbers among others, of which no row lacks one: all of them stand at the same places of `records`."""

    def __init__(self, records: Any, start: int, one: pa.Field, first_row: int) -> None:
        self._records, self._start = records, start
        self.one, self.first_row = one, first_row
        self.has_nulls = False
        self.is_null = np.False_

    def __len__(self) -> int:
        return len(self._records)

    def numbers(self, kind: str, offset: int = 0) -> Any:
        return self._records.getfield(np.dtype(kind), self._start + offset).astype(native(kind))


class Layout:
    """Where the columns of a schema stand in rows."""

    def __init__(self, schema: pa.Schema) -> None:
        self._width = len(schema)
        self._runs = [(run, sum(4 + size_of(one.type) for one in run)) for run in _runs(schema)]

    def columns(self, rows: Rows, first_row: int) -> list[Column]:
        """Return the columns of rows, at least one; in messages rows count from 1.

        Raises:
            ValueError: they do not hold such columns.

        """
        block, at, ends = rows
        if not (block.numbers(">i2", at) == self._width).all():
            raise ValueError("a row of COPY has other columns than were described")
        at = at + 2
        result: list[Column] = []
        for run, size in self._runs:
            if (found := _run(block, at, run, size, first_row)) is not None:
                result += found
                at = at + size
                continue
            for one in run:
                if at[-1] + 4 > ends[-1]:
                    raise ValueError("a row of COPY ends before its last column")
                sizes = block.numbers(">i4", at)
                at = at + 4
                result.append(Column(block, at, sizes, one, first_row))
                at = at + result[-1].sizes
        if not (at == ends).all():
            raise ValueError("a row of COPY does not end where its last column does")
        return result


def _runs(schema: pa.Schema) -> list[list[pa.Field]]:
    """Return the fields, neighbours whose values have fixed sizes together."""
    result: list[list[pa.Field]] = []
    for one in schema:
        is_next = result and size_of(one.type) and size_of(result[-1][-1].type) and len(result[-1]) < _MAX_RUN
        if is_next:
            result[-1].append(one)
        else:
            result.append([one])
    return result


def _run(block: Block, at: Any, run: list[pa.Field], size: int, first_row: int) -> list[Column] | None:
    """Return the columns of a run, read together; None where they have not all the same size in all rows."""
    if len(run) < _MIN_RUN:
        return None
    records = block.records(f"V{size}", at)
    result: list[Column] = []
    start = 0
    for one in run:
        own = size_of(one.type)
        if not (records.getfield(">i4", start) == own).all():
            return None
        result.append(_Run(records, start + 4, one, first_row))
        start += 4 + own
    return result
