"""/account, /users, /users/7 and …/delete: who may sign in, with which role, and with which tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from litestar import get, post
from litestar.params import QueryParameter

from qualytics.errors import InvalidInput, NotAllowed, NotSignedIn, Problem, QualyticsError, UsageError, VersionChanged
from qualytics.model import ListQuery
from qualytics.server import sent_forms
from qualytics.server.parameters import AnyRequest, Text
from qualytics.server.web import forms, session
from qualytics.server.web.pages import shown
from qualytics.server.web.render import Page, redirect
from qualytics.service.accounts.tokens import MAX_ACTIVE, Tokens
from qualytics.service.accounts.users import KINDS, Users
from qualytics.service.audit import Audit
from qualytics.service.connections.verbs import Connections
from qualytics.service.grants import Grants
from qualytics.service.rights import ALL, AUDIT, OWN_TOKENS, ROLES, USERS
from qualytics.settings import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics.service.context import Context
    from qualytics.types import Token

Number = Annotated[int, QueryParameter(name="page", ge=1, le=1_000_000_000)]
Kind = Annotated[str | None, QueryParameter(name="kind", pattern=f"^({'|'.join(KINDS)})?$")]
_FIELDS = ("name", "kind", "role", "email", "password")
_SIGN_INS_SHOWN = 10
# Of what a user has that is to be deleted.
_NAMES_SHOWN = 20


@get("/account", sync_to_thread=True)
def show_account(request: AnyRequest, number: Number = 1) -> Page:
    """Show the tokens of whoever has signed in; the sessions of browsers are some of them."""
    with session.opened(request) as context:
        return _account(request, context, number=number)


@post("/account", status_code=200)
async def change_own_tokens(request: AnyRequest, body: bytes) -> Page:
    """Make a token, which is shown once; or revoke one, those of all sign-ins, or every one."""
    typed = session.form(request, body)

    def work(context: Context) -> Page:
        tokens = Tokens(context)
        try:
            if typed.get("_do") in {"sign-ins", "all"}:
                tokens.revoke_all(sign_ins_only=typed["_do"] == "sign-ins")
                return redirect(request, "/sign-in", cookies=[session.cookie(request, None)])
            return _account(request, context, made=_changed(tokens, typed))
        except QualyticsError as exc:
            return _account(request, context, exc)

    return await session.answer(request, work)


@get("/users", sync_to_thread=True)
def list_users(request: AnyRequest, name: Text = None, kind: Kind = None, number: Number = 1) -> Page:
    """List users and service accounts."""
    with session.opened(request) as context:
        return _users(request, context, {"name": name or "", "kind": kind or ""}, number)


@post("/users", status_code=200)
async def create_user(request: AnyRequest, body: bytes) -> Page:
    """Create a user or a service account."""
    typed = session.form(request, body)

    def work(context: Context) -> Page:
        nothing = {"name": "", "kind": ""}
        if typed.get("_do") == "show":
            context.require(USERS)
            return _users(request, context, nothing, 1, typed=typed)
        given = {field: typed[field] for field in _FIELDS if typed.get(field)}
        try:
            made = Users(context).create(given)
        except (NotSignedIn, NotAllowed):
            raise
        except QualyticsError as exc:
            return _users(request, context, nothing, 1, exc, typed)
        return redirect(request, f"/users/{made['id']}")

    return await session.answer(request, work)


@get("/users/{user_id:int}", sync_to_thread=True)
def show_user(request: AnyRequest, user_id: int, number: Number = 1) -> Page:
    """Show a user with their tokens and sign-ins."""
    with session.opened(request) as context:
        return _user(request, context, user_id, number=number)


@post("/users/{user_id:int}", status_code=200)
async def change_user(request: AnyRequest, body: bytes, user_id: int) -> Page:
    """Change role, address or password of a user; or one of their tokens."""
    typed = session.form(request, body)

    def work(context: Context) -> Page:
        if typed.get("_do") == "show":
            return _user(request, context, user_id, typed=typed)
        try:
            if "_do" in typed:
                return _user(request, context, user_id, made=_changed(Tokens(context), typed, user_id))
            changes = {"role": typed.get("role", ""), "email": typed.get("email") or None}
            changes |= {"password": typed["password"]} if typed.get("password") else {}
            Users(context).update(user_id, changes, version=session.version(typed))
        except (NotSignedIn, NotAllowed):
            raise
        except QualyticsError as exc:
            return _user(request, context, user_id, exc, typed=typed)
        return redirect(request, f"/users/{user_id}")

    return await session.answer(request, work)


@get("/users/{user_id:int}/delete", sync_to_thread=True)
def show_delete(request: AnyRequest, user_id: int) -> Page:
    """Show what ends with a user, and ask for the name."""
    with session.opened(request) as context:
        return _delete_page(request, context, user_id)


@post("/users/{user_id:int}/delete", status_code=200)
async def remove_user(request: AnyRequest, body: bytes, user_id: int) -> Page:
    """Delete a user whose name was typed."""
    typed = session.form(request, body)

    def work(context: Context) -> Page:
        name = Users(context).get(user_id)["name"]
        if typed.get("confirm", "").strip() != name:
            wrong = Problem("confirm", "this is not the name of the user", f"type {name}")
            return _delete_page(request, context, user_id, InvalidInput([wrong]))
        try:
            Users(context).delete(user_id, version=session.version(typed))
        except (NotSignedIn, NotAllowed):
            raise
        except QualyticsError as exc:
            return _delete_page(request, context, user_id, exc)
        return redirect(request, "/users")

    return await session.answer(request, work)


def _delete_page(request: AnyRequest, context: Context, user_id: int, error: QualyticsError | None = None) -> Page:
    context.require(USERS)
    user = Users(context).get(user_id)
    values = {
        "user": user,
        "version": getattr(user, "version", None),
        "is_oneself": user_id == context.actor.user_id,
        "tokens": [token["name"] for token in _good_tokens(context, user_id)],
        "grants": Grants(context).page(1, _NAMES_SHOWN, user_id),
        "owned": Connections(context).page(ListQuery(owner=user["name"], sort="name"), 1, _NAMES_SHOWN),
        "error": error,
        "problems": forms.problems_at(error, ("confirm",))[0],
    }
    return shown(request, context, "user_delete.html", values, error.http_status if error is not None else 200)


def _good_tokens(context: Context, user_id: int) -> list[Token]:
    found = Tokens(context).page(1, MAX_ACTIVE, user_id, good_first=True)["items"]
    return [token for token in found if token["active"]]


def _changed(tokens: Tokens, typed: Mapping[str, str], user_id: int | None = None) -> str | None:
    """Make a token and return it, or revoke one; by what the pressed button says."""
    what, _, number = typed.get("_do", "").partition(":")
    token_id = sent_forms.id_in(number)
    if what == "revoke" and token_id is not None:
        tokens.revoke(token_id)
        return None
    if what != "create":
        raise UsageError("the form has no such button")
    return tokens.create(typed.get("name", ""), user=user_id)["bearer_token"]


def _account(
    request: AnyRequest,
    context: Context,
    error: QualyticsError | None = None,
    made: str | None = None,
    number: int = 1,
) -> Page:
    context.require(OWN_TOKENS)
    values = {
        "tokens": Tokens(context).page(number, PAGE_SIZE, good_first=True),
        "own": context.actor.token_id,
        "user": Users(context).me(),
        "made": made,
        "error": error,
        "address": "/account",
        "address_of": lambda page: f"/account?page={page}",
    }
    return shown(request, context, "account.html", values, error.http_status if error is not None else 200)


def _users(
    request: AnyRequest,
    context: Context,
    asked: Mapping[str, str],
    number: int,
    error: QualyticsError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Page:
    found = Users(context).page(number, PAGE_SIZE, asked["kind"] or None, asked["name"] or None)
    problems, others = forms.problems_at(error, _FIELDS)
    values: dict[str, Any] = {
        "found": found,
        "asked": asked,
        "kinds": KINDS,
        "roles": ROLES,
        "rights": ALL,
        "error": others,
        "problems": problems,
        "is_dropped": bool(typed and (typed.get("password") or typed.get("_dropped"))),
        "typed": {field: (typed or {}).get(field, "") for field in _FIELDS if field != "password"},
        "address_of": lambda page: f"/users?{urlencode({**asked, 'page': page})}",
    }
    return shown(request, context, "users.html", values, error.http_status if error is not None else 200)


def _user(
    request: AnyRequest,
    context: Context,
    user_id: int,
    error: QualyticsError | None = None,
    *,
    made: str | None = None,
    typed: Mapping[str, str] | None = None,
    number: int = 1,
) -> Page:
    user = Users(context).get(user_id)
    problems, others = forms.problems_at(error, _FIELDS)
    stored = {"role": user["role"], "email": user["email"] or ""}
    given = typed or {}
    sign_ins = []
    if context.actor.role in AUDIT.roles:
        sign_ins = Audit(context).list(limit=_SIGN_INS_SHOWN, action="user.login", actor=user["name"])
    values = {
        "user": user,
        "version": getattr(user, "version", None),
        "tokens": Tokens(context).page(number, PAGE_SIZE, user_id, good_first=True),
        "own": context.actor.token_id,
        "sign_ins": sign_ins,
        "roles": ROLES,
        "made": made,
        "error": others,
        "problems": problems,
        "typed": {name: given.get(name, value) for name, value in stored.items()},
        "theirs": stored if isinstance(error, VersionChanged) else {},
        "is_dropped": bool(given.get("password") or given.get("_dropped")),
        "address": f"/users/{user_id}",
        "address_of": lambda page: f"/users/{user_id}?page={page}",
    }
    return shown(request, context, "user.html", values, error.http_status if error is not None else 200)


ROUTES: list[Callable[..., Any]] = [
    *(show_account, change_own_tokens),
    *(list_users, create_user, show_user, change_user, show_delete, remove_user),
]
