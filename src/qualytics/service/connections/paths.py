"""Files that a connection names, looked for when it is stored: a missing one is told before the first test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from qualytics.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics.connectors.contract import Connector

_TILDE = "; only the shell expands ~, and not inside quotes: write the path in full"


def require_files(connector: Connector, given: Mapping[str, Any]) -> None:
    """Refuse a parameter that names a file which is not there; call it where such parameters are allowed.

    Raises:
        InvalidInput: with each of them.

    """
    parameters = {str(key).casefold(): value for key, value in (given.get("parameters") or {}).items()}
    if problems := list(_missing(connector, parameters)):
        raise InvalidInput(problems)


def warnings(
    connector: Connector, values: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    """Return warnings about the files that a connection names: one that is not there yet, or an editor's backup.

    `before` are the values that an update changes: what they named already is not told again.
    """
    told = {*_files(connector, before)} if before is not None else ()
    return tuple(text for path in _files(connector, values) if path not in told for text in _doubts(path))


def _files(connector: Connector, values: Mapping[str, Any]) -> Iterator[str]:
    if connector.kind == "embedded" and values.get("uri"):
        yield values["uri"]
    parameters = values.get("parameters") or {}
    for param in connector.params:
        value = parameters.get(param.name)
        if value and param.is_path:
            yield value
        elif value and param.names_files:
            yield from value


def _doubts(path: str) -> Iterator[str]:
    if not os.path.exists(path):
        yield f"there is no file {path}{_TILDE if '~' in path.split(os.sep) else ''}"
    elif path.endswith("~"):
        yield f"{path} ends with ~, as the backup of an editor does"


def _missing(connector: Connector, parameters: Mapping[str, Any]) -> Iterator[Problem]:
    for param in connector.params:
        path = parameters.get(param.name)
        if param.is_path and isinstance(path, str) and not os.path.exists(path):
            hint = f"check {param.name}{_TILDE if path.startswith('~') else ', which holds PEM certificates'}"
            yield Problem(f"parameters.{param.name}", f"there is no file {path}", hint)
