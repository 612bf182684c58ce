"""Documents on users, tokens and the audit log."""

from typing import Any, Literal, NotRequired, TypedDict

from qualytics.types.records import Author, Reference

Role = Literal["Admin", "Manager", "Member"]
UserKind = Literal["user", "service"]
# How entries of the audit log are asked for: refused stands for every code of an error.
Outcome = Literal["done", "failed", "refused"]


class _UserFields(TypedDict, total=False):
    role: Role
    email: str | None
    password: str | None
    issuer: str | None
    subject: str | None


class UserChanges(_UserFields, total=False):
    """Changes of a user; None clears an address, a password or a link to a login provider."""

    name: str


class UserFields(_UserFields):
    """The fields of a new user or service account; without a role a Member."""

    name: str
    kind: NotRequired[UserKind]


class User(TypedDict):
    """A user or service account; the first Admin comes with a `bearer_token`, once."""

    id: int
    name: str
    kind: UserKind
    role: Role
    email: str | None
    issuer: str | None
    subject: str | None
    created: str
    bearer_token: NotRequired[str]


class CurrentUser(TypedDict):
    """Who asks: a user, or the owner of an embedded store, who has a name and a role alone."""

    id: int | None
    name: str
    kind: UserKind | None
    role: Role
    email: str | None
    issuer: str | None
    subject: str | None
    created: str | None


class Token(TypedDict):
    """A token of a user, without the token itself."""

    id: int
    name: str
    user: Reference
    active: bool
    expiration: str
    last_used: str | None
    revoked: str | None
    created: str


class NewToken(Token):
    """A token that was just made; what is sent is `bearer_token`, shown this once."""

    bearer_token: str


class AuditEntry(TypedDict):
    """One entry of the audit log; `outcome` is done, failed, or the code of a refusal."""

    id: int
    created: str
    actor: str
    actor_id: int | None
    token_id: int | None
    address: str | None
    request_id: str | None
    action: str
    object_id: int | None
    object_name: str | None
    outcome: str
    detail: dict[str, Any]


class Pruned(TypedDict):
    """What was dropped of the audit log: so many entries of before a moment."""

    before: str
    deleted: int


class Grant(TypedDict):
    """Whom an Admin lets have which connection with its secrets; without `expires` until it is deleted."""

    id: int
    user: Reference
    connection: Reference
    active: bool
    created: str
    created_by: str
    expires: str | None


class DeletedGrant(Grant):
    """A grant that was deleted, or with a dry run, where `deleted` is false, would be."""

    deleted: bool


class LastUse(TypedDict):
    """The last time that a user had a connection with its secrets, and what for."""

    user: Author
    at: str
    purpose: str
