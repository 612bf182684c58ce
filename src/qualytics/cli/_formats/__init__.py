"""Every way of writing documents but plain YAML and JSON; imported where one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics.cli._formats import columns as named
from qualytics.cli._formats.views import OF_MANY, VIEWS, View
from qualytics.errors import UsageError

if TYPE_CHECKING:
    from qualytics.cli._output import Format


def choose(command: str, name: str, columns: str | None, expression: str | None, *, is_given: bool) -> Format:
    """Return the format that options ask for; whatever is wrong with them is told before the command does anything.

    `command` is what was called, without the program's name; `is_given` says whether --format was.

    Raises:
        UsageError: options that exclude each other, a column that does not exist, or no expression of jq.

    """
    if expression is not None:
        return _query(name if is_given else "json", columns, expression)
    view = OF_MANY.get(command) or VIEWS.get(command, View())
    from qualytics.cli._formats.rows import Csv, JsonLines, Picked

    chosen = named.parse(columns, view, is_table=name in {"table", "wide"}) if columns is not None else ()
    if name in {"table", "wide"}:
        from qualytics.cli._formats.tables import Table

        return Table(name, view, chosen)
    return {"csv": Csv, "jsonl": JsonLines}.get(name, Picked)(name, view, chosen)


def column_names(command: str) -> tuple[str, ...]:
    """Return what --columns of a command takes, but for what stands in objects that hold anything."""
    return named.names(VIEWS.get(command, View()))


def _query(name: str, columns: str | None, expression: str) -> Format:
    from qualytics.cli._formats.queries import Query, compiled

    if columns is not None:
        raise UsageError("give either --jq or --columns, not both", "jq picks, too: --jq '.[] | {id, name}'")
    if name not in {"json", "jsonl"}:
        raise UsageError(f"--jq prints JSON, not {name}", "leave out --format, or give --format jsonl for short lines")
    compiled(expression)
    return Query(name, expression)
