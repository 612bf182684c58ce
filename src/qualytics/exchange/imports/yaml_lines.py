"""YAML of other tools: texts as they are written, mappings with the lines of their keys; bounded, and no tags."""

from __future__ import annotations

from typing import Any

from qualytics.service.foreign.entries import Unreadable

_MAX_DEPTH = 32
_MAX_NODES = 500_000


class Mapping(dict[str, Any]):
    """A mapping; `lines` are those of its keys, `doubled` the keys that stand twice in it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}
        self.doubled: list[str] = []


def load(text: str) -> Any:
    """Return mappings, lists and texts; null is an empty text, and a number or a date is as it is written.

    Raises:
        Unreadable: it is not YAML, too deep, or grows too large by its aliases; nothing of it is repeated but where.

    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_depth(yaml, yaml.parse(text, Loader=loader))
        node = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        raise Unreadable(f"not YAML at line {mark.line + 1} column {mark.column + 1}" if mark else "not YAML") from None
    except (yaml.YAMLError, ValueError):
        raise Unreadable("not YAML") from None
    return _Builder(yaml).value(node, 1) if node is not None else ""


def _check_depth(yaml: Any, events: Any) -> None:
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise Unreadable(f"nested deeper than {_MAX_DEPTH} levels")


class _Builder:
    def __init__(self, yaml: Any) -> None:
        self._yaml = yaml
        self._nodes = 0

    def value(self, node: Any, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES or depth > _MAX_DEPTH:
            raise Unreadable("too large, or its aliases make it so")
        if isinstance(node, self._yaml.MappingNode):
            return self._mapping(node, depth)
        if isinstance(node, self._yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        return "" if node.tag.endswith(":null") else str(node.value)

    def _mapping(self, node: Any, depth: int) -> Mapping:
        mapping, merged = Mapping(), []
        for key_node, value_node in node.value:
            if key_node.tag.endswith(":merge"):
                merged.append(self.value(value_node, depth + 1))
                continue
            key = str(key_node.value) if isinstance(key_node, self._yaml.ScalarNode) else "?"
            if key in mapping:
                mapping.doubled.append(key)
            mapping[key] = self.value(value_node, depth + 1)
            mapping.lines[key] = key_node.start_mark.line + 1
        for one in merged:
            for part in one if isinstance(one, list) else [one]:
                for key, value in part.items() if isinstance(part, Mapping) else ():
                    mapping.setdefault(key, value)
        return mapping
