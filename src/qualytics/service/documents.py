"""Documents: what leaves the service, with the keys in their order and every secret masked."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar, cast

from qualytics.connectors import shape
from qualytics.fields import BY_NAME, DATASTORE_KEYS, KEYS, SECRETS
from qualytics.model import Document
from qualytics.secret import MASK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qualytics import types
    from qualytics.connectors.contract import Connector
    from qualytics.model import Connection, Datastore

T = TypeVar("T")


def connection_document(
    connection: Connection, datastores: Iterable[tuple[int, str]] | None = None
) -> types.Connection:
    """Return a connection as a document; `datastores`, each an id and a name, is null in lists."""
    blank = _blank(connection.type)
    document = Document.of(blank, connection.version)
    document["id"] = connection.id
    document["name"] = connection.name
    for known in (connection.values, connection.detected):
        for key, value in known.items():
            if key in blank:
                document[key] = value
    for key in connection.secrets_set:
        if key in blank:
            document[key] = MASK
    if datastores is not None:
        document["datastores"] = stubs(connection, datastores)
    document["tags"] = connection.values.get("tags", [])
    document["created"] = connection.created
    return cast("types.Connection", document)


@functools.cache
def _blank(kind_of: str) -> dict[str, Any]:
    # A document of this type with every key in its place; copying it is the cheapest way to keep the order.
    kind, has_uri = shape(kind_of)
    keys = (key for key in KEYS[kind] if key != "uri" or has_uri)
    return dict.fromkeys(keys) | {"type": kind_of, "connection_type": kind}


def payload_document(connector: Connector, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a create would send: the given fields in order, secrets masked."""
    shown = {"type": connector.type} | {
        name: MASK if name in SECRETS else value for name, value in values.items() if value is not None
    }
    keys = [key for key in KEYS[connector.kind] if key in BY_NAME]
    return {key: shown[key] for key in keys if key in shown}


def stubs(connection: Connection, datastores: Iterable[tuple[int, str]]) -> list[types.DatastoreStub]:
    """Return datastores, each an id and a name, as they stand inside a connection: `{id, name, store_type, type}`."""
    kind = cast("types.ConnectionKind", shape(connection.type)[0])
    return [{"id": known, "name": name, "store_type": kind, "type": connection.type} for known, name in datastores]


def datastore_document(datastore: Datastore) -> types.Datastore:
    """Return a datastore as a document."""
    kind, _ = shape(datastore.type)
    keys = {key: kind if key == "store_type" else getattr(datastore, key) for key in DATASTORE_KEYS}
    return cast("types.Datastore", Document.of(keys, datastore.version))


def at_version(document: T, version: int | None) -> T:
    """Return a document as that of another version of its record."""
    return cast("T", Document.of(dict(cast("dict[str, Any]", document)), version))


def page(items: list[T], total: int, number: int, size: int) -> types.Page[T]:
    """Return one page of a list."""
    return {"items": items, "total": total, "page": number, "size": size, "pages": -(-total // size)}


def type_document(connector: Connector, accepted: Iterable[str]) -> dict[str, Any]:
    """Return a connection type as a document: fields, parameters, defaults, and whether its driver is there."""
    fields = [
        {
            "name": name,
            "type": _TYPES[BY_NAME[name].type],
            "required": name in connector.required,
            "secret": BY_NAME[name].is_secret,
            "takes_references": BY_NAME[name].takes_refs,
            "harmless": BY_NAME[name].harmless or None,
        }
        for name in accepted
    ]
    parameters = [
        {
            "name": param.name,
            "type": _TYPES[param.type],
            "choices": list(param.choices) or None,
            "default": param.default,
            "control_plane_default": param.shared_default or param.default,
            "help": param.help,
            "harmless": param.harmless or None,
        }
        for param in connector.params
    ]
    version = connector.driver_version()
    return {
        "type": connector.type,
        "title": connector.title,
        "connection_type": connector.kind,
        "aliases": list(connector.aliases),
        "default_port": connector.default_port,
        "driver": {
            "name": connector.distribution or connector.driver,
            "installed": version is not None,
            "version": version,
            "install": connector.extra and f"pip install 'qualytics[{connector.extra}]'",
        },
        "fields": fields,
        "parameters": parameters,
        "datastore": {"required": list(connector.scope), "optional": list(connector.scope_optional)},
        "stages": list(connector.stages),
        "example": f"qualytics connections create --type {connector.type} {connector.example}",
    }


_TYPES = {str: "text", int: "integer", bool: "boolean", dict: "object", list: "list"}
