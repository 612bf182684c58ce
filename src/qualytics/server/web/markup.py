"""Parts of pages that stand in each row of long lists, made without templates, in a fifth of the time."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qualytics.types import ConnectionState

# So many tags of a connection stand in its row; all stand on its own page.
_TAGS_SHOWN = 12
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_STATES = {"works": "works", "fails": "fails", "unknown": "unknown · changed since its test", "never": "never tested"}


def ago(moment: str, now: datetime | None = None) -> str:
    """Return how long ago a moment, as RFC 3339 writes it, was: `2 h ago`."""
    seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(moment)).total_seconds()
    return next((f"{seconds // size:.0f} {unit} ago" for size, unit in _UNITS if seconds >= size), "just now")


def time(moment: str, words: str = "") -> Markup:
    """Return how long ago a moment was, behind some words, with the exact one beside it."""
    exact = escape(moment)
    return Markup(f'<time datetime="{exact}" title="{exact}">{escape(words)}{ago(moment)}</time>')  # noqa: S704 - all of it is escaped


def state(found: ConnectionState | None) -> Markup:
    """Return how a connection does: in a word, a shape, and since when and why."""
    name = found["state"] if found else "never"
    why = f" · {escape(str(found['class']))} at {escape(str(found['stage']))}" if found and name == "fails" else ""
    since = f" · {time(found['since'], 'since ')}" if found and found["since"] else ""
    return Markup(f'<span class="state" data-state="{name}">{_STATES[name]}{why}{since}</span>')  # noqa: S704 - all of it is escaped


def connection_rows(root: str, items: Iterable[Mapping[str, Any]], states: Mapping[int, ConnectionState]) -> Markup:
    """Return the rows of a list of connections; `root` is what the addresses of all pages begin with."""
    root = escape(root)
    return Markup("\n".join(_connection_row(root, one, states.get(one["id"])) for one in items))  # noqa: S704 - all of it is escaped


def _connection_row(root: str, one: Mapping[str, Any], found: ConnectionState | None) -> str:
    tested = time(found["at"]) if found and found["at"] else ""
    tags, others = ", ".join(one["tags"][:_TAGS_SHOWN]), len(one["tags"]) - _TAGS_SHOWN
    return (
        f'<tr><th scope="row"><a href="{root}/connections/{one["id"]}">{escape(one["name"])}</a></th>'
        f'<td>{state(found)}</td><td>{escape(one["type"])}</td><td data-name="tested">{tested}</td>'
        f'<td data-name="owner">{escape(one["owner"] or "")}</td>'
        f'<td data-name="tags">{escape(tags)}{f" and {others} more" if others > 0 else ""}</td></tr>'
    )
