"""The shapes of uses of connections, and of grants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics.fields import BY_NAME, SECRETS
from qualytics.model import MAX_PURPOSE
from qualytics.server.shapes import FLAG, ID, TEXT, TIME, closed, list_of, or_null
from qualytics.settings import MAX_GRANT_DAYS

if TYPE_CHECKING:
    from qualytics.server.shapes import Schema

_NAMED = closed({"id": ID, "name": TEXT}, "id", "name")


def components(connection: dict[str, Schema]) -> dict[str, Schema]:
    """Return every shape by name; `connection` has the properties of one whose secrets are masked."""
    grant: dict[str, Schema] = {
        "id": ID,
        "user": _NAMED,
        "connection": _NAMED,
        "active": FLAG,
        "created": TIME,
        "created_by": TEXT,
        "expires": or_null(TIME),
    }
    record: Schema = {"type": ["string", "integer"], "description": "name or id"}
    wanted: dict[str, Schema] = {
        "user": record,
        "connection": record,
        "expires_in_days": or_null({"type": "integer", "minimum": 1, "maximum": MAX_GRANT_DAYS}),
    }
    user = closed({"id": or_null(ID), "name": TEXT}, "id", "name")
    last_use = closed({"user": user, "at": TIME, "purpose": TEXT}, "user", "at", "purpose")
    return {
        "Use": closed({"purpose": {"type": "string", "minLength": 1, "maxLength": MAX_PURPOSE}}, "purpose"),
        "UsedConnection": closed(_used(connection), "id", "name", "type", "connection_type"),
        "LastUses": closed({"items": list_of(last_use)}, "items"),
        "Grant": closed(grant, *grant),
        "GrantCreate": closed(wanted, "user", "connection"),
        "DeletedGrant": closed(grant | {"deleted": FLAG}, *grant, "deleted"),
    }


def _used(connection: dict[str, Schema]) -> dict[str, Schema]:
    in_clear = dict.fromkeys(SECRETS, or_null(TEXT | {"description": "in clear"}))
    own = {name: shape for name, shape in connection.items() if name in BY_NAME or name in {"id", "connection_type"}}
    return own | in_clear
