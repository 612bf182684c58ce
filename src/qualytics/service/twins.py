"""Names that look alike to people, whatever alphabets their letters are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics import text

if TYPE_CHECKING:
    from qualytics.store.people import People, User


def twin_of(people: People, name: str, besides: int | None = None) -> User | None:
    """Return another user whose name looks the same (UTS #39), None when there is none."""
    looks = text.looks(name)
    return next((user for user in people.users() if user.id != besides and looks & text.looks(user.name)), None)
