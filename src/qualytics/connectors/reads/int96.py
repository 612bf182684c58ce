"""Timestamps of INT96 in Parquet, which has no unit: read in microseconds and in nanoseconds, they become what holds both.

Few files have such; this brings pyarrow.compute, whose import is a fifth of the start of a read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import compute

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared import arrow

if TYPE_CHECKING:
    from collections.abc import Iterator

# Nanoseconds of INT96 are beyond microseconds; with years beyond these, in microseconds, no timestamp holds both.
_DIGITS, _FAR = "digits of nanoseconds", "years beyond 1677 to 2262"
_FAR_US = ((1 << 63) - 1) // 1_000


def kinds_of(micros: pa.Array, nanos: pa.Array) -> set[str]:
    """Return what of timestamps needs another type than microseconds."""
    found = {_DIGITS: compute.not_equal(_digits(micros, nanos), 0), _FAR: _far(micros)}
    return {what for what, where in found.items() if compute.any(where).as_py()}


def field(one: pa.Field, kinds: set[str]) -> pa.Field:
    """Return the column that holds timestamps of these kinds."""
    if kinds == {_DIGITS}:
        return arrow.field(one.name, pa.timestamp("ns"), "INT96")
    if kinds == {_DIGITS, _FAR}:
        return arrow.field(one.name, pa.string(), "INT96", f"as text: {_DIGITS}, and {_FAR}")
    return arrow.field(one.name, one.type, "INT96")


def exact(micros: pa.Array, nanos: pa.Array, one: pa.Field, first: int) -> pa.Array:
    """Return timestamps of INT96 as what a column is read as.

    Raises:
        Refusal: a value does not fit.

    """
    if pa.types.is_nested(micros.type):
        for inner, same in zip(_leaves(micros), _leaves(nanos), strict=True):
            if pa.types.is_timestamp(inner.type) and compute.any(compute.not_equal(_digits(inner, same), 0)).as_py():
                raise refuse(
                    "config", f"column {one.name!r}, from row {first:,}: {_DIGITS} of INT96 in lists or structs"
                )
        return micros
    digits = _digits(micros, nanos)
    if pa.types.is_string(one.type):
        texts = compute.utf8_lpad(digits.cast(pa.string()), 3, "0")
        return compute.binary_join_element_wise(micros.cast(pa.string()), texts, "")
    is_nanos = one.type == pa.timestamp("ns")
    unfit = _far(micros) if is_nanos else compute.not_equal(digits, 0)
    if compute.any(unfit).as_py():
        row = first + compute.index(unfit, True).as_py()
        raise arrow.unfit(one.name, row, arrow.Unfit(_FAR if is_nanos else _DIGITS))
    return nanos if is_nanos else micros


def _digits(micros: pa.Array, nanos: pa.Array) -> pa.Array:
    """Return the nanoseconds beyond microseconds; both products wrap around, so that they are right in any year."""
    thousand = compute.multiply(micros.cast(pa.int64()), pa.scalar(1_000, pa.int64()))
    return compute.subtract(nanos.cast(pa.int64()), thousand)


def _far(micros: pa.Array) -> pa.Array:
    number = micros.cast(pa.int64())
    return compute.or_(compute.less(number, -_FAR_US), compute.greater(number, _FAR_US))


def _leaves(array: pa.Array) -> Iterator[pa.Array]:
    if pa.types.is_struct(array.type):
        for part in array.flatten():
            yield from _leaves(part)
    elif pa.types.is_nested(array.type):
        yield from _leaves(array.values if pa.types.is_map(array.type) else array.flatten())
    else:
        yield array
