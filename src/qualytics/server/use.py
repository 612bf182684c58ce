"""/api/connections/{id}/use and /api/grants: connections with their secrets, and who was granted them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar import delete, get, post
from litestar.params import Parameter

from qualytics.errors import InvalidInput, NotAllowed, NotSignedIn, Problem
from qualytics.model import MAX_ID
from qualytics.server import bodies
from qualytics.server.config import plain_address
from qualytics.server.parameters import AnyRequest, DryRun, Page, Reply, Size, Text, record_of, with_names
from qualytics.server.runtime import opened, runtime_of
from qualytics.service.connections import uses
from qualytics.service.connections.uses import Uses
from qualytics.service.grants import Grants
from qualytics.service.rights import GRANT, OWN_GRANTS, READ, USE
from qualytics.settings import PAGE_SIZE
from qualytics.urls import is_loopback, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.server.config import Config

Number = Annotated[int | None, Parameter(ge=1, le=MAX_ID, description="id, in place of a name")]
# How headers begin, or end, that proxies add to a request, so that it began elsewhere whatever address it comes from.
_FORWARDING = (
    *("forwarded", "via", "x-forwarded", "x-original-", "x-real-", "x-envoy-", "x-cluster-client-", "x-client-ip"),
    *("x-azure-", "x-amzn-", "x-cloud-trace-", "cf-", "fastly-", "fly-", "front-end-https", "x-scheme", "true-client-"),
)


@post(
    "/connections/{connection_id:int}/use",
    sync_to_thread=True,
    status_code=200,
    opt={"body": "Use", "reply": "UsedConnection", "right": USE},
)
def use_connection(request: AnyRequest, body: bytes) -> Reply:
    """Return a connection with its secrets in clear, to whom an Admin has granted it; written to the audit log."""
    _require_bearer(request)
    record, given = record_of(request), bodies.fields(request, body)
    if unknown := sorted(given.keys() - {"purpose"}):
        raise InvalidInput([Problem(name, f"{name} is no field of a use", None, "unknown-field") for name in unknown])
    with opened(request) as context:
        used = Uses(context, _refusal(request)).use(record, purpose=given.get("purpose") or "")
        return bodies.reply(uses.document(used))


@get("/connections/{connection_id:int}/use", sync_to_thread=True, opt={"reply": "Grant", "right": USE})
def get_use(request: AnyRequest) -> Reply:
    """Return the grant by which one may use a connection now; 403 where a use would be refused."""
    _require_bearer(request)
    with opened(request) as context:
        return bodies.reply(Uses(context, _refusal(request)).grant(record_of(request)))


@get("/connections/{connection_id:int}/uses", sync_to_thread=True, opt={"reply": "LastUses", "right": READ})
def list_uses(request: AnyRequest) -> Reply:
    """List the last use of a connection by each user, the newest first."""
    with opened(request) as context:
        return bodies.reply({"items": Uses(context).last(record_of(request))})


@get("/grants", sync_to_thread=True, opt={"reply": "GrantPage", "right": OWN_GRANTS})
def list_grants(
    request: AnyRequest,
    user: Text = None,
    user_id: Number = None,
    connection: Text = None,
    connection_id: Number = None,
    page: Page = 1,
    size: Size = PAGE_SIZE,
) -> Reply:
    """List one's own grants, a page at a time; an Admin all, or those of a user; or those for a connection."""
    filters = (user_id if user is None else user, connection_id if connection is None else connection)
    with opened(request) as context:
        return bodies.reply(Grants(context).page(page, size, *filters))


@post("/grants", sync_to_thread=True, status_code=200, opt={"body": "GrantCreate", "reply": "Grant", "right": GRANT})
def create_grant(request: AnyRequest, body: bytes) -> Reply:
    """Let a user or service account have a connection with its secrets; both by id or name."""
    given = bodies.fields(request, body)
    with opened(request) as context:
        return bodies.reply(Grants(context).create_from(given))


@get("/grants/{grant_id:int}", sync_to_thread=True, opt={"reply": "Grant", "right": OWN_GRANTS})
def get_grant(request: AnyRequest) -> Reply:
    """Return a grant of one's own; an Admin anybody's."""
    with opened(request) as context:
        return bodies.reply(Grants(context).get(int(request.path_params["grant_id"])))


@delete("/grants/{grant_id:int}", sync_to_thread=True, status_code=200, opt={"reply": "DeletedGrant", "right": GRANT})
def delete_grant(request: AnyRequest, dry_run: DryRun = False) -> Reply:
    """End a grant at once."""
    with opened(request) as context:
        grant_id = int(request.path_params["grant_id"])
        return bodies.deleted(request, Grants(context).delete(grant_id, dry_run=dry_run))


def _require_bearer(request: AnyRequest) -> None:
    """Refuse a request without a token of its own: what a browser adds by itself never opens a secret.

    Raises:
        NotSignedIn: there is no bearer token.

    """
    if not request.headers.get("authorization", "").lower().startswith("bearer "):
        raise NotSignedIn("a use takes a bearer token", "send it as Authorization: Bearer TOKEN")


def _refusal(request: AnyRequest) -> NotAllowed | None:
    """Return why a request may not be answered with secrets, whoever asks; None where it may."""
    config = runtime_of(request).config
    if not config.allow_use:
        hint = "an Admin can allow it with --allow-use when the server starts"
        return NotAllowed("this control plane gives nobody the secrets of its connections", hint)
    if not _is_private(request, config):
        return NotAllowed(
            "secrets go over TLS or loopback only, and this request has come over neither",
            "reach it over https, through a proxy that --trusted-proxy names and that sets X-Forwarded-Proto",
        )
    return None


def _is_private(request: AnyRequest, config: Config) -> bool:
    """Say whether nobody on the way can have read a request: TLS up to a trusted proxy, or this machine alone."""
    peer = plain_address(request.client.host) if request.client else None
    if peer is None:
        return False
    if peer in config.trusted_proxy:
        hops = ",".join(request.headers.getall("x-forwarded-proto", [])).split(",")
        return all(hop.strip().lower() == "https" for hop in hops)
    if config.trusted_proxy or any(name.lower().startswith(_FORWARDING) for name in request.headers):
        return False
    # A proxy that adds nothing may keep the name under which users reach it.
    urls = (config.public_url, f"http://{request.headers.get('host', '')}")
    return is_loopback(peer) and all(url is None or _is_of_loopback(url) for url in urls)


def _is_of_loopback(url: str) -> bool:
    try:
        return is_loopback(split(url).hostname or "")
    except ValueError:
        return False


ROUTES: list[Callable[..., Any]] = [
    *with_names([use_connection, get_use, list_uses]),
    *(list_grants, create_grant, get_grant, delete_grant),
]
