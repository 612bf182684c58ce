"""A login where no database was named: into the first of some that lets this user in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_HINT = "name the database to use with --database"


def enter(entrances: Iterable[str | None], log_in: Callable[[str], Any]) -> Any:
    """Return the handle of the first login that succeeds; `log_in` raises a Refusal otherwise.

    Raises:
        Refusal: none did. Its verdict names the databases, which nobody asked for, and says whether one let this user
            in by name and password.

    """
    names = list(dict.fromkeys(name for name in entrances if name))
    refusals = []
    for name in names:
        try:
            return log_in(name)
        except Refusal as exc:
            if exc.verdict.failure_class not in {"unknown_db", "permission"}:
                raise
            refusals.append(exc)
    first = next((exc for exc in refusals if exc.verdict.authenticated), refusals[0])
    cause = f"no database was named, and this user can enter none of {', '.join(map(repr, names))}"
    raise Refusal(replace(first.verdict, cause=cause, hint=_HINT)) from first.__cause__
