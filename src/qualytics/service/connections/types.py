"""Connection types as documents: their fields, parameters, defaults and drivers."""

from __future__ import annotations

from typing import Any

from qualytics import connectors
from qualytics.service import documents as views
from qualytics.service import validate


def document(name: str | None = None) -> Any:
    """Return the document of one type, or a short one of every type.

    Raises:
        InvalidInput: there is no such type.

    """
    if name is not None:
        connector = connectors.get(name)
        return views.type_document(connector, validate.accepted(connector))
    keys = ("type", "title", "connection_type", "aliases", "default_port", "driver")
    documents = (views.type_document(connector, ()) for connector in connectors.all_connectors())
    return [{key: document[key] for key in keys} for document in documents]
