"""Names that look alike to people, whatever alphabets their letters are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qualytics.store.tables.accounts import Accounts, User

# So many names a new one is compared with by its look: a few milliseconds.
MAX_COMPARED = 2_000


def similar_user(accounts: Accounts, name: str, besides: int | None = None) -> User | None:
    """Return another user whose name looks the same (UTS #39), None when there is none."""
    looks = text.looks(name)
    return next((user for user in accounts.users() if user.id != besides and looks & text.looks(user.name)), None)


def warnings(what: str, name: str, others: Iterable[tuple[int, str]], besides: int) -> tuple[str, ...]:
    """Return the warning that the new name of a record, a connection or datastore, looks like another's, if it does."""
    looks = text.looks(name)
    similar = next(((id_, other) for id_, other in others if id_ != besides and looks & text.looks(other)), None)
    return () if similar is None else (f"the name looks like that of {what} {similar[0]}, {similar[1]!r}",)
