"""/api/users and /api/user-tokens: who may sign in, and with what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar import delete, get, patch, post, put
from litestar.params import Parameter

from qualytics.errors import InvalidInput, Problem
from qualytics.server import bodies
from qualytics.server.parameters import AnyRequest, DryRun, Page, Reply, Size, Text, record_of, with_names
from qualytics.server.runtime import opened
from qualytics.service.accounts.tokens import Tokens
from qualytics.service.accounts.users import Users
from qualytics.service.rights import OWN_TOKENS, SEE_USERS, USERS
from qualytics.settings import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Kind = Annotated[str | None, Parameter(pattern="^(user|service)$", description="user or service")]


@get("/users", sync_to_thread=True, opt={"reply": "UserPage", "right": SEE_USERS})
def list_users(
    request: AnyRequest, kind: Kind = None, name: Text = None, page: Page = 1, size: Size = PAGE_SIZE
) -> Reply:
    """List users and service accounts, a page at a time; `name` is a part of it."""
    with opened(request) as context:
        return bodies.reply(Users(context).page(page, size, kind, name))


@post("/users", sync_to_thread=True, status_code=200, opt={"body": "UserCreate", "reply": "User", "right": USERS})
def create_user(request: AnyRequest, body: bytes) -> Reply:
    """Create a user or a service account."""
    given = {name: value for name, value in bodies.fields(request, body).items() if value is not None}
    with opened(request) as context:
        return bodies.reply(Users(context).create(given))


@get("/users/me", sync_to_thread=True, opt={"reply": "User", "right": OWN_TOKENS})
def get_me(request: AnyRequest) -> Reply:
    """Return the user who asks."""
    with opened(request) as context:
        return bodies.reply(Users(context).me())


@get("/users/{user_id:int}", sync_to_thread=True, opt={"reply": "User", "right": SEE_USERS})
def get_user(request: AnyRequest) -> Reply:
    """Return a user; the ETag is its version."""
    with opened(request) as context:
        return bodies.reply(Users(context).get(record_of(request)))


@put(
    "/users/{user_id:int}",
    sync_to_thread=True,
    opt={"body": "UserPut", "reply": "User", "right": USERS, "versioned": True},
)
def put_user(request: AnyRequest, body: bytes, dry_run: DryRun = False) -> Reply:
    """Change a user: what is absent stays, null clears an address or a link but keeps the password."""
    return _changed(request, body, Users.replace, dry_run=dry_run)


@patch(
    "/users/{user_id:int}",
    sync_to_thread=True,
    opt={"body": "UserPatch", "reply": "User", "right": USERS, "versioned": True},
)
def patch_user(request: AnyRequest, body: bytes, dry_run: DryRun = False) -> Reply:
    """Change a user as a JSON merge patch does: null clears, the password included."""
    return _changed(request, body, Users.update, dry_run=dry_run)


def _changed(request: AnyRequest, body: bytes, verb: Callable[..., Mapping[str, Any]], *, dry_run: bool) -> Reply:
    record, version, given = record_of(request), bodies.version_of(request), bodies.fields(request, body)
    with opened(request) as context:
        return bodies.reply(verb(Users(context), record, given, version=version, dry_run=dry_run))


@delete(
    "/users/{user_id:int}",
    sync_to_thread=True,
    status_code=200,
    opt={"reply": "Deleted", "right": USERS, "versioned": True},
)
def delete_user(request: AnyRequest, dry_run: DryRun = False) -> Reply:
    """Delete a user, and with them every token of theirs."""
    record, version = record_of(request), bodies.version_of(request)
    with opened(request) as context:
        return bodies.deleted(request, Users(context).delete(record, version=version, dry_run=dry_run))


@get("/user-tokens", sync_to_thread=True, opt={"reply": "TokenPage", "right": OWN_TOKENS})
def list_tokens(
    request: AnyRequest, user: Text = None, everybody: bool = False, page: Page = 1, size: Size = PAGE_SIZE
) -> Reply:
    """List one's own tokens; an Admin also those of a `user`, or of `everybody`."""
    with opened(request) as context:
        return bodies.reply(Tokens(context).page(page, size, user, everybody=everybody))


@post(
    "/user-tokens",
    sync_to_thread=True,
    status_code=200,
    opt={"body": "TokenCreate", "reply": "Token", "right": OWN_TOKENS},
)
def create_token(request: AnyRequest, body: bytes) -> Reply:
    """Create a token; `bearer_token` is in this reply alone."""
    given = bodies.fields(request, body)
    with opened(request) as context:
        return bodies.reply(Tokens(context).create_from(given))


@get("/user-tokens/{token_id:int}", sync_to_thread=True, opt={"reply": "Token", "right": OWN_TOKENS})
def get_token(request: AnyRequest) -> Reply:
    """Return a token of one's own; an Admin anybody's."""
    with opened(request) as context:
        return bodies.reply(Tokens(context).get(record_of(request)))


@put(
    "/user-tokens/{token_id:int}", sync_to_thread=True, opt={"body": "TokenPut", "reply": "Token", "right": OWN_TOKENS}
)
def put_token(request: AnyRequest, body: bytes, dry_run: DryRun = False) -> Reply:
    """Revoke a token at once, or restore it."""
    record, given = record_of(request), bodies.fields(request, body)
    if not isinstance(given.get("revoke"), bool):
        raise InvalidInput([Problem("revoke", "revoke must be true or false", None, "missing-value")])
    with opened(request) as context:
        return bodies.reply(Tokens(context).revoke(record, revoke=given["revoke"], dry_run=dry_run))


@delete(
    "/user-tokens/{token_id:int}",
    sync_to_thread=True,
    status_code=200,
    opt={"reply": "Deleted", "right": OWN_TOKENS},
)
def delete_token(request: AnyRequest, dry_run: DryRun = False) -> Reply:
    """Delete a revoked token."""
    record = record_of(request)
    with opened(request) as context:
        return bodies.deleted(request, Tokens(context).delete(record, dry_run=dry_run))


ROUTES: list[Callable[..., Any]] = [
    *with_names([list_users, create_user, get_me, get_user, put_user, patch_user, delete_user]),
    *with_names([list_tokens, create_token, get_token, put_token, delete_token]),
]
