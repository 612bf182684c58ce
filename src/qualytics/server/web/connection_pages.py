"""/connections and /connections/7: which connection fails, since when and why; what is known of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from litestar import get
from litestar.params import Parameter, QueryParameter

from qualytics import connectors
from qualytics.fields import SECRETS
from qualytics.model import STATES, ListQuery
from qualytics.server.operations import service_of
from qualytics.server.parameters import AnyRequest, Text
from qualytics.server.runtime import runtime_of
from qualytics.server.web import markup, session
from qualytics.server.web.pages import shown
from qualytics.server.web.plots import plot
from qualytics.server.web.render import Page, root_of
from qualytics.service.connections import past_tests
from qualytics.service.connections.explain import explain_failure
from qualytics.service.connections.uses import Uses
from qualytics.service.connections.verbs import Connections
from qualytics.service.rights import TEST
from qualytics.settings import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics.errors import QualyticsError
    from qualytics.service.context import Context
    from qualytics.types import Connection, ConnectionState, Datastore, TestReport, Verdict
    from qualytics.types import Page as Listed

# Names of the query that are functions or modules here. A form sends what was left empty, too.
Number = Annotated[int, QueryParameter(name="page", ge=1, le=1_000_000_000)]
Kind = Annotated[str | None, QueryParameter(name="type", max_length=64)]
State = Annotated[str | None, QueryParameter(name="state", pattern=f"^({'|'.join(STATES)})?$")]
_SORTS = {"state": "worst first", "name": "name", "type": "type", "-id": "newest first"}
Sort = Annotated[str, Parameter(pattern=f"^({'|'.join(_SORTS)})$")]
_CHANGES_SHOWN = 50
_TESTS_SHOWN = 20
# Beside the fields that somebody gave: what is shown elsewhere on the page, and what tests found out.
_ELSEWHERE = ("id", "name", "datastores", "created")
_DETECTED = ("product_name", "product_version", "driver_name", "driver_version")


@get("/connections", sync_to_thread=True)
def list_connections(
    request: AnyRequest,
    search: Text = None,
    kind: Kind = None,
    tag: Text = None,
    owner: Text = None,
    word: State = None,
    sort: Sort = "state",
    number: Number = 1,
) -> Page:
    """List connections with the state of each, the worst first; filters that are empty ask for nothing."""
    wanted = ListQuery(
        search=search or None,
        types=(connectors.get(kind).type,) if kind else (),
        tags=(tag,) if tag else (),
        owner=owner or None,
        states=(word,) if word else (),
        sort=sort.removeprefix("-"),
        is_descending=sort.startswith("-"),
    )
    asked = {"search": search, "type": kind, "tag": tag, "owner": owner, "state": word}
    given = {name: value for name, value in asked.items() if value}
    with session.opened(request) as context:
        found = Connections(context).page(wanted, number, PAGE_SIZE)
        states = past_tests.states(context, [one["id"] for one in found["items"]]) if found["items"] else {}
        values: dict[str, Any] = {
            "found": found,
            "rows": markup.connection_rows(root_of(request), found["items"], states),
            "asked": asked,
            "is_filtered": bool(given),
            "sort": sort,
            "sorts": _SORTS,
            "words": STATES,
            "types": connectors.all_connectors(),
            "address_of": lambda page: f"/connections?{urlencode(given | {'sort': sort, 'page': page})}",
        }
        return shown(request, context, "connections.html", values)


@get("/connections/{connection_id:int}", sync_to_thread=True)
def show_connection(request: AnyRequest, connection_id: int) -> Page:
    """Show one connection: how it does and what to do now, its fields, tests, users and changes."""
    with session.opened(request) as context:
        return connection_page(request, context, connection_id)


def connection_page(
    request: AnyRequest,
    context: Context,
    connection_id: int,
    report: TestReport | None = None,
    error: QualyticsError | None = None,
) -> Page:
    """Return the page of a connection, with the report of a test that has just ended, or why there was none."""
    service = Connections(context)
    document = connection_of(context, connection_id)
    connector = connectors.get(document["type"])
    if context.actor.role in TEST.roles:
        runtime_of(request).prepare_test(connector.type)
    tests = service.tests(connection_id)
    state = past_tests.states(context, [connection_id]).get(connection_id)
    secrets = [name for name in document if name in SECRETS]
    values = {
        "connection": document,
        "datastores": users_of(context, connection_id),
        "stage_names": connector.stages,
        "report": report,
        "error": error,
        "fields": _fields(document),
        "secrets": {name: bool(document[name]) for name in secrets},  # type: ignore[literal-required]  # a key of it
        "detected": {name: document[name] for name in _DETECTED if document[name]},  # type: ignore[literal-required]  # as above
        "state": state,
        "advice": _advice(document["type"], state),
        "tests": tests[:_TESTS_SHOWN],
        "count": len(tests),
        "plot": plot(tests),
        "uses": Uses(context).last(connection_id),
        # What made no version of it was a test or a use, which stand elsewhere.
        "versions": [one for one in service.history(connection_id)["versions"] if "version" in one][:_CHANGES_SHOWN],
    }
    return shown(request, context, "connection.html", values, error.http_status if error is not None else 200)


def connection_of(context: Context, connection_id: int) -> Connection:
    """Return the document of a connection as lists have it, without its datastores, of which there may be thousands.

    Raises:
        NotFound: there is no such connection.

    """
    service = Connections(context)
    found = service.page(ListQuery(ids=(connection_id,)), 1, 1)["items"]
    return found[0] if found else service.get(connection_id)


def users_of(context: Context, connection_id: int) -> Listed[Datastore]:
    """Return the first datastores that use a connection, and how many do."""
    return service_of(context).page(ListQuery(connection_id=connection_id), 1, PAGE_SIZE)


def _fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are set but secrets, each parameter as one."""
    hidden = {*_ELSEWHERE, *_DETECTED, *SECRETS, "parameters"}
    fields = {name: value for name, value in document.items() if name not in hidden and value not in (None, [])}
    return fields | {f"parameters.{name}": value for name, value in (document.get("parameters") or {}).items()}


def _advice(type_name: str, state: ConnectionState | None) -> Verdict | None:
    if state is None or state["state"] != "fails" or state["class"] is None:
        return None
    return explain_failure(type_name, state["class"], state["code"])


ROUTES: list[Callable[..., Any]] = [list_connections, show_connection]
