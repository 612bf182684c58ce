"""What `--columns` names: keys, parts of objects as `parameters.role`, and the columns of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.errors import UsageError
from qualytics.structs import Struct
from qualytics.text import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from qualytics.cli._formats.views import Document, Source, View


class Column(Struct):
    """A column: what it is called, and what stands in it of a document."""

    name: str
    take: Callable[[Document], Any]


def of_table(sources: Mapping[str, Source]) -> tuple[Column, ...]:
    """Return columns of a table, or of keys that are named as they are."""
    return tuple(Column(name, _taken(source)) for name, source in sources.items())


def of_keys(keys: Iterable[str]) -> tuple[Column, ...]:
    """Return a column for each key."""
    return tuple(Column(key, _key(key)) for key in keys)


def parse(text: str, view: View, *, is_table: bool) -> tuple[Column, ...]:
    """Return the columns that a comma list names, in its order.

    A name that is both a key and a column of the table means the latter in a table, the former elsewhere.

    Raises:
        UsageError: there is no such column in the documents of the command.

    """
    own = view.columns | view.more
    sources = _keys(view) | own if is_table else own | _keys(view)
    names = dict.fromkeys(filter(None, map(str.strip, text.split(","))))
    if not names:
        raise UsageError("--columns names no column", f"there are {', '.join(sources)}" if sources else None)
    return tuple(_column(name, view, sources) for name in names)


def names(view: View) -> tuple[str, ...]:
    """Return every name that `--columns` takes, but for those inside objects that hold anything."""
    return tuple(_keys(view) | view.columns | view.more)


def _keys(view: View) -> dict[str, Source]:
    return {name: name for key in view.keys for name in (key, *(f"{key}.{part}" for part in view.parts.get(key, ())))}


def _column(name: str, view: View, sources: Mapping[str, Source]) -> Column:
    for known in (name, name.lower()):  # a header, as it stands in a table, is upper case
        if known in sources:
            return Column(known, _taken(sources[known]))
    first, _, inner = name.partition(".")
    if not view.keys or (inner and view.parts.get(first) == ()):
        return Column(name, _taken(name))
    near = nearest(name, sources)
    hint = f"there are {', '.join(sources)}"
    raise UsageError(f"--columns: there is no column {name!r}", f"did you mean {near}? {hint}" if near else hint)


def _taken(source: Source) -> Callable[[Document], Any]:
    if not isinstance(source, str):
        return source
    return _path(source) if "." in source else _key(source)


def _key(key: str) -> Callable[[Document], Any]:
    return lambda document: document.get(key)


def _path(path: str) -> Callable[[Document], Any]:
    first, _, rest = path.partition(".")
    # A parameter may have a dot in its own name, as those of JDBC drivers have.
    return lambda document: _inside(document.get(first), rest)


def _inside(value: Any, path: str) -> Any:
    if isinstance(value, list):
        return [_inside(one, path) for one in value]
    if not isinstance(value, dict):
        return None
    if path in value:
        return value[path]
    first, _, rest = path.partition(".")
    return _inside(value.get(first), rest) if rest else None
