"""JSON Schemas of the files of a configuration, for editors, made of the tables that the service works by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics import connectors
from qualytics.fields import BY_NAME, KEYS
from qualytics.service.datastores.fields import SETTINGS
from qualytics.service.validate import accepted

if TYPE_CHECKING:
    from qualytics.connectors.contract import Param
    from qualytics.fields import Field

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {str: "string", int: "integer", bool: "boolean", dict: "object", list: "array", float: "number"}
_IDENTITY: dict[str, Any] = {
    "id": {"type": "integer", "description": "the record that is meant, whatever its name"},
    "previous_name": {"type": "string", "description": "the name before, of a record that is renamed"},
}
_TEXT: dict[str, Any] = {"type": ["string", "null"]}


def of_type(name: str) -> dict[str, Any]:
    """Return the schema of the file of a connection of a type.

    Raises:
        InvalidInput: there is no such type.

    """
    connector = connectors.get(name)
    fields = {field: _field(field) for field in accepted(connector) if field not in {"name", "parameters"}}
    parameters = {
        "type": ["object", "null"],
        "properties": {param.name: _parameter(param) for param in connector.params},
        "additionalProperties": False,
    }
    properties: dict[str, Any] = {
        **{key: {"type": "null"} for key in KEYS[connector.kind] if key in BY_NAME and key not in fields},
        **fields,
        "name": {"type": "string", "minLength": 1, "maxLength": 255},
        "type": {"enum": [connector.type, *connector.aliases]},
        "parameters": parameters,
        "secrets_manager": {"type": "null"},
        **_IDENTITY,
    }
    return _closed(connector.title, properties, "name", "type")


def of_datastore() -> dict[str, Any]:
    """Return the schema of the file of a datastore."""
    names = {"type": ["array", "null"], "items": {"type": "string"}}
    properties: dict[str, Any] = {
        "name": {"type": "string", "minLength": 1, "maxLength": 255},
        "connection_name": {"type": "string"},
        **dict.fromkeys(("database", "schema", "root_path", "description", "enrich_datastore_name"), _TEXT),
        "tags": names,
        "teams": names,
        "enrichment_only": {"type": "boolean"},
        **{
            key: {"type": [_TYPES[setting.type], "null"]}
            for key, setting in SETTINGS.items()
            if key != "enrichment_datastore_id"
        },
        **_IDENTITY,
    }
    return _closed("Datastore", properties, "name", "connection_name")


def _closed(title: str, properties: dict[str, Any], *required: str) -> dict[str, Any]:
    shape = {"$schema": _DRAFT, "title": title, "type": "object", "properties": properties}
    return {**shape, "required": [*required], "additionalProperties": False}


def _field(name: str) -> dict[str, Any]:
    field = BY_NAME[name]
    shape: dict[str, Any] = {**_value(field), "description": field.help or field.noun}
    if field.is_secret:
        shape["description"] += "; ${NAME} alone is taken of the environment"
    return shape


def _parameter(param: Param) -> dict[str, Any]:
    choices = {"enum": [*param.choices, None]} if param.choices else _value(param)
    return {**choices, "description": param.help}


def _value(entry: Field | Param) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": [_TYPES[entry.type], "null"]}
    if entry.type is list:
        shape["items"] = {"type": "string"}
    if entry.minimum is not None:
        shape |= {"minimum": entry.minimum, "maximum": entry.maximum}
    return shape
