"""/connections/new, /connections/7/edit, …/test and …/delete: forms that one verb each takes."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from litestar import get, post

from qualytics import connectors
from qualytics.errors import (
    ConnectionInUse,
    InvalidInput,
    NotFound,
    Problem,
    QualyticsError,
    TestFailed,
    UsageError,
    VersionChanged,
)
from qualytics.server import sent_forms
from qualytics.server.parameters import AnyRequest
from qualytics.server.runtime import runtime_of
from qualytics.server.stage_stream import accepts_lines, answer_test
from qualytics.server.web import forms, session
from qualytics.server.web.connection_pages import connection_of, connection_page, users_of
from qualytics.server.web.pages import shown
from qualytics.server.web.render import Page, redirect
from qualytics.service.connections.uses import Uses
from qualytics.service.connections.verbs import Connections
from qualytics.service.foreign import pasted
from qualytics.service.grants import Grants
from qualytics.service.rights import ALL_GRANTS, TEST, WRITE
from qualytics.structs import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics.connectors.contract import Connector
    from qualytics.model import OnStage
    from qualytics.service.context import Context
    from qualytics.types import Connection, TestReport


class _Record(Struct):
    """What a form is about: a new connection of a type, or a stored one with its version."""

    connector: Connector
    document: Connection | None = None
    version: int | None = None

    @property
    def address(self) -> str:
        return f"/connections/{self.document['id']}" if self.document is not None else "/connections"

    @property
    def stored(self) -> frozenset[str]:
        document: Mapping[str, Any] = self.document or {}
        return frozenset(name for name in forms.secrets_of(self.connector) if document.get(name))

    def request(self, typed: Mapping[str, str]) -> dict[str, Any]:
        """Return the fields of a create, or the changes of an update."""
        if self.document is None:
            return forms.fields_of(self.connector, typed)
        return forms.changes_of(self.connector, typed, self.document)


class _Sent(Struct):
    """What a page of a form shows beside the record: what was typed, and what came of it."""

    typed: Mapping[str, str]
    error: QualyticsError | None = None
    dropped: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)


@get("/connections/new", sync_to_thread=True)
def show_new(request: AnyRequest) -> Page:
    """Show the form of a new connection, or the types there are."""
    with session.opened(request) as context:
        context.require(WRITE)
        if not request.query_params.get("type"):
            return _types(request, context)
        return _form(request, context, _new(request), _Sent({}))


@post("/connections/new", status_code=200)
async def create(request: AnyRequest, body: bytes) -> Page:
    """Store a new connection; or do with the form what the pressed button says."""
    typed = session.form(request, body)

    def work(context: Context) -> Page:
        context.require(WRITE)
        if typed.get("_do") == "paste" or "type" not in request.query_params:
            return _paste(request, context, None, typed)
        return _sent(request, context, _new(request), typed, lambda given: Connections(context).create(given))

    return await session.answer(request, work)


@get("/connections/{connection_id:int}/edit", sync_to_thread=True)
def show_stored(request: AnyRequest, connection_id: int) -> Page:
    """Show the form of a stored connection."""
    with session.opened(request) as context:
        context.require(WRITE)
        return _form(request, context, _stored(context, connection_id), None)


@post("/connections/{connection_id:int}/edit", status_code=200)
async def change(request: AnyRequest, body: bytes, connection_id: int) -> Page:
    """Store the changes of a connection; or do with the form what the pressed button says."""
    typed = session.form(request, body)

    def work(context: Context) -> Page:
        context.require(WRITE)
        try:
            record = _stored(context, connection_id)
        except NotFound as exc:
            return _gone(request, context, typed, exc)
        if typed.get("_do") == "paste":
            return _paste(request, context, record, typed)
        version = session.version(typed)

        def save(given: Mapping[str, Any]) -> Connection:
            # Without a change of their own nobody is told that somebody else's stands in the way.
            if version != record.version:
                raise VersionChanged("the connection was changed since this form was opened")
            return Connections(context).update(connection_id, given, version=version)

        return _sent(request, context, record, typed, save)

    return await session.answer(request, work)


@post("/connections/test", status_code=200)
async def try_new(request: AnyRequest, body: bytes) -> Page:
    """Test what a form of a new connection shows."""
    typed = session.form(request, body)

    def test(context: Context, record: _Record, on_stage: OnStage | None) -> TestReport:
        return Connections(context).test_unsaved(record.request(typed), on_stage=on_stage)

    return await _tried(request, typed, lambda _context: _new(request), test)


@post("/connections/{connection_id:int}/test", status_code=200)
async def try_stored(request: AnyRequest, body: bytes, connection_id: int) -> Page:
    """Test what a form of a stored connection shows, with the stored secrets that it keeps; or all as it is stored."""
    typed = session.form(request, body)

    def test(context: Context, record: _Record, on_stage: OnStage | None) -> TestReport:
        return Connections(context).test(connection_id, record.request(typed), on_stage=on_stage)

    def shown_again(context: Context, report: TestReport | None, error: QualyticsError | None) -> Page:
        return connection_page(request, context, connection_id, report, error)

    as_stored = typed.get("_do") == "stored"
    return await _tried(
        request, typed, lambda context: _stored(context, connection_id), test, shown_again if as_stored else None
    )


async def _tried(
    request: AnyRequest,
    typed: Mapping[str, str],
    record_of: Callable[[Context], _Record],
    test: Callable[[Context, _Record, OnStage | None], TestReport],
    page_of: Callable[[Context, TestReport | None, QualyticsError | None], Page] | None = None,
) -> Page:
    """Test, and answer with the stages as they end, or with the form and the report, or another page."""
    tested: list[Connector] = []

    def verb(context: Context, on_stage: OnStage | None) -> TestReport:
        record = record_of(context)
        tested.append(record.connector)
        return test(context, record, on_stage)

    if accepts_lines(request):
        return await answer_test(
            request, verb, session.answer, lambda report: {"field": forms.about(tested[0], report) or None}
        )

    def work(context: Context) -> Page:
        context.require(TEST)
        report, error = None, None
        try:
            report = verb(context, None)
        except QualyticsError as exc:
            error = exc
        if page_of is not None:
            return page_of(context, report, error)
        try:
            record = record_of(context)
        except NotFound as exc:
            return _gone(request, context, typed, exc)
        here = json.dumps(forms.as_tested(record.connector, typed)) if report is not None else ""
        at = forms.about(record.connector, report) if report is not None else ""
        if report is not None and at:
            error = InvalidInput([Problem(at, f"the test failed here: {report['message']}", report["hint"])])
        secrets = forms.tested_secrets(record.connector, typed, partial(session.digest_of, request))
        again = _again(record, typed, error, report=report, tested=here, tested_secrets=" ".join(secrets.values()))
        return _form(request, context, record, again, 200)

    return await session.answer(request, work, is_test=True)


@get("/connections/{connection_id:int}/delete", sync_to_thread=True)
def show_delete(request: AnyRequest, connection_id: int) -> Page:
    """Show what deleting a connection would break, and ask for its name."""
    with session.opened(request) as context:
        context.require(WRITE)
        return _delete_page(request, context, _stored(context, connection_id))


@post("/connections/{connection_id:int}/delete", status_code=200)
async def remove(request: AnyRequest, body: bytes, connection_id: int) -> Page:
    """Delete a connection that nothing uses, and whose name was typed."""
    typed = session.form(request, body)

    def work(context: Context) -> Page:
        context.require(WRITE)
        record = _stored(context, connection_id)
        name = record.document["name"] if record.document is not None else ""
        if typed.get("confirm", "").strip() != name:
            wrong = Problem("confirm", "this is not the name of the connection", f"type {name}")
            return _delete_page(request, context, record, InvalidInput([wrong]))
        try:
            Connections(context).delete(connection_id, version=session.version(typed))
        except (ConnectionInUse, VersionChanged) as exc:
            return _delete_page(request, context, record, exc)
        return redirect(request, "/connections")

    return await session.answer(request, work)


def _delete_page(request: AnyRequest, context: Context, record: _Record, error: QualyticsError | None = None) -> Page:
    document: Mapping[str, Any] = record.document or {}
    is_told = context.actor.role in ALL_GRANTS.roles
    values = {
        "connection": document,
        "datastores": users_of(context, document["id"]),
        "version": record.version,
        "error": error,
        "uses": Uses(context).last(document["id"]),
        "grants": Grants(context).page(1, 1, None, document["id"])["total"] if is_told else 0,
    }
    return shown(request, context, "connection_delete.html", values, error.http_status if error is not None else 200)


def _sent(
    request: AnyRequest,
    context: Context,
    record: _Record,
    typed: Mapping[str, str],
    save: Callable[[Mapping[str, Any]], Connection],
) -> Page:
    """Save what was typed and lead to the connection; else show the form with what is wrong."""
    if typed.get("_do") == "show":
        return _form(request, context, record, _again(record, typed))
    changed = forms.changed_since(record.connector, typed, partial(session.digest_of, request))
    if changed and typed.get("_do") != "anyway":
        return _form(request, context, record, _again(record, typed, None, changed=changed, **_tested(typed)))
    try:
        given = record.request(typed)
        if not given:
            return redirect(request, record.address)
        document = save(given)
    except VersionChanged as exc:
        return _conflict(request, context, record, typed, exc)
    except QualyticsError as exc:
        return _form(request, context, record, _again(record, typed, exc))
    return redirect(request, f"/connections/{document['id']}")


def _conflict(
    request: AnyRequest, context: Context, record: _Record, typed: Mapping[str, str], error: VersionChanged
) -> Page:
    """Show what somebody else has stored meanwhile beside what was typed; nothing of either is lost."""
    document: Mapping[str, Any] = record.document or {}
    now = forms.of_document(record.connector, document)
    mine, theirs = forms.merged(typed, sent_forms.texts_in(typed.get("_base", "")), now)
    versions = Connections(context).history(document["id"])["versions"]
    rows = [(name, typed.get(name, ""), value) for name, value in theirs.items()]
    conflict = {"rows": rows, "who": next((one["user"]["name"] for one in versions if "version" in one), "")}
    again = _again(record, mine, conflict=conflict)
    return _form(request, context, record, again, status=error.http_status)


def _gone(request: AnyRequest, context: Context, typed: Mapping[str, str], error: NotFound) -> Page:
    """Show what was typed over a connection that is gone as a new one; a page of before has no type to go by."""
    if "_type" not in typed:
        raise error
    new = _Record(connectors.get(typed["_type"]))
    said = NotFound("somebody has deleted this connection", "what was typed stands below: save to store it anew")
    return _form(request, context, new, _again(new, typed, said))


def _paste(request: AnyRequest, context: Context, record: _Record | None, typed: Mapping[str, str]) -> Page:
    """Fill in a form from a pasted text, or show what the message in it means."""
    type_name = request.query_params.get("type") or (record.connector.type if record else None)
    try:
        found = pasted.read(typed.get("_paste", ""), type_name)
        if found.candidate is not None and record is not None and found.candidate.type != record.connector.type:
            raise UsageError(f"this is {found.candidate.type}, and the type of a connection cannot change")
    except QualyticsError as exc:
        if type_name is None:
            return _types(request, context, error=exc)
        here = record or _Record(connectors.get(type_name))
        return _form(request, context, here, _again(here, typed, exc))
    if found.candidate is None:
        if type_name is None:
            return _types(request, context, explained=found.verdict)
        here = record or _Record(connectors.get(type_name))
        return _form(request, context, here, _again(here, typed, explained=found.verdict))
    candidate = found.candidate
    here = record or _Record(connectors.get(str(candidate.type)))
    fields, secrets = forms.without_secrets(here.connector, candidate.fields)
    filled = {"left": candidate.left, "scope": candidate.scope, "secrets": secrets}
    values = {**typed, **forms.of_document(here.connector, fields)}
    return _form(request, context, here, _again(here, values, filled=filled))


def _tested(typed: Mapping[str, str]) -> dict[str, Any]:
    """Return what a page that is shown again knows of the last test; no secret is in it any more."""
    known = [word for word in typed.get("_tested_secrets", "").split() if "=" in word]
    return {"tested": typed.get("_tested", ""), "tested_secrets": " ".join(known)}


def _again(record: _Record, typed: Mapping[str, str], error: QualyticsError | None = None, **more: Any) -> _Sent:
    kept, dropped = forms.without_secrets(record.connector, typed)
    return _Sent(kept, error, (*dropped, *typed.get("_dropped", "").split()), more)


def _new(request: AnyRequest) -> _Record:
    return _Record(connectors.get(request.query_params.get("type", "")))


def _stored(context: Context, connection_id: int) -> _Record:
    document = connection_of(context, connection_id)
    return _Record(connectors.get(document["type"]), document, getattr(document, "version", None))


def _form(
    request: AnyRequest, context: Context, record: _Record, sent: _Sent | None, status: int | None = None
) -> Page:
    connector, document = record.connector, record.document
    may_test = context.actor.role in TEST.roles
    if may_test:
        runtime_of(request).prepare_test(connector.type)
    stored = forms.of_document(connector, document) if document is not None else {}
    sent = sent or _Sent(stored)
    error = sent.error
    problems = forms.problems_of(error)
    form = forms.make(connector, sent.typed, stored=record.stored, problems=problems, dropped=sent.dropped)
    heading = f"Edit {document['name']}" if document is not None else f"New connection: {connector.title}"
    query = "" if document is not None else f"?type={connector.type}"
    own = f"{record.address}/{'edit' if document is not None else 'new'}{query}"
    values: dict[str, Any] = {
        **dict.fromkeys(("report", "conflict", "explained", "filled")),
        "changed": (),
        "tested": "",
        "tested_secrets": "",
        "form": form,
        "heading": heading,
        "action": own,
        "paste_action": own,
        "test_action": f"{record.address}/test{query}",
        "back": record.address,
        "version": record.version,
        "base": json.dumps(stored),
        "unheard": forms.HEAD,
        "may_test": may_test,
        "wrong": sum(bool(control.problems) for control in form.controls),
        "error": error if not problems else None,
    }
    found = error.http_status if error is not None and not isinstance(error, TestFailed) else 200
    return shown(request, context, "connection_form.html", values | sent.more, status or found)


def _types(request: AnyRequest, context: Context, **more: Any) -> Page:
    error: QualyticsError | None = more.get("error")
    problems = error.problems if isinstance(error, InvalidInput) else ()
    values = {"types": connectors.all_connectors(), "problems": problems, "explained": None, **more}
    return shown(request, context, "connection_types.html", values, error.http_status if error else 200)


ROUTES: list[Callable[..., Any]] = [show_new, create, show_stored, change, try_new, try_stored, show_delete, remove]
