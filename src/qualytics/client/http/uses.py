"""Uses of a control plane's connections on this machine: what other programs get of them, and reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qualytics.client.http import replies
from qualytics.client.http.paths import USE, path_of
from qualytics.connectors.contract import SHARED_SSL_MODE
from qualytics.errors import NotFound, Unreachable
from qualytics.fields import BY_NAME, SECRETS
from qualytics.model import Scope, UsedConnection
from qualytics.secret import MASKS, Secret
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qualytics import types
    from qualytics.client.contract import Reader
    from qualytics.client.http.api import Api

_CONNECTIONS = "/connections"


def use(api: Api, record: int | str, purpose: str) -> UsedConnection:
    """Return a connection with its secrets in clear; `purpose` is for the audit log of the control plane.

    Raises:
        NotFound: there is no such connection.
        NotAllowed: nobody has granted its use, or the control plane gives no secrets, or not on this way.
        InvalidInput: the purpose is missing or too long.
        TooMany: the token was used too often.

    """
    content, version = api.call("POST", path_of(_CONNECTIONS, record, USE), None, {"purpose": purpose})
    used = _used(content, version)
    if isinstance(record, int) and used.id != record:
        raise Unreachable("the control plane answered with another connection than was asked for", replies.URL_HINT)
    return used


def read_connection(api: Api, record: int | str, scope: Scope, options: Mapping[str, Any]) -> Reader:
    """Read through a connection; see `service.connections.reads.begin`.

    Raises:
        QualyticsError: as `use`, and as that.

    """
    from qualytics.service.connections import reads

    used = use(api, record, reads.purpose(options))
    databases = _databases(api, used) if scope.database is None else []
    return cast("Reader", reads.begin(used, scope, options, login_databases=databases, ask=_asking(api, used)))


def open_connection(api: Api, record: int | str, database: str | None) -> Any:
    """Open a connection of the driver; see `service.connections.opening.open_connection`.

    Raises:
        QualyticsError: as `use`, and as that.

    """
    from qualytics.service.connections import opening

    used = use(api, record, opening.PURPOSE)
    databases = _databases(api, used) if database is None else []
    return opening.open_connection(used, database, login_databases=databases)


def read_datastore(api: Api, datastore: types.Datastore, options: Mapping[str, Any]) -> Reader:
    """Read in the place of a datastore; as `read_connection`."""
    from qualytics.service.connections import reads

    used = use(api, datastore["connection_id"], reads.purpose(options))
    scope = Scope(datastore["database"], datastore["schema"], datastore["root_path"])
    return cast("Reader", reads.begin(used, scope, options, datastore=datastore["name"], ask=_asking(api, used)))


def uses(api: Api, record: int | str) -> Sequence[types.LastUse]:
    """Return the last use of a connection by each user, the newest first.

    Raises:
        NotFound: there is no such connection.

    """
    try:
        return replies.items(api.call("GET", path_of(_CONNECTIONS, record, "/uses"))[0])
    except (NotFound, Unreachable):  # as of a server without that path
        api.call("GET", path_of(_CONNECTIONS, record))  # which says whether it is the connection that is missing
        return []  # nobody can use one there


def _asking(api: Api, used: UsedConnection) -> Callable[[], object]:
    """Return what asks whether a connection may still be used, over a connection of its own."""
    from qualytics.client.http.api import Api
    from qualytics.reading.watch import ANSWER_S

    endpoint = api.control_plane.endpoint
    endpoint = replace(endpoint, timeout_s=min(endpoint.timeout_s, ANSWER_S))
    own = Api(replace(api.control_plane, endpoint=endpoint))

    def ask() -> None:
        try:
            own.call("GET", path_of(_CONNECTIONS, used.id, USE))
        finally:
            own.close()  # it is not asked again for a while

    return ask


def _databases(api: Api, used: UsedConnection) -> list[str | None]:
    return [store.get("database") for store in api.listed("/datastores", [("connection_id", used.id)], dict)]


def _used(record: Any, version: int | None) -> UsedConnection:
    known = replies.record_of(record, "id", "name", "type")
    kinds = {"id": int, "name": str, "type": str, "parameters": dict}
    if any(name in known and not isinstance(known[name], kind | None) for name, kind in kinds.items()):
        raise Unreachable("what the control plane answered is not a connection", replies.URL_HINT)
    fields = {name: known[name] for name in BY_NAME if name != "type" and known.get(name) is not None}
    secrets = {name: Secret(str(fields.pop(name))) for name in SECRETS if name in fields}
    if any(secret.reveal() in MASKS for secret in secrets.values()):
        raise Unreachable("the control plane answered with masks in place of secrets", replies.URL_HINT)
    name = fields.pop("name")
    return UsedConnection(known["id"], name, known["type"], fields, secrets, SHARED_SSL_MODE, version or 0)
