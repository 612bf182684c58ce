"""Arrays of PostgreSQL, as its function array_send writes them, as lists of Arrow: their elements are one column more."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.columns import Column

if TYPE_CHECKING:
    from collections.abc import Callable

# Bytes before the first element: dimensions, flags and type, then for each dimension its length and lower bound.
_HEAD, _LENGTH_AT, _BOUND_AT, _FIRST_AT = 12, 12, 16, 20
_SIZE = struct.Struct(">i")
_HINT = "read it as text: --sql 'select …::text …'"


def lists(column: Column, make: Callable[[Column], pa.Array]) -> pa.Array:
    """Return the lists of a column, of whose elements `make` makes an array.

    Raises:
        Refusal: an array has more than one dimension, or another first index than 1, which no list can tell.

    """
    dimensions = np.where(column.is_null, 0, column.numbers_at(">i4", column.at))
    _require(column, dimensions <= 1, "an array of more than one dimension")
    has_elements = dimensions == 1
    # Of an empty array, or NULL, what is read here belongs to another value.
    lengths = np.where(has_elements, column.numbers_at(">i4", np.where(has_elements, column.at + _LENGTH_AT, 0)), 0)
    bounds = column.numbers_at(">i4", np.where(has_elements, column.at + _BOUND_AT, 0))
    _require(column, ~has_elements | (bounds == 1), "an array whose first index is not 1")
    offsets = np.zeros(len(column) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    starts, sizes = _places(column, lengths)
    if len(starts):
        elements = make(_Elements(column, starts, sizes, np.repeat(np.arange(len(column)), lengths)))
    else:
        elements = pa.nulls(0, column.one.type.value_type)
    return column.array(offsets.astype(np.int32), [elements])


def _require(column: Column, is_kept: Any, what: str) -> None:
    if not is_kept.all():
        raise column.unfit(~is_kept, arrow.Unfit(what, _HINT, is_special=False))


def _places(column: Column, lengths: Any) -> tuple[Any, Any]:
    """Return where elements stand, and their sizes, -1 of those that are NULL.

    Raises:
        ValueError: they do not end where their array does.

    """
    block = column.block.bytes.data
    starts: list[int] = []
    sizes: list[int] = []
    for at, size, length in zip(column.at.tolist(), column.sizes.tolist(), lengths.tolist(), strict=True):
        end, place = at + size, at + (_FIRST_AT if length else _HEAD)
        for _ in range(length):
            (own,) = _SIZE.unpack_from(block, place)
            place += _SIZE.size
            starts.append(place)
            sizes.append(own)
            place += max(own, 0)
        if size and place != end:
            raise ValueError("an array does not end where its last element does")
    return np.array(starts, np.int64), np.array(sizes, np.int64)


class _Elements(Column):
    """The elements of all arrays of a column, each of which knows its row."""

    def __init__(self, column: Column, at: Any, sizes: Any, rows: Any) -> None:
        super().__init__(column.block, at, sizes, column.one.with_type(column.one.type.value_type), column.first_row)
        self._rows = rows

    def row_of(self, number: int) -> int:
        return super().row_of(int(self._rows[number]))
