"""/grants: who may have which connection with its secrets; an Admin grants and ends it, others see their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from litestar import get, post

from qualytics.errors import NotAllowed, NotFound, NotSignedIn, QualyticsError, UsageError
from qualytics.server import sent_forms
from qualytics.server.parameters import AnyRequest, Text
from qualytics.server.runtime import runtime_of
from qualytics.server.web import forms, session
from qualytics.server.web.account_pages import Number
from qualytics.server.web.pages import shown
from qualytics.server.web.render import Page, redirect
from qualytics.service import documents
from qualytics.service.grants import Grants
from qualytics.service.rights import GRANT
from qualytics.settings import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics.service.context import Context

_FIELDS = ("user", "connection", "expires_in_days")
_ALL = {"user": "", "connection": ""}


@get("/grants", sync_to_thread=True)
def list_grants(request: AnyRequest, user: Text = None, connection: Text = None, number: Number = 1) -> Page:
    """List grants: all, those of a user or for a connection; one's own to who is no Admin."""
    with session.opened(request) as context:
        return _page(request, context, {"user": user or "", "connection": connection or ""}, number)


@post("/grants", status_code=200)
async def change_grants(request: AnyRequest, body: bytes) -> Page:
    """Grant the use of a connection; or end a grant, by what the pressed button says."""
    typed = session.form(request, body)

    def work(context: Context) -> Page:
        context.require(GRANT)
        given = {name: typed[name].strip() for name in _FIELDS if typed.get(name, "").strip()}
        if typed.get("_do") == "show":
            return _page(request, context, _ALL, 1, typed=typed)
        try:
            what, _, number = typed.get("_do", "").partition(":")
            grant_id = sent_forms.id_in(number)
            if what == "end" and grant_id is not None:
                Grants(context).delete(grant_id)
            elif what == "create":
                days = given.get("expires_in_days", "")
                Grants(context).create_from({**given, "expires_in_days": forms.number_of(days)})
            else:
                raise UsageError("the form has no such button")
        except (NotSignedIn, NotAllowed):
            raise
        except QualyticsError as exc:
            return _page(request, context, _ALL, 1, exc, typed)
        return redirect(request, f"/grants?{urlencode(_ALL | {'connection': given.get('connection', '')})}")

    return await session.answer(request, work)


def _page(
    request: AnyRequest,
    context: Context,
    asked: Mapping[str, str],
    number: int,
    error: QualyticsError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Page:
    found: Any = documents.page([], 0, 1, PAGE_SIZE)
    try:
        found = Grants(context).page(number, PAGE_SIZE, asked["user"] or None, asked["connection"] or None)
    except NotFound as exc:  # nothing of that name; said above a list that is empty
        error = error or exc
    problems, others = forms.problems_at(error, _FIELDS)
    values = {
        "found": found,
        "asked": asked,
        "is_filtered": any(asked.values()),
        "may_grant": context.actor.role in GRANT.roles,
        "gives_secrets": runtime_of(request).config.allow_use,
        "problems": problems,
        "error": others,
        "typed": {name: (typed or asked).get(name, "") for name in _FIELDS},
        "address_of": lambda page: f"/grants?{urlencode({**asked, 'page': page})}",
    }
    return shown(request, context, "grants.html", values, error.http_status if error is not None else 200)


ROUTES: list[Callable[..., Any]] = [list_grants, change_grants]
