"""Unseen characters at the edges of a secret: a line end or a blank that came along. Nothing else of it is shown."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from qualytics.fields import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.secret import Secret

_LINE_ENDS = frozenset("\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029")


def edges_hint(secrets: Mapping[str, Secret]) -> str | None:
    """Return a hint on secrets that begin or end with what is seldom meant; None when there are none.

    Texts of many lines and JSON, as keys are, may end so.
    """
    hints = [
        f"the {BY_NAME[name].noun} {where} with {what}"
        for name, secret in secrets.items()
        for where, what in _edges(secret.reveal())
    ]
    return f"{' and '.join(hints)}: give it without, if that is no part of it" if hints else None


def _edges(text: str) -> list[tuple[str, str]]:
    inner = text.strip()
    if not inner or inner.startswith("{") or len(inner.splitlines()) > 1:
        return []
    before, after = text[: text.index(inner)], text[text.index(inner) + len(inner) :]
    edges = {"begins": before or inner[0], "ends": after or inner[-1]}
    return [(where, what) for where, edge in edges.items() if (what := _unseen(edge))]


def _unseen(edge: str) -> str | None:
    if _LINE_ENDS & set(edge):
        return "a line end"
    if edge.isspace():
        return "a blank"
    return "a character that cannot be seen" if unicodedata.category(edge[0]) in {"Cf", "Cc"} else None
