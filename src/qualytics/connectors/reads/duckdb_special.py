"""Values of DuckDB that Arrow has none for: infinite dates and 24:00, in columns and within lists, structs and maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

# The functions of pyarrow.compute, which takes a fifth of the start of a read to make a function of Python of each.
from pyarrow._compute import call_function

from qualytics.connectors.shared import arrow

if TYPE_CHECKING:
    from collections.abc import Iterator

DATED = ("DATE", "TIMESTAMP")
# How DuckDB writes them into Arrow: infinity as the last and, negative, the first numbers but one.
_LAST_DAY, _LAST_MOMENT, _END_OF_DAY = (1 << 31) - 1, (1 << 63) - 1, 86_400_000_000
_INFINITE, _MIDNIGHT = "an infinite date", "24:00, the end of a day"
_WITHIN = ("list", "array", "struct", "tuple", "map")
_HINT = "--special text reads the whole column as text"


def leaves(type_: Any) -> Iterator[Any]:
    """Yield the types within a type of DuckDB, or itself."""
    if type_.id not in _WITHIN:
        yield type_
        return
    for name, child in type_.children:
        if name != "size":  # of an array
            yield from leaves(child)


def look(name: str, type_: Any) -> str | None:
    """Return the condition that a column has such values; None where its type has none."""
    within = [str(one) for one in leaves(type_)]
    if type_.id in _WITHIN:
        words = [word for words, word in ((DATED, "infinity"), (("TIME",), "24:00:00")) if any(map(_is(words), within))]
        return " or ".join(f"contains({name}::varchar, '{word}')" for word in words) or None
    if _is(DATED)(within[0]):
        return f"not isfinite({name})"
    return f"{name} = '24:00:00'::time" if within[0] == "TIME" else None


def _is(words: tuple[str, ...]) -> Any:
    return lambda name: name.startswith(words)


def may_have(kind: pa.DataType) -> bool:
    """Say whether an Arrow type is one whose numbers may stand for such values."""
    if pa.types.is_nested(kind):
        return any(may_have(kind.field(number).type) for number in range(kind.num_fields))
    return bool(_ends(kind))


def without(column: pa.Array, one: pa.Field, special: str, first: int) -> pa.Array:
    """Return a column in which such values are null, if that is asked for.

    Raises:
        Refusal: there is one, or one that stands within another value.

    """
    if not _has(column):
        return column
    if pa.types.is_nested(column.type):
        row = next(number for number in range(len(column)) if _has(column.slice(number, 1)))
        what = next(_what(leaf.type) for leaf in _leaves(column) if _has(leaf))
        raise arrow.unfit(one.name, first + row, arrow.Unfit(what, _HINT, is_special=False))
    where = _where(column)
    if special == "null":
        return call_function("if_else", [where, pa.scalar(None, column.type), column])
    raise arrow.unfit(one.name, first + where.index(True).as_py(), arrow.Unfit(_what(column.type)))


def _ends(kind: pa.DataType) -> tuple[int, ...]:
    """Return the numbers that stand for such values in an Arrow type."""
    if pa.types.is_date32(kind):
        return _LAST_DAY, -_LAST_DAY
    if pa.types.is_time64(kind):
        return (_END_OF_DAY,)
    return (_LAST_MOMENT, -_LAST_MOMENT) if pa.types.is_timestamp(kind) else ()


def _what(kind: pa.DataType) -> str:
    return _MIDNIGHT if pa.types.is_time64(kind) else _INFINITE


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    """Yield what a column holds that is no list, struct or map; NULL has nothing within."""
    kind = column.type
    if pa.types.is_struct(kind):
        for part in column.flatten():
            yield from _leaves(part)
    elif pa.types.is_map(kind):
        for part in pa.ListArray.from_arrays(column.offsets, column.keys), column.items:
            yield from _leaves(part)
    elif pa.types.is_nested(kind):
        yield from _leaves(column.flatten())
    else:
        yield column


def _has(column: pa.Array) -> bool:
    if pa.types.is_nested(column.type):
        return any(map(_has, _leaves(column)))
    ends = _ends(column.type)
    if not ends or not len(column):
        return False
    found = call_function("min_max", [_numbers(column)])
    return bool(found["max"].as_py() == ends[0] or found["min"].as_py() == ends[-1])


def _where(column: pa.Array) -> pa.Array:
    numbers = _numbers(column)
    first, *rest = (call_function("equal", [numbers, pa.scalar(end, numbers.type)]) for end in _ends(column.type))
    return call_function("or", [first, *rest]) if rest else first


def _numbers(column: pa.Array) -> pa.Array:
    return column.view(pa.int32() if pa.types.is_date32(column.type) else pa.int64())
