"""Names that look alike to people, whatever alphabets their letters are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qualytics.store.tables.accounts import Accounts, User

# So many names a new one is compared with by its look: a few milliseconds.
MAX_COMPARED = 2_000


def twin_of(accounts: Accounts, name: str, besides: int | None = None) -> User | None:
    """Return another user whose name looks the same (UTS #39), None when there is none."""
    looks = text.looks(name)
    return next((user for user in accounts.users() if user.id != besides and looks & text.looks(user.name)), None)


def warnings(what: str, name: str, others: Iterable[tuple[int, str]], besides: int) -> tuple[str, ...]:
    """Return the warning that the new name of a record, a connection or datastore, looks like another's, if it does."""
    looks = text.looks(name)
    twin = next((found for found in others if found[0] != besides and looks & text.looks(found[1])), None)
    return () if twin is None else (f"the name looks like that of {what} {twin[0]}, {twin[1]!r}",)
