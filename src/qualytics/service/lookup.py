"""Records by id or by name, for every verb: an int is an id, a text a name, a Word either, as a user typed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from qualytics import text
from qualytics.errors import NotFound, UsageError
from qualytics.model import Word, id_of
from qualytics.service import validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qualytics.model import Connection, Datastore
    from qualytics.store.base import Store
    from qualytics.store.tables.accounts import Accounts, User

# How many names are looked through for one that is like a misspelt one.
MAX_GUESSED = 1_000


class _Record(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=_Record)


def connection(store: Store, record: int | str) -> Connection:
    """Return the connection of an id or a name; case and outer spaces of a name do not count.

    Raises:
        NotFound: there is none; the nearest name is in the hint.
        UsageError: a word of digits is an id, and the name of another connection.

    """
    table = store.connections
    return _one("connection", record, table.get, table.named, lambda: _names(table.names(MAX_GUESSED)))


def datastore(store: Store, record: int | str) -> Datastore:
    """Return the datastore of an id or a name; see `connection`."""
    table = store.datastores
    return _one("datastore", record, table.get, table.named, lambda: _names(table.names(MAX_GUESSED)))


def user(accounts: Accounts, record: int | str) -> User:
    """Return the user or service account of an id or a name; see `connection`."""
    return _one("user", record, accounts.user, accounts.user_named, tuple)


def missing(what: str, record: int | str, guess: str | None = None) -> NotFound:
    """Return the error that there is no record of an id or a name, with the nearest name."""
    listings = {"user": "users list and service-accounts list show", "token": "auth token list shows"}
    listing = listings.get(what, f"{what}s list shows")
    hint = f"did you mean {guess!r}?" if guess else f"qualytics {listing} all"
    return NotFound(f"there is no {what} {record if isinstance(record, int) else repr(str(record))}", hint)


def require_one_meaning(what: str, word: Word, namesake: int | None) -> None:
    """Raise UsageError when a word of digits, which is an id, is the name of a record of another id as well."""
    if namesake is not None and namesake != word.number:
        message = f"{word} could be an id, or the name of {what} {namesake}"
        raise UsageError(message, f"give --id {word.number}, or --id {namesake}")


def _one(
    what: str,
    record: int | str,
    get: Callable[[int], T | None],
    named: Callable[[str], T | None],
    others: Callable[[], Iterable[str]],
) -> T:
    number = id_of(record)
    found = named(validate.fold(record)) if isinstance(record, str) else None
    if isinstance(record, Word) and number is not None:
        require_one_meaning(what, record, None if found is None else found.id)
    if number is not None:
        found = get(number)
    if found is None:
        guess = text.nearest(record, others()) if isinstance(record, str) and number is None else None
        raise missing(what, record if number is None else number, guess)
    return found


def _names(pairs: Iterable[tuple[int, str]]) -> list[str]:
    return [name for _, name in pairs]
