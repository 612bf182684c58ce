"""The shapes of a configuration and of its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics.model import MAX_ID
from qualytics.server.shapes import closed, list_of, one_of, or_null

if TYPE_CHECKING:
    from qualytics.server.shapes import Schema

_TEXT: Schema = {"type": "string"}
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 255}
ID: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_ID}


def components(changes: dict[str, Schema], datastore_fields: dict[str, Schema]) -> dict[str, Schema]:
    """Return the shapes by name; those of the fields are as in other bodies."""
    identity: dict[str, Schema] = {"id": ID, "previous_name": _NAME}
    named = {"connection_name": _NAME, "enrich_datastore_name": or_null(_NAME)}
    ids = {"connection_id", "enrichment_datastore_id"}  # which another store has for other records
    datastore = {name: shape for name, shape in datastore_fields.items() if name not in ids} | named
    sorts = ("connections", "datastores")
    properties: dict[str, Schema] = {
        "connections": list_of({"type": "object", "properties": changes | identity, "required": ["name", "type"]}),
        "datastores": list_of(
            {"type": "object", "properties": datastore | identity, "required": ["name", "connection_name"]}
        ),
        "prune": list_of(one_of(*sorts)) | {"description": "of which everything else is deleted"},
        "plan": or_null(_TEXT) | {"description": "the plan that an apply must still be"},
    }
    field = {"name": _TEXT, "before": {}, "after": {}, "secret": or_null(one_of("changed", "given"))}
    change: dict[str, Schema] = {
        "action": one_of("create", "update", "delete"),
        "resource": one_of("connection", "datastore"),
        "id": or_null(ID),
        "name": _NAME,
        "type": _TEXT,
        "fields": list_of(closed(field, *field)),
    }
    texts = dict.fromkeys(("loc", "hint"), or_null(_TEXT))
    index: Schema = {"type": ["integer", "null"], "minimum": 0}
    problem = {"resource": change["resource"], "index": index, "message": _TEXT, "code": _TEXT, **texts}
    counts = {key: {"type": "integer", "minimum": 0} for key in ("create", "update", "delete", "unchanged")}
    plan = {
        **counts,
        "changes": list_of(closed(change, *change)),
        "problems": list_of(closed(problem, *problem)),
        "plan": _TEXT,
    }
    tests: Schema = {"tested": counts["create"], "failures": list_of({"type": "object"})}
    return {"Config": closed(properties), "ConfigPlan": closed(plan, *plan), "ConfigTests": closed(tests, *tests)}
