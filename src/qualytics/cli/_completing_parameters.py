"""Completion inside `--parameters '{…`: names of the type's parameters, then their values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.cli._records import WORD, RecordArgument
from qualytics.model import Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import click

_TEXT = r'"((?:[^"\\]|\\.)*)"'
_VALUE = rf'(?:{_TEXT}|[^\s",{{}}\[\]]+)'
# An object up to the entry that is being typed; one inside another has no names that are known.
_WHOLE_ENTRIES = re.compile(rf"\s*\{{(?:\s*{_TEXT}\s*:\s*{_VALUE}\s*,)*\s*")
_NAME = re.compile(r'(?:"([^"\\]*)"?)?')
_BEFORE_VALUE = re.compile(rf"{_TEXT}\s*:\s*")
_DONE = re.compile(rf"{_TEXT}\s*")


def complete(ctx: click.Context, _param: click.Parameter, text: str) -> list[str]:
    """Return what may stand next in the object, each as the whole text so far.

    A shell closes the quote after a single candidate; of two it takes what both begin with, and leaves it open.
    """
    entries = _WHOLE_ENTRIES.match(text)
    if entries is None:
        return []
    start, rest = text[: entries.end()], text[entries.end() :]
    document = _type_document(ctx)
    if document is None:
        return []
    used = {name for name, _ in re.findall(rf"{_TEXT}\s*:\s*{_VALUE}", start)}
    params = {param["name"]: param for param in document["parameters"] if param["name"] not in used}
    if before := _BEFORE_VALUE.match(rest):
        param = params.get(before[1])
        return [] if param is None else [start + before[0] + end for end in _values(param, rest[before.end() :])]
    return [start + end for end in _names(params, rest)]


def _names(params: Mapping[str, Any], rest: str) -> Iterator[str]:
    # The only name that fits goes on to its values.
    match = _NAME.fullmatch(rest)
    if match is None:
        return
    is_whole = bool(_DONE.fullmatch(rest))
    begun = match[1] or ""
    fitting = [name for name in params if (name == begun if is_whole else name.startswith(begun))]
    if len(fitting) == 1:
        yield from (f'"{fitting[0]}": {value}' for value in _values(params[fitting[0]], ""))
    else:
        yield from (f'"{name}"' for name in fitting)


def _values(param: Mapping[str, Any], begun: str) -> list[str]:
    if param["choices"]:
        whole = [f'"{choice}"' for choice in param["choices"]]
    elif param["type"] == "boolean":
        whole = ["true", "false"]
    else:
        return [start for start in _starts(param["type"]) if start.startswith(begun)]
    fitting = [value for value in whole if value.startswith(begun)]
    return [f"{fitting[0]}}}", f'{fitting[0]}, "'] if len(fitting) == 1 else fitting


def _starts(type_name: str) -> Sequence[str]:
    # A value of one's own, or a reference to a variable.
    return ('"', '"${') if type_name == "text" else ("", '"${')


def _type_document(ctx: click.Context) -> Any:
    from qualytics import client
    from qualytics.cli import _completing

    if type_name := ctx.params.get("type"):
        return client.type_document(str(type_name))
    record = _record(ctx)
    type_name = None if record is None else _completing.in_time(lambda: client.known_type(record))
    return None if type_name is None else client.type_document(type_name)


def _record(ctx: click.Context) -> int | str | None:
    argument = next((param for param in ctx.command.params if isinstance(param, RecordArgument)), None)
    if argument is None:
        return None
    # The parser stops at the option that waits for its value, before it gives the word to the argument.
    word = ctx.params.get(WORD) or next(iter(ctx.args), None)
    return Word(word) if word else ctx.params.get("record_id") or ctx.params.get(argument.name_param or "")
