"""YAML from files of others, read strictly: no aliases, tags or doubled keys, bounded, with the line of each key."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 32
_MAX_NODES = 100_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PREFIX = "tag:yaml.org,2002:"
_CONSTRUCTORS: dict[str, Callable[[str], Any]] = {
    "null": lambda _text: None,
    "bool": lambda text: text.lower() in {"true", "yes", "on"},
    "int": lambda text: int(text, 10),
    "float": float,
}


class YamlFault(ValueError):
    """What is wrong with a text, and in which line; it repeats no value, which may be a secret."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class Mapping(dict[str, Any]):
    """A mapping of a file; `lines` has the line of each key, `line` that of itself."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


@lru_cache(maxsize=256)
def _shared(lines: tuple[tuple[str, int], ...]) -> dict[str, int]:
    # Thousands of files of one type have their keys in the same lines.
    return dict(lines)


def load(text: str) -> Any:
    """Return the value of a text of one document: mappings, lists, texts, numbers, true, false and null.

    Raises:
        YamlFault: it is not YAML, or holds what is refused.

    """
    loader = _LOADER(text)
    try:
        return _Reader(loader).document()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        raise YamlFault(exc.problem or "not YAML", mark.line + 1 if mark else 1) from None
    except yaml.YAMLError:
        raise YamlFault("holds a character that YAML does not allow", 1) from None
    finally:
        loader.dispose()


class _Reader:
    """Builds a value from the events of a parser, one after the other: an alias is refused before it is followed."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._next: Callable[[], Any] = loader.get_event
        self._nodes = 0

    def document(self) -> Any:
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        value = self._value(self._next(), 1)
        self._next()  # the end of the document
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            raise YamlFault("holds more than one document", after.start_mark.line + 1)
        return value

    def _value(self, event: Any, depth: int) -> Any:
        line = event.start_mark.line + 1
        self._nodes += 1
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise YamlFault("holds an anchor or an alias, which is not taken here", line)
        if depth > MAX_DEPTH or self._nodes > _MAX_NODES:
            raise YamlFault(f"is nested deeper than {MAX_DEPTH} levels, or holds too much", line)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, line)
        if event.tag not in {None, f"{_PREFIX}map", f"{_PREFIX}seq"}:
            raise YamlFault("holds a tag, which is not taken here", line)
        return self._mapping(line, depth) if isinstance(event, yaml.MappingStartEvent) else self._list(depth)

    def _list(self, depth: int) -> list[Any]:
        items = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value(event, depth + 1))
        return items

    def _mapping(self, line: int, depth: int) -> Mapping:
        mapping = Mapping(line)
        lines = []
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            at = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None:
                raise YamlFault("a key must be a text", at)
            if event.value in mapping:
                raise YamlFault("a key stands twice in one mapping", at)
            key = sys.intern(event.value)
            mapping[key] = self._value(self._next(), depth + 1)
            lines.append((key, at))
        mapping.lines = _shared(tuple(lines))
        return mapping

    def _scalar(self, event: Any, line: int) -> Any:
        text: str = event.value
        if event.tag is not None:
            if event.tag != f"{_PREFIX}str":
                raise YamlFault("holds a tag, which is not taken here", line)
            return text
        if not event.implicit[0]:
            return text
        tag = self._loader.resolve(yaml.ScalarNode, text, (True, False)).removeprefix(_PREFIX)
        try:
            return _CONSTRUCTORS.get(tag, str)(text)
        except (ValueError, OverflowError):  # as 0x10, 1:30 or .inf: no number of a connection is written so
            return text
