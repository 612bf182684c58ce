"""Parts of JSON Schemas."""

from __future__ import annotations

from typing import Any

from qualytics.model import MAX_ID

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
ID: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
TIME: Schema = {"type": "string", "format": "date-time"}
FLAG: Schema = {"type": "boolean"}
MILLISECONDS: Schema = {"type": "number", "minimum": 0}
OBJECT: Schema = {"type": "object"}


def closed(properties: dict[str, Schema], *required: str) -> Schema:
    """Return the shape of an object that has no other keys."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": list(required)} if required else {})


def list_of(items: Schema) -> Schema:
    """Return the shape of a list."""
    return {"type": "array", "items": items}


def one_of(*words: str) -> Schema:
    """Return the shape of a text that is one of some words."""
    return {"type": "string", "enum": list(words)}


def or_null(schema: Schema) -> Schema:
    """Return a shape that null has, too."""
    if "type" not in schema or "enum" in schema or "const" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": list(dict.fromkeys([*kinds, "null"]))}


def ref(name: str) -> Schema:
    """Return a reference to a shape of the document."""
    return {"$ref": f"#/components/schemas/{name}"}
