"""Rows of a JDBC result, many in one call of Java: a call for each value takes longer than the value.

The loop over rows and columns is put together of method handles (java.lang.invoke.MethodHandles), so that there is no
class of ours to compile; what it gathers comes over as one text.
"""

from __future__ import annotations

import base64
import functools
import itertools
import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Values that one call gathers, at most.
_VALUES = 100_000
# What few texts hold: where one does, the values of its rows come one by one.
_BETWEEN = "\x1e"


def columns(result: Any, is_bytes: Sequence[bool], size: int) -> Iterator[list[list[Any]]]:
    """Yield the rows of a result, at most so many at once, column by column: texts, bytes, and None for NULL."""
    null = secrets.token_hex()  # in the place of NULL: nobody knows it, and so it is no value
    loop, number = _Loop(is_bytes, null), len(is_bytes)
    held: list[list[Any]] = [[] for _ in is_bytes]
    is_last = False
    while not is_last:
        wanted = max(1, min(size - len(held[0]), _VALUES // number))
        values = loop.values(result, wanted)
        is_last = len(values) < wanted * number
        for place, as_bytes in enumerate(is_bytes):
            texts: list[Any] = values[place::number]
            if null in texts:
                texts = [None if text == null else text for text in texts]
            held[place] += [text and base64.b64decode(text) for text in texts] if as_bytes else texts
        if held[0] and (is_last or len(held[0]) == size):
            yield held
            held = [[] for _ in is_bytes]


class _Loop:
    """Gathers values of rows; those of some columns are bytes, and come in base 64."""

    def __init__(self, is_bytes: Sequence[bool], null: str) -> None:
        import jpype

        of = jpype.JClass
        self._join, self._gather = of("java.lang.String").join, of("java.util.ArrayList")
        self._handles, self._type = of("java.lang.invoke.MethodHandles"), of("java.lang.invoke.MethodType").methodType
        self._lookup, self._number = self._handles.publicLookup(), len(is_bytes)
        self._int, self._boolean, self._objects = (
            jpype.JInt.class_,
            jpype.JBoolean.class_,
            of("java.util.Objects").class_,
        )
        self._void = of("java.lang.Void").TYPE
        self._object, self._text = of("java.lang.Object").class_, of("java.lang.String").class_
        self._result, self._list = of("java.sql.ResultSet").class_, self._gather.class_
        self._row = self._of_row(is_bytes, null)
        self._of_rows = functools.cache(self._of_rows_at_most)

    def values(self, result: Any, rows: int) -> list[str]:
        """Return the values of the next rows, row by row."""
        gathered = self._gather(rows * self._number)
        self._of_rows(rows).invokeWithArguments([result, gathered])
        if not (number := int(gathered.size())):
            return []
        texts = str(self._join(_BETWEEN, gathered)).split(_BETWEEN)
        return texts if len(texts) == number else [str(value) for value in gathered]

    def _of_row(self, is_bytes: Sequence[bool], null: str) -> Any:
        """Return a handle of (ResultSet, ArrayList) that adds the values of a row."""
        get = {False: self._get_text(null), True: self._get_bytes(null)}
        runs, start = [], 1
        for as_bytes, run in itertools.groupby(is_bytes):
            end = start + len(list(run))
            runs.append(self._over_columns(get[as_bytes], start, end))
            start = end
        return functools.reduce(lambda first, then: self._handles.foldArguments(then, first), runs)

    def _over_columns(self, get: Any, start: int, end: int) -> Any:
        import jpype

        add = self._lookup.findVirtual(self._list, "add", self._type(self._boolean, self._object))
        add = self._handles.collectArguments(add.asType(self._type(self._void, self._list, self._text)), 1, get)
        of_column = self._type(self._void, self._int, self._result, self._list)
        body = self._handles.permuteArguments(add, of_column, 2, 1, 0)
        bounds = [self._constant(self._int, jpype.JInt(number), self._result, self._list) for number in (start, end)]
        return self._handles.countedLoop(*bounds, None, body)

    def _get_text(self, null: str) -> Any:
        get = self._lookup.findVirtual(self._result, "getString", self._type(self._text, self._int))
        return self._handles.filterReturnValue(get, self._unless_null(self._handles.identity(self._text), null))

    def _get_bytes(self, null: str) -> Any:
        import jpype

        array = jpype.JArray(jpype.JByte).class_
        encoder = jpype.JClass("java.util.Base64").getEncoder()
        encode = self._lookup.bind(encoder, "encodeToString", self._type(self._text, array))
        get = self._lookup.findVirtual(self._result, "getBytes", self._type(array, self._int))
        return self._handles.filterReturnValue(get, self._unless_null(encode, null))

    def _unless_null(self, then: Any, null: str) -> Any:
        """Return a handle of one value that gives `null` for NULL, else what `then` does."""
        kind = then.type().parameterType(0)
        is_null = self._lookup.findStatic(self._objects, "isNull", self._type(self._boolean, self._object))
        is_null = is_null.asType(self._type(self._boolean, kind))
        return self._handles.guardWithTest(is_null, self._constant(self._text, null, kind), then)

    def _of_rows_at_most(self, rows: int) -> Any:
        """Return a handle of (ResultSet, ArrayList) that adds the values of so many rows, or of all that are left."""
        import jpype

        handles, number = self._handles, jpype.JClass("java.lang.Integer").valueOf(rows * self._number)
        equal = self._lookup.findStatic(self._objects, "equals", self._type(self._boolean, self._object, self._object))
        size = self._lookup.findVirtual(self._list, "size", self._type(self._int))
        is_full = handles.insertArguments(equal, 1, number)
        is_full = handles.filterArguments(is_full, 0, size.asType(self._type(self._object, self._list)))
        more = self._lookup.findVirtual(self._result, "next", self._type(self._boolean))
        test = handles.guardWithTest(
            handles.dropArguments(is_full, 0, self._result),
            self._constant(self._boolean, jpype.JBoolean(False), self._result, self._list),  # noqa: FBT003 - a value of Java
            handles.dropArguments(more, 1, self._list),
        )
        return handles.whileLoop(None, test, self._row)

    def _constant(self, kind: Any, value: Any, *arguments: Any) -> Any:
        """Return a handle that gives a value, whatever it is called with."""
        return self._handles.dropArguments(self._handles.constant(kind, value), 0, *arguments)
