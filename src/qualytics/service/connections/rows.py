"""Rows of new connections, and the entries of the audit log that tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.service import validate
from qualytics.service.clock import now
from qualytics.service.connections import tagging
from qualytics.service.context import changed_names

if TYPE_CHECKING:
    from qualytics.service.context import Action
    from qualytics.service.draft import Draft
    from qualytics.store.base import Store


def insert_named(store: Store, name: str, new: Draft, action: Action, **detail: Any) -> int:
    """Store a draft under a name that is free and return its id; `detail` is for the audit log."""
    values = {key: value for key, value in new.values.items() if key != "name"}
    values["owner_key"] = tagging.owner_key(values)
    found = store.connections.insert(name, validate.fold(name), new.connector.type, values, new.secrets, now())
    if "tags" in values:
        store.connections.set_tags(found, tagging.keys(values["tags"]))
    action.record(found, name, version=1, changed=changed_names({}, new.values, [*new.secrets]), **detail)
    return found
