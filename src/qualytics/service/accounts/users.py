"""Users and service accounts: who may sign in, with which role; only an Admin decides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from qualytics import text
from qualytics.errors import Conflict, NameTaken, UsageError
from qualytics.model import Document
from qualytics.service import documents, lookup, validate
from qualytics.service.accounts import passwords
from qualytics.service.accounts.last_admin import one_left, require_another
from qualytics.service.accounts.passwords import Passwords
from qualytics.service.accounts.sign_in import add_link
from qualytics.service.accounts.tokens import end_others, issue
from qualytics.service.clock import now
from qualytics.service.context import changed_names
from qualytics.service.rights import ADMIN, MEMBER, OWN_TOKENS, ROLES, SEE_USERS, USERS
from qualytics.service.similar_names import similar_user
from qualytics.store.tables.accounts import Accounts, User

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics import types
    from qualytics.service.context import Action, Context

USER, SERVICE = "user", "service"
KINDS = (USER, SERVICE)
FIELDS = ("name", "kind", "role", "email", "password", "issuer", "subject")
_KEYS = ("id", "name", "kind", "role", "email", "issuer", "subject", "created")
# What a document holds beside fields: who sends it back changes nothing by it.
_READ_ONLY = ("id", "created")
_MAX_EMAIL = 254  # RFC 5321 section 4.5.3.1.3, without the angle brackets
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,190}\Z")


class Users:
    """The verbs on users, each by id or name; documents go in and out, and no document holds a password or its hash."""

    def __init__(self, context: Context, hashed_by: Passwords | None = None) -> None:
        self._context = context
        self._passwords = hashed_by or Passwords()

    def create(self, fields: Mapping[str, Any]) -> types.User:
        """Store a new user and return its document; the first Admin's has a `bearer_token`, once.

        The key of a link that signs in once is `digests.link_key_of` that token.

        Raises:
            InvalidInput: a value breaks a rule.
            NameTaken: the name is another's.

        """
        with self._context.audited(USERS, "user.create") as action:
            values = _checked(fields, is_new=True)
            password = values.pop("password", None)
            hashed = None if password is None else self._passwords.hash(password)
            with self._context.writing():
                user = _new(values, hashed)
                _require_free(self._accounts, user)
                is_first = user.role == ADMIN and not self._accounts.count_role(ADMIN)
                found = self._accounts.insert_user(user)
                changed = changed_names({}, values, ["password"] if hashed else [])
                action.record(found, user.name, version=1, changed=changed)
                document = _document(lookup.user(self._accounts, found))
                if is_first:
                    bearer = issue(self._context, found, user.name, "first token")["bearer_token"]
                    add_link(self._accounts, found, 1, bearer)
                    document["bearer_token"] = bearer
                return document

    def list(self, kind: str | None = None, name: str | None = None, limit: int | None = None) -> Iterator[types.User]:
        """Yield the documents of users, filtered by kind and by a part of the name."""
        self._context.require(SEE_USERS)
        contains = validate.fold_part(name) if name else None
        yield from map(_document, self._accounts.users(_kind(kind), contains, limit=limit))

    def page(self, number: int, size: int, kind: str | None = None, name: str | None = None) -> types.Page[types.User]:
        """Return one page of a list as `{items, total, page, size, pages}`."""
        self._context.require(SEE_USERS)
        contains = validate.fold_part(name) if name else None
        items = [_document(user) for user in self._accounts.users(_kind(kind), contains, (number - 1) * size, size)]
        return documents.page(items, self._accounts.count_users(kind, contains), number, size)

    def get(self, record: int | str) -> types.User:
        """Return the document of a user.

        Raises:
            NotFound: there is no such user.

        """
        self._context.require(SEE_USERS)
        return _document(lookup.user(self._accounts, record))

    def find(self, name: str) -> int:
        """Return the id of the user of that name; case and outer spaces do not count.

        Raises:
            NotFound: there is none.

        """
        self._context.require(SEE_USERS)
        return lookup.user(self._accounts, name).id

    def me(self) -> types.CurrentUser:
        """Return the document of whoever asks."""
        actor = self._context.actor
        actor.require(OWN_TOKENS)
        found = None if actor.user_id is None else self._accounts.user(actor.user_id)
        document = _plain(found) if found else dict.fromkeys(_KEYS) | {"name": actor.name, "role": actor.role}
        return cast("types.CurrentUser", document)

    def replace(
        self, record: int | str, document: Mapping[str, Any], *, version: int | None = None, dry_run: bool = False
    ) -> types.User:
        """Change a user by a document of it: what is absent stays, None clears an address or a link, no password.

        Raises:
            InvalidInput: it has no name or no role; or as in `update`.

        """
        problems = validate.Problems()
        for name in ("name", "role"):
            if document.get(name) is None:
                problems.add(name, "is missing", None, "missing-value")
        problems.finish()
        changes = {name: value for name, value in document.items() if name != "password" or value is not None}
        return self.update(record, changes, version=version, dry_run=dry_run)

    def update(
        self, record: int | str, changes: Mapping[str, Any], *, version: int | None = None, dry_run: bool = False
    ) -> types.User:
        """Change what is given and return the document; None clears an address, a password or a link.

        Another password, or a link that is another or none, ends the user's tokens, but the one that asks.

        Raises:
            NotFound: there is no such user.
            UsageError: nothing is given.
            InvalidInput, NameTaken: as in `create`.
            Conflict: no Admin could sign in any more.
            VersionChanged: the record is no longer at `version`.

        """
        changes = {name: value for name, value in changes.items() if name not in _READ_ONLY}
        if not changes:
            raise UsageError("nothing to update", "give at least one field, as in --role Manager")
        with self._context.audited(USERS, "user.update", record) as action:
            values = _checked(changes, is_new=False)
            row = dict(values)
            if "password" in row:
                password = row.pop("password")
                row["password_hash"] = None if password is None else self._passwords.hash(password)
            with self._context.writing(dry_run=dry_run):
                before = _at_version(self._accounts, record, version, action)
                _require_fit(before, values)
                row.pop("kind", None)
                if "name" in row:
                    row["name_key"] = validate.fold(str(row["name"]))
                _require_free(self._accounts, before, row)
                with one_left(self._accounts, before.name):
                    self._accounts.update_user(before.id, row)
                    is_new = _signs_in_anew(before, values)
                    ended = end_others(self._context, self._accounts, before.id) if is_new else 0
                after = lookup.user(self._accounts, before.id)
                secrets = ["password"] if "password" in values else []
                changed = changed_names(_plain(before), _plain(after), secrets)
                detail: dict[str, Any] = {"tokens_ended": ended} if ended else {}
                action.record(before.id, after.name, version=after.version, changed=changed, **detail)
                document = _document(after)
                return documents.at_version(document, before.version) if dry_run else document

    def delete(self, record: int | str, *, version: int | None = None, dry_run: bool = False) -> types.Deleted:
        """Delete a user, and with them every token of theirs; return `{id, name, deleted}`.

        Raises:
            NotFound: there is no such user.
            Conflict: no Admin could sign in any more.

        """
        with (
            self._context.audited(USERS, "user.delete", record) as action,
            self._context.writing(dry_run=dry_run),
        ):
            found = _at_version(self._accounts, record, version, action)
            require_another(self._accounts, found)
            self._accounts.delete_user(found.id)
            action.record(found.id, found.name)
        return {"id": found.id, "name": found.name, "deleted": not dry_run}

    @property
    def _accounts(self) -> Accounts:
        return self._context.store.accounts


def _checked(given: Mapping[str, Any], *, is_new: bool) -> dict[str, Any]:
    """Return the given fields in their stored form, the password still plain."""
    problems, clean = validate.Problems(), dict[str, Any]()
    for name, value in given.items():
        if name not in FIELDS:
            guess = text.nearest(name, FIELDS)
            problems.add(name, "is not a field of a user", guess and f"did you mean {guess}?", "unknown-field")
        elif value is None and name in {"name", "kind", "role"}:
            if not is_new:
                problems.add(name, "cannot be null", "leave it out to keep it")
        elif value is not None and not isinstance(value, str):
            problems.add(name, "must be a text")
        else:
            clean[name] = value if value is None else _clean(name, value, problems)
    if is_new:
        clean = {"kind": USER, "role": MEMBER} | clean
        if "name" not in clean and not any(problem.loc == "name" for problem in problems.found):
            problems.add("name", "is needed", "give it with --name", "missing-value")
        _check_kind(clean, problems)
    if ("issuer" in clean) != ("subject" in clean) or (clean.get("issuer") is None) != (clean.get("subject") is None):
        problems.add("subject", "and issuer go together", "give both, or both as null", "missing-value")
    problems.finish()
    return clean


def _clean(name: str, value: str, problems: validate.Problems) -> str:
    if name == "name":
        return validate.check_name(name, value, problems)
    if name == "password":
        passwords.check(name, value, problems)
        return value
    choices = {"role": ROLES, "kind": KINDS}.get(name)
    if choices:
        folded = {choice.casefold(): choice for choice in choices}
        if value.casefold() not in folded:
            problems.add(name, f"must be {text.alternatives(choices)}")
        return folded.get(value.casefold(), value)
    if name == "email":
        if len(value) > _MAX_EMAIL or not _EMAIL.match(value):
            problems.add(name, "is not an email address", "as in ada@example.com")
        return value.casefold()
    if not value:
        problems.add(name, "is empty", "leave it out instead")
    return validate.check_text(name, value, problems, max_length=255)  # OpenID Connect Core section 2: sub


def _check_kind(values: Mapping[str, Any], problems: validate.Problems) -> None:
    for name in ("password", "issuer"):
        if values["kind"] == SERVICE and values.get(name) is not None:
            hint = "make a token for it: qualytics auth token create --user NAME"
            problems.add(name, "is not for service accounts, which do not sign in", hint, "field-not-accepted")


def _require_fit(before: User, values: Mapping[str, Any]) -> None:
    problems = validate.Problems()
    if values.get("kind", before.kind) != before.kind:
        problems.add("kind", "cannot be changed", "create a user of the other kind")
    _check_kind({**values, "kind": before.kind}, problems)
    problems.finish()


def _signs_in_anew(before: User, values: Mapping[str, Any]) -> bool:
    link = {name: values.get(name, getattr(before, name)) for name in ("issuer", "subject")}
    was_linked = before.issuer is not None
    return "password" in values or (was_linked and link != {"issuer": before.issuer, "subject": before.subject})


def _new(values: Mapping[str, Any], hashed: str | None) -> User:
    return User(
        name=values["name"],
        name_key=validate.fold(values["name"]),
        kind=values["kind"],
        role=values["role"],
        email=values.get("email"),
        password_hash=hashed,
        issuer=values.get("issuer"),
        subject=values.get("subject"),
        created=now(),
    )


def _require_free(accounts: Accounts, user: User, row: Mapping[str, Any] | None = None) -> None:
    wanted = {"name_key": user.name_key, "issuer": user.issuer, "subject": user.subject, **(row or {})}
    name = (row or {}).get("name", user.name)
    other = accounts.user_named(wanted["name_key"])
    if other is not None and other.id != user.id:
        raise NameTaken(f"another user is named {name!r}", "names are compared without regard to case; choose another")
    if row is None or name != user.name:
        _require_distinct(accounts, str(name), user.id if row is not None else None)
    if wanted["issuer"] is not None:
        other = accounts.user_of(wanted["issuer"], wanted["subject"])
        if other is not None and other.id != user.id:
            raise Conflict(
                f"user {other.name!r} is already linked to that subject",
                "unset that one first: qualytics users update --id N --unset subject",
            )


def _require_distinct(accounts: Accounts, name: str, besides: int | None) -> None:
    if (similar := similar_user(accounts, name, besides)) is not None:
        message = f"the name {name!r} looks like that of user {similar.name!r}"
        raise NameTaken(message, "choose one that cannot be confused with it; both may hold letters of other alphabets")


def _at_version(accounts: Accounts, record: int | str, version: int | None, action: Action) -> User:
    found = lookup.user(accounts, record)
    action.found(found.id, found.name)
    validate.require_version("user", found, version)
    return found


def _kind(kind: str | None) -> str | None:
    if kind is not None and kind not in KINDS:
        problems = validate.Problems()
        problems.add("kind", f"must be {text.alternatives(KINDS)}")
        problems.finish()
    return kind


def _plain(user: User) -> dict[str, Any]:
    return {key: getattr(user, key) for key in _KEYS}


def _document(user: User) -> types.User:
    return cast("types.User", Document.of(_plain(user), user.version))
