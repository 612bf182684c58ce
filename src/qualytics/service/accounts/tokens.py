"""Tokens: signed, short-lived enough, revoked at once; the store keeps only their hashes."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qualytics.digests import digest_of
from qualytics.errors import Conflict, NotFound, NotSignedIn, UsageError
from qualytics.model import MAX_ID, Word, id_of
from qualytics.service import documents, lookup, validate
from qualytics.service.accounts import signatures
from qualytics.service.accounts.actors import require_good
from qualytics.service.accounts.last_admin import one_left
from qualytics.service.clock import now
from qualytics.service.context import Action, Context
from qualytics.service.rights import ALL_TOKENS, OWN_TOKENS, Actor
from qualytics.settings import MAX_TOKEN_DAYS, TOKEN_DAYS
from qualytics.store.tables.accounts import Accounts, Token

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from qualytics import types
    from qualytics.service.accounts.token_usage import TokenUsage

MAX_ACTIVE = 100
_FIELDS = {"name", "expires_in_days", "user", "scim_endpoints_only"}
_DAY_S = 86_400
# Names of tokens that sign-ins get.
_BROWSER, _COMMAND_LINE = "browser", "cli"
# Hashes of tokens whose signature was right, with the id of the store: rows tell the rest at each request.
_verified: set[tuple[str, str]] = set()
_MAX_VERIFIED = 10_000


class Tokens:
    """The verbs on tokens: everybody's own, and with the right also those of others.

    A `record` is an id, or as a text the name of a token of one's own; of those of one name a valid one is meant.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, name: str, expires_in_days: int | None = None, user: str | int | None = None) -> types.NewToken:
        """Make a token and return its document, with the token itself as `bearer_token`, once.

        It expires in 90 days by default, and never later than the token that asks for it; `user` is the
        name or id of whom it is for: oneself by default.

        Raises:
            InvalidInput: a value breaks a rule.
            NotFound: there is no such user.
            Conflict: the user has as many tokens as one may have.

        """
        with self._context.audited(OWN_TOKENS if user is None else ALL_TOKENS, "token.create") as action:
            name, days = _checked(name, TOKEN_DAYS if expires_in_days is None else expires_in_days)
            with self._context.writing():
                owner_id, owner = self._owner(user)
                require_room(self._accounts, owner_id, owner)
                return issue(self._context, owner_id, owner, name, days, action)

    def create_from(self, document: Mapping[str, Any]) -> types.NewToken:
        """Make a token as `create` does, from a document whose fields are checked, too; null is left out.

        Raises:
            InvalidInput, NotFound, Conflict: as in `create`.

        """
        given = {name: value for name, value in document.items() if value is not None}
        problems = validate.Problems()
        for name in given.keys() - _FIELDS:
            problems.add(name, "is not a field of a token", None, "unknown-field")
        if given.get("scim_endpoints_only", False) is not False:
            problems.add("scim_endpoints_only", "is not supported", None, "not-supported")
        if "name" not in given:
            problems.add("name", "is missing", None, "missing-value")
        user = given.get("user")
        is_id = type(user) is int and 1 <= user <= MAX_ID
        if not is_id and not isinstance(user, str | None):
            problems.add("user", "must be a name or an id")
        problems.finish()
        return self.create(given["name"], given.get("expires_in_days"), user)

    def list(
        self, user: str | int | None = None, *, everybody: bool = False, limit: int | None = None
    ) -> Iterator[types.Token]:
        """Yield the documents of one's own tokens, of another user's, or of everybody's."""
        owner_id = self._listed(user, everybody=everybody)
        yield from map(_document, self._accounts.tokens(owner_id, limit=limit))

    def page(
        self,
        number: int,
        size: int,
        user: str | int | None = None,
        *,
        everybody: bool = False,
        good_first: bool = False,
    ) -> types.Page[types.Token]:
        """Return one page of a list as `{items, total, page, size, pages}`: by id, or good and new ones first."""
        owner_id = self._listed(user, everybody=everybody)
        found = self._accounts.tokens(owner_id, (number - 1) * size, size, now() if good_first else None)
        items = [_document(token) for token in found]
        return documents.page(items, self._accounts.count_tokens(owner_id), number, size)

    def get(self, record: int | str) -> types.Token:
        """Return the document of a token.

        Raises:
            NotFound: there is none of that id or name that whoever asks may see.
            UsageError: more than one has that name; or a word of digits is an id, and the name of another token.

        """
        self._context.require(OWN_TOKENS)
        return _document(self._visible(record))

    def revoke(self, record: int | str, *, revoke: bool = True, dry_run: bool = False) -> types.Token:
        """Revoke a token at once, or restore it, and return its document.

        Revoked with it are those that it made for the same user, but neither the one that asks nor what that has made.
        A token that ends itself, as signing out does, ends alone. What an Admin has ended stays ended.

        Raises:
            NotFound, UsageError: as in `get`.
            Conflict: no Admin could sign in any more; it cannot be restored; or as in `create`.

        """
        name = "token.revoke" if revoke else "token.restore"
        with (
            self._context.audited(OWN_TOKENS, name, record) as action,
            self._context.writing(dry_run=dry_run),
        ):
            token = self._visible(record)
            if revoke:
                with one_left(self._accounts, token.user_name):
                    ended = self._revoke(token)
                action.record(token.id, token.name, user=token.user_name, ended=ended)
            else:
                self._restore(token)
                action.record(token.id, token.name, user=token.user_name)
            return _document(self._visible(token.id))

    def delete(self, record: int | str, *, dry_run: bool = False) -> types.Deleted:
        """Delete a revoked token; return `{id, name, deleted}`, the last false after a dry run.

        Raises:
            NotFound, UsageError: as in `get`.
            Conflict: it is not revoked.

        """
        with (
            self._context.audited(OWN_TOKENS, "token.delete", record) as action,
            self._context.writing(dry_run=dry_run),
        ):
            token = self._visible(record)
            if token.revoked is None:
                hint = f"revoke it first: qualytics auth token revoke --id {token.id}"
                raise Conflict(f"token {token.name!r} is not revoked", hint)
            self._accounts.delete_token(token.id)
            action.record(token.id, token.name, user=token.user_name)
        return {"id": token.id, "name": token.name, "deleted": not dry_run}

    def revoke_all(self, *, sign_ins_only: bool = False) -> int:
        """Revoke every token of one's own, the one that asks too, as whoever fears for one does; return how many.

        None of them can be restored. `sign_ins_only` spares what an Admin, or the owner of the store, has made for a
        program: only tokens of sign-ins are revoked, and those that these have made.

        Raises:
            Conflict: no Admin could sign in any more.

        """
        with self._context.audited(OWN_TOKENS, "token.revoke") as action, self._context.writing():
            owner_id, owner = self._owner(None)
            spared = set[int]()
            if sign_ins_only:
                tokens = list(self._accounts.tokens(owner_id))
                began = {token.id for token in tokens if _is_of_sign_in(token)}
                spared = {token.id for token in tokens} - _with_descendants(tokens, began)
            with one_left(self._accounts, owner):
                ended = end_all(self._accounts, owner_id, spared)
            action.record(None, None, user=owner, ended=ended)
        return len(ended)

    @property
    def _accounts(self) -> Accounts:
        return self._context.store.accounts

    def _revoke(self, token: Token) -> Sequence[int]:
        asking = self._context.actor
        revoked = {token.id}
        if asking.token_id != token.id:
            tokens = list(self._accounts.tokens(token.user_id))
            spared = _with_descendants(tokens, [asking.token_id]) if asking.token_id is not None else set()
            revoked |= _with_descendants(tokens, [token.id]) - spared
        for token_id in sorted(revoked):
            self._accounts.end_token(token_id, now(), is_final=asking.is_admin)
        return sorted(revoked)

    def _restore(self, token: Token) -> None:
        if token.revoked is None:
            return
        hint = "make a new one: qualytics auth token create --name NAME"
        if token.is_final:
            raise Conflict(
                f"token {token.name!r} was revoked by an Admin or by a new password, and cannot be restored", hint
            )
        if self._context.actor.token_id in _with_descendants(self._accounts.tokens(token.user_id), [token.id]):
            raise Conflict(f"token {token.name!r} cannot be restored by a token that it made", hint)
        require_room(self._accounts, token.user_id, token.user_name)
        self._accounts.restore_token(token.id)

    def _owner(self, user: str | int | None) -> tuple[int, str]:
        actor = self._context.actor
        if user is not None:
            found = lookup.user(self._accounts, user)
            return found.id, found.name
        if actor.user_id is None:
            raise UsageError("--user is missing", "as in --user NAME")
        return actor.user_id, actor.name

    def _listed(self, user: str | int | None, *, everybody: bool) -> int | None:
        own = self._context.actor.user_id
        if everybody or (user is None and own is None):
            self._context.require(ALL_TOKENS)
            return None
        self._context.require(OWN_TOKENS if user is None else ALL_TOKENS)
        return self._owner(user)[0]

    def _visible(self, record: int | str) -> Token:
        actor, number = self._context.actor, id_of(record)
        token = self._named(record) if isinstance(record, str) else None
        if isinstance(record, Word) and number is not None:
            lookup.require_one_meaning("token", record, None if token is None else token.id)
        if number is not None:
            token = self._accounts.token(number)
        if token is None or (token.user_id != actor.user_id and actor.role not in ALL_TOKENS.roles):
            # Another's token is answered like a missing one, so that ids tell nothing.
            shown = repr(str(record)) if number is None else number
            raise NotFound(f"there is no token {shown} of yours", "qualytics auth token list shows them")
        return token

    def _named(self, name: str) -> Token | None:
        # Names of tokens need not differ; the owner of the store, who has none, means everybody's.
        key, tokens = validate.fold(name), self._accounts.tokens(self._context.actor.user_id)
        same = [token for token in tokens if validate.fold(token.name) == key]
        meant = [token for token in same if _is_active(token)] or same
        if len(meant) > 1:
            listed = ", ".join(str(token.id) for token in meant)
            raise UsageError(
                f"{len(meant)} tokens are named {name!r}: {listed}", f"give --id {meant[0].id}, or another of them"
            )
        return meant[0] if meant else None


def require_room(accounts: Accounts, user_id: int, user_name: str) -> None:
    """Raise Conflict when a user has as many valid tokens as one may have."""
    active = sum(_is_active(token) for token in accounts.tokens(user_id))
    if active >= MAX_ACTIVE:
        hint = "revoke those that are no longer used: qualytics auth token revoke --id N"
        raise Conflict(f"{user_name!r} has {active} valid tokens, and no more are allowed", hint)


def end_others(context: Context, accounts: Accounts, user_id: int) -> int:
    """End every token of a user but the one that asks, for good; inside a transaction; return how many."""
    return len(end_all(accounts, user_id, {context.actor.token_id}))


def end_all(accounts: Accounts, user_id: int, besides: Collection[int | None]) -> list[int]:
    """End every token of a user but some, for good; inside a transaction; return their ids."""
    ended = [token.id for token in accounts.tokens(user_id) if _is_active(token) and token.id not in besides]
    for token_id in ended:
        accounts.end_token(token_id, now(), is_final=True)
    return ended


def name_of_sign_in(hostname: str | None) -> str:
    """Return the name of the token of a sign-in: of the command line on a machine, or of a browser where it is None."""
    if hostname is None:
        return _BROWSER
    return f"{_COMMAND_LINE} on {hostname}" if hostname else _COMMAND_LINE


def _is_of_sign_in(token: Token) -> bool:
    # One that was made under such a name counts as well: it is ended once too often.
    return token.name in {_BROWSER, _COMMAND_LINE} or token.name.startswith(f"{_COMMAND_LINE} on ")


def _with_descendants(tokens: Iterable[Token], began: Iterable[int]) -> set[int]:
    """Return the ids of tokens, of those that they made, of those that these made, and so on; by id, as they come."""
    ids = set(began)
    for token in tokens:
        if token.made_by in ids:
            ids.add(token.id)
    return ids


def issue(
    context: Context, user_id: int, user_name: str, name: str, days: int = TOKEN_DAYS, action: Action | None = None
) -> types.NewToken:
    """Make a token for a user, inside a transaction of the store, and return its document with `bearer_token`.

    It ends with the token that asks for it at the latest.
    """
    accounts, maker = context.store.accounts, context.actor.token_id
    made = int(time.time())
    ends = made + days * _DAY_S
    if maker is not None and (parent := accounts.token(maker)) is not None:
        ends = min(ends, int(datetime.fromisoformat(parent.expires).timestamp()))
    bearer = signatures.signed(context, user_id, made, ends)
    expires = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    token = Token(user_id=user_id, name=name, hash=digest_of(bearer), created=now(), expires=expires, made_by=maker)
    found = accounts.token(accounts.insert_token(token))
    if found is None:
        raise NotFound(f"there is no user {user_id}", "qualytics users list shows all")
    (action or Action(context, "token.create")).record(found.id, name, user=user_name, expires=expires)
    return {**_document(found), "bearer_token": bearer}


def authenticate(
    context: Context,
    bearer: str,
    *,
    address: str | None = None,
    request_id: str | None = None,
    usage: TokenUsage | None = None,
) -> Actor:
    """Return who sent a token; `usage` writes down, later, that it was used.

    Raises:
        NotSignedIn: there is no token, or it is not good here; the message says why.

    """
    if not bearer:
        raise NotSignedIn("no token was sent", "send it as Authorization: Bearer TOKEN; qualytics auth login gets one")
    hashed = digest_of(bearer)
    known = (context.store.store_id, hashed)
    if known not in _verified:
        signatures.verify(context, bearer)
        if len(_verified) >= _MAX_VERIFIED:
            _verified.clear()
        _verified.add(known)
    found = require_good(context.store.accounts.signed_in("hash", hashed))
    if usage is not None:
        usage.note(found.token_id, found.last_used)
    return Actor(found.user_name, found.role, found.user_id, found.token_id, address, request_id)


def _checked(name: object, days: object) -> tuple[str, int]:
    problems = validate.Problems()
    if not isinstance(name, str):
        problems.add("name", "must be a text", "as in --name pipeline", "invalid-value" if name else "missing-value")
    else:
        name = validate.check_name("name", name, problems)
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= MAX_TOKEN_DAYS:
        problems.add("expires_in_days", f"must be 1 to {MAX_TOKEN_DAYS}", f"leave it out for {TOKEN_DAYS}")
    problems.finish()
    return str(name), int(str(days))


def _is_active(token: Token) -> bool:
    return token.revoked is None and token.expires > now()


def _document(token: Token) -> types.Token:
    return {
        "id": token.id,
        "name": token.name,
        "user": {"id": token.user_id, "name": token.user_name},
        "active": _is_active(token),
        "expiration": token.expires,
        "last_used": token.last_used,
        "revoked": token.revoked,
        "created": token.created,
    }
