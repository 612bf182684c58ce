"""The last Admin: what would leave nobody who can sign in and manage users is refused."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qualytics.errors import Conflict
from qualytics.service.clock import now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qualytics.store.tables.accounts import Accounts, User


@contextlib.contextmanager
def one_left(accounts: Accounts, name: str) -> Iterator[None]:
    """Change a user of a name, or their tokens, inside a transaction.

    Raises:
        Conflict: no Admin could sign in afterwards, though one could before.

    """
    had = accounts.has_admin(now())
    yield
    if had and not accounts.has_admin(now()):
        raise _last(name)


def require_another(accounts: Accounts, user: User) -> None:
    """Raise Conflict if no Admin could sign in without this user, though one can with."""
    if accounts.has_admin(now()) and not accounts.has_admin(now(), besides=user.id):
        raise _last(user.name)


def _last(name: str) -> Conflict:
    hint = "make another user Admin first, with a password, a link to the provider or a token"
    return Conflict(f"{name!r} is the last Admin who can sign in", hint)
