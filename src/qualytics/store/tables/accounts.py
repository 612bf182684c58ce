"""Users, their tokens, and sign-ins that are under way: rows that hold hashes, never what was hashed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from qualytics.store.tables import Filters, Table, bounded, only, window
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_USER = ("version", "name", "name_key", "kind", "role", "email", "password_hash", "issuer", "subject", "created")
_TOKEN = ("user_id", "name", "hash", "created", "expires", "last_used", "revoked", "made_by", "is_final")
_GOOD_FIRST = "t.revoked IS NOT NULL OR t.expires <= ?, t.id DESC"
_SELECT_TOKENS = (
    f"SELECT {', '.join(f't.{name} AS {name}' for name in ('id', *_TOKEN))}, u.name AS user_name "  # noqa: S608 - constants only
    "FROM tokens t JOIN users u ON u.id = t.user_id WHERE"
)


class User(Struct, kw_only=True):
    """Somebody who signs in: `kind` is user or service; `issuer` and `subject` are who they are to a provider."""

    name: str
    name_key: str
    kind: str
    role: str
    email: str | None
    password_hash: str | None
    issuer: str | None
    subject: str | None
    created: str
    id: int = 0
    version: int = 1


class Token(Struct, kw_only=True):
    """A token of a user: times are texts that sort as they pass.

    `made_by` is the id of the token that asked for it; one whose end `is_final` cannot be good again.
    """

    user_id: int
    name: str
    hash: str
    created: str
    expires: str
    last_used: str | None = None
    revoked: str | None = None
    made_by: int | None = None
    is_final: bool = False
    user_name: str = ""
    id: int = 0


class SignedIn(Struct):
    """A token and its user, read together at every request."""

    token_id: int
    expires: str
    last_used: str | None
    revoked: str | None
    user_id: int
    user_name: str
    role: str


class Accounts(Table):
    """Users, tokens, steps of sign-ins, and counts of attempts."""

    def user(self, user_id: int) -> User | None:
        """Return the user of that id, None when there is none."""
        return only(self._users("id = ?", (bounded(user_id),)))

    def user_named(self, name_key: str) -> User | None:
        """Return the user of that folded name, None when there is none."""
        return only(self._users("name_key = ?", (name_key,)))

    def user_of(self, issuer: str, subject: str) -> User | None:
        """Return the user whom a provider knows as `subject`, None when there is none."""
        return only(self._users("issuer = ? AND subject = ?", (issuer, subject)))

    def users_with_email(self, email: str) -> list[User]:
        """Return the users who have an address, as it is stored."""
        return list(self._users("email = ?", (email,)))

    def users(
        self, kind: str | None = None, contains: str | None = None, skip: int = 0, limit: int | None = None
    ) -> Iterator[User]:
        """Yield users by id: of one kind, whose folded name contains a text."""
        filters = _user_filters(kind, contains)
        where = f"{filters.where} ORDER BY id LIMIT ? OFFSET ?"
        return self._users(where, (*filters.arguments, *window(limit, skip)))

    def count_users(self, kind: str | None = None, contains: str | None = None) -> int:
        """Count the users that a list asks for."""
        filters = _user_filters(kind, contains)
        return int(self._first(f"SELECT count(*) FROM users WHERE {filters.where}", filters.arguments))  # noqa: S608 - constants only

    def count_role(self, role: str) -> int:
        """Count the users who have a role."""
        return int(self._first("SELECT count(*) FROM users WHERE role = ?", (role,)))

    def has_users(self) -> bool:
        """Say whether there is any user."""
        return bool(self._execute("SELECT 1 FROM users LIMIT 1").all())

    def has_admin(self, now: str, besides: int = 0) -> bool:
        """Say whether an Admin other than one can sign in: has a password, a link to a provider, or a good token."""
        sql = (
            "SELECT 1 FROM users u WHERE u.role = 'Admin' AND u.id <> ? AND (u.password_hash IS NOT NULL "
            "OR u.issuer IS NOT NULL OR EXISTS (SELECT 1 FROM tokens t "
            "WHERE t.user_id = u.id AND t.revoked IS NULL AND t.expires > ?)) LIMIT 1"
        )
        return bool(self._execute(sql, (besides, now)).all())

    def insert_user(self, user: User) -> int:
        """Store a new user and return its id."""
        return self._insert("users", {name: getattr(user, name) for name in _USER})

    def update_user(self, user_id: int, row: Mapping[str, str | None]) -> None:
        """Write the given columns of a user and raise the version by one."""
        self._update("users", user_id, row, bump=True)

    def set_password_hash(self, user_id: int, password_hash: str) -> None:
        """Write the same password's hash in another form; the version stays."""
        self._update("users", user_id, {"password_hash": password_hash}, bump=False)

    def delete_user(self, user_id: int) -> None:
        """Remove a user and every token of theirs."""
        self._execute("DELETE FROM users WHERE id = ?", (user_id,))

    def token(self, token_id: int) -> Token | None:
        """Return the token of that id, None when there is none."""
        return only(self._tokens("t.id = ?", (bounded(token_id),)))

    def tokens(
        self, user_id: int | None = None, skip: int = 0, limit: int | None = None, good_at: str | None = None
    ) -> Iterator[Token]:
        """Yield tokens of one user, or all: by id, or with a moment those good then first, and new ones."""
        filters = _token_filters(user_id)
        order, moments = ("t.id", ()) if good_at is None else (_GOOD_FIRST, (good_at,))
        where = f"{filters.where} ORDER BY {order} LIMIT ? OFFSET ?"
        return self._tokens(where, (*filters.arguments, *moments, *window(limit, skip)))

    def count_tokens(self, user_id: int | None = None) -> int:
        """Count the tokens of one user, or all."""
        filters = _token_filters(user_id)
        return int(self._first(f"SELECT count(*) FROM tokens t WHERE {filters.where}", filters.arguments))  # noqa: S608 - constants only

    def signed_in(self, by: Literal["hash", "id"], value: str | int) -> SignedIn | None:
        """Return the token of that hash or id with its user, None when either is gone."""
        rows = self._execute(
            "SELECT t.id, t.expires, t.last_used, t.revoked, u.id, u.name, u.role "  # noqa: S608 - constants only
            f"FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.{by} = ?",
            (value,),
        ).all()
        return SignedIn(*rows[0]) if rows else None

    def insert_token(self, token: Token) -> int:
        """Store a new token and return its id."""
        return self._insert("tokens", {name: getattr(token, name) for name in _TOKEN})

    def end_token(self, token_id: int, when: str, *, is_final: bool) -> None:
        """Write that a token is revoked; since when and how finally stays as it was if that was more."""
        sets = "revoked = COALESCE(revoked, ?)" + (", is_final = 1" if is_final else "")
        self._execute(f"UPDATE tokens SET {sets} WHERE id = ?", (when, token_id))  # noqa: S608 - constants only

    def restore_token(self, token_id: int) -> None:
        """Write that a token is not revoked."""
        self._update("tokens", token_id, {"revoked": None}, bump=False)

    def set_used(self, token_id: int, when: str, unless_since: str) -> None:
        """Write when a token was last used, unless that was written since a moment."""
        sql = "UPDATE tokens SET last_used = ? WHERE id = ? AND (last_used IS NULL OR last_used < ?)"
        self._execute(sql, (when, token_id, unless_since))

    def delete_token(self, token_id: int) -> None:
        """Remove a token; those that it made count as made by the one that made it."""
        maker = "(SELECT made_by FROM tokens WHERE id = ?)"
        self._execute(f"UPDATE tokens SET made_by = {maker} WHERE made_by = ?", (token_id, token_id))  # noqa: S608 - a constant
        self._execute("DELETE FROM tokens WHERE id = ?", (token_id,))

    def add_login(self, key_hash: str, kind: str, detail: dict[str, Any], expires: str) -> None:
        """Store one step of a sign-in under the hash of what leads back to it."""
        sql = "INSERT INTO logins (hash, kind, detail, expires) VALUES (?, ?, ?, ?)"
        self._execute(sql, (key_hash, kind, json.dumps(detail), expires))

    def take_login(self, key_hash: str, kind: str, now: str) -> dict[str, Any] | None:
        """Remove a step of a sign-in and return its detail, None when it is gone, used or too old.

        Whoever comes second, in whichever process, finds nothing.
        """
        sql = "DELETE FROM logins WHERE hash = ? AND kind = ? RETURNING detail, expires"
        rows = self._execute(sql, (key_hash, kind)).all()
        if not rows or rows[0][1] <= now:
            return None
        detail: dict[str, Any] = json.loads(rows[0][0])
        return detail

    def drop_logins(self, now: str) -> None:
        """Remove what has expired."""
        self._execute("DELETE FROM logins WHERE expires <= ?", (now,))

    def count_attempt(self, key_hash: str, expires: str) -> tuple[int, str]:
        """Count one more attempt under a hash; return how many there are and until when they count."""
        sql = (
            "INSERT INTO logins (hash, kind, detail, expires) VALUES (?, 'attempts', '1', ?) "
            "ON CONFLICT (hash) DO UPDATE SET detail = CAST(CAST(logins.detail AS INTEGER) + 1 AS TEXT) "
            "RETURNING detail, expires"
        )
        attempts, until = self._execute(sql, (key_hash, expires)).all()[0]
        return int(attempts), str(until)

    def forgive_attempt(self, key_hash: str) -> None:
        """Take back one attempt under a hash."""
        sql = (
            "UPDATE logins SET detail = CAST(CAST(detail AS INTEGER) - 1 AS TEXT) WHERE hash = ? AND kind = 'attempts'"
        )
        self._execute(sql, (key_hash,))

    def _users(self, where: str, arguments: tuple[Any, ...]) -> Iterator[User]:
        for row in self._execute(f"SELECT id, {', '.join(_USER)} FROM users WHERE {where}", arguments).all():  # noqa: S608 - constants only
            yield User(**{name: row[name] for name in ("id", *_USER)})

    def _tokens(self, where: str, arguments: tuple[Any, ...]) -> Iterator[Token]:
        for row in self._execute(f"{_SELECT_TOKENS} {where}", arguments).all():
            yield Token(**{name: row[name] for name in ("id", "user_name", *_TOKEN)})


def _user_filters(kind: str | None, contains: str | None) -> Filters:
    filters = Filters()
    if kind is not None:
        filters.add("kind = ?", kind)
    if contains:
        filters.add("instr(name_key, ?) > 0", contains)
    return filters


def _token_filters(user_id: int | None) -> Filters:
    filters = Filters()
    if user_id is not None:
        filters.add("t.user_id = ?", bounded(user_id))
    return filters
