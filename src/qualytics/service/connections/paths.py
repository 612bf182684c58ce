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


def warnings(connector: Connector, uri: str | None) -> tuple[str, ...]:
    """Return a warning about the database file of a connection, which may be made later, but is not there now."""
    if connector.kind != "embedded" or not uri or os.path.exists(uri):
        return ()
    tilde = _TILDE if "~" in uri.split(os.sep) else ""
    return (f"there is no file {uri}{tilde}",)


def _missing(connector: Connector, parameters: Mapping[str, Any]) -> Iterator[Problem]:
    for param in connector.params:
        path = parameters.get(param.name)
        if param.is_path and isinstance(path, str) and not os.path.exists(path):
            hint = f"check {param.name}{_TILDE if path.startswith('~') else ', which holds PEM certificates'}"
            yield Problem(f"parameters.{param.name}", f"there is no file {path}", hint)
