"""The application: routes, errors, headers, limits; one for each worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Litestar, Router
from litestar.exceptions import HTTPException

from qualytics.errors import QualyticsError
from qualytics.probe._platform import harden
from qualytics.server import (
    accounts,
    compat,
    configuration,
    connections,
    datastores,
    discovery,
    meta,
    openapi,
    operations,
    problems,
    run_operations,
    sign_in,
    use,
)
from qualytics.server.config import load
from qualytics.server.guard import Guard
from qualytics.server.runtime import Runtime
from qualytics.server.web import (
    account_pages,
    connection_forms,
    connection_pages,
    datastore_pages,
    estate_pages,
    explain_pages,
    grant_pages,
    pages,
    render,
    sign_in_pages,
)

if TYPE_CHECKING:
    from litestar import Response

    from qualytics.server.config import Config
    from qualytics.server.parameters import AnyRequest

ROUTES: list[Any] = [
    *(*connections.ROUTES, *discovery.ROUTES, *datastores.ROUTES),
    *(*operations.ROUTES, *run_operations.ROUTES, *accounts.ROUTES, *compat.ROUTES, *configuration.ROUTES),
    *use.ROUTES,
]
PAGES: list[Any] = [
    *pages.ROUTES,
    *connection_pages.ROUTES,
    *estate_pages.ROUTES,
    *account_pages.ROUTES,
    *grant_pages.ROUTES,
    *sign_in_pages.ROUTES,
    *connection_forms.ROUTES,
    *datastore_pages.ROUTES,
    *explain_pages.ROUTES,
    render.static_file,
]


def make_app(config: Config) -> Guard:
    """Return the application of one worker, with what guards it."""
    runtime = Runtime(config)

    async def begin() -> None:
        await runtime.begin()
        runtime.beside(run_operations.take_up(runtime))

    routers = [Router(config.path, route_handlers=[*ROUTES, *meta.ROUTES, *sign_in.ROUTES])]
    if config.has_pages:
        path, by = config.pages_path or "/", pages.HANDLERS
        routers.append(Router(path, route_handlers=PAGES, exception_handlers=by, before_request=pages.require_taken))
    app = Litestar(
        routers,
        exception_handlers={
            QualyticsError: problems.of_product,
            HTTPException: _of_http,
            Exception: problems.of_fault,
        },
        on_startup=[begin],
        on_shutdown=[runtime.close],
        openapi_config=None,
        request_max_body_size=None,
        logging_config=None,
        debug=False,
    )
    sets = frozenset(f"{config.path}{path}" for route in ROUTES if route.opt.get("is_set") for path in route.paths)
    app.state.runtime = runtime
    app.state.sign_in = sign_in.config_of(config)
    runtime.openapi = openapi.document(config.path, [*ROUTES, *meta.ROUTES])
    return Guard(app, runtime, sets)


def _of_http(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    return pages.of_http(request, error) if pages.is_for_pages(request) else problems.of_http(request, error)


def from_environment() -> Guard:
    """Return the application that the environment describes; a worker's way in."""
    harden()
    return make_app(load())
