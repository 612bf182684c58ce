"""Parts of JSON Schemas."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


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
