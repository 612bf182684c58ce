"""Secrets of DuckDB: `CREATE SECRET` statements in SQL; those that it stores itself are binary, and are not read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qualytics.service.foreign.entries import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qualytics.exchange.imports.files import File

SECRETS = "duckdb-secrets"
# DuckDB documentation, "CREATE SECRET".
_CREATE = re.compile(
    r"""\bcreate\s+(?:or\s+replace\s+)?(?:(?:persistent|temporary|temp)\s+)?secret\s+(?:if\s+not\s+exists\s+)?
        (?P<name>"[^"]*"|[\w.-]+)?\s*(?:in\s+\w+\s*)?\((?P<body>(?:'(?:[^']|'')*'|"[^"]*"|[^'")])*)\)""",
    re.IGNORECASE | re.VERBOSE,
)
_PAIR = re.compile(r"""\s*(\w+)\s*(?:=>?\s*)?('(?:[^']|'')*'|"[^"]*"|[^\s,'"]+)\s*(?:,|\Z)""")
_COMMENT = re.compile(r"('(?:[^']|'')*'|\"[^\"]*\")|--[^\n]*|/\*.*?\*/", re.DOTALL)


def statements(file: File) -> Iterator[Entry | tuple[str, str]]:
    """Read each `CREATE SECRET` of a file of SQL."""
    # Comments become spaces, so that lines stay.
    text = _COMMENT.sub(lambda match: match[1] or re.sub(r"[^\n]", " ", match[0]), file.text)
    for match in _CREATE.finditer(text):
        place = file.place(text.count("\n", 0, match.start()) + 1)
        values = {key.lower(): _unquoted(value) for key, value in _PAIR.findall(match["body"])}
        word = values.pop("type", "").lower()
        provider = values.pop("provider", "config")
        notes = () if provider.lower() == "config" else ("provider: keys of this machine's own are not carried over",)
        name = (match["name"] or "").strip('"') or None
        yield Entry(name, SECRETS, word, place, values, notes=notes)


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1].replace(value[0] * 2, value[0])
    return value
