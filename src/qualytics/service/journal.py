"""What the audit log is told and what it tells: entries hold names of what changed, never values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.service.clock import now
from qualytics.service.rights import AUDIT
from qualytics.store.journal import Entry, Journal

if TYPE_CHECKING:
    from qualytics.service import Act, Context

_MOST_VERSIONS = 1_000


def append(context: Context, act: Act, outcome: str, detail: dict[str, Any]) -> None:
    """Append what was done or refused, inside a transaction of the store."""
    actor = context.actor
    entry = Entry(
        created=now(),
        actor_id=actor.user_id,
        actor=actor.name,
        token_id=actor.token_id,
        address=actor.address,
        request_id=actor.request_id,
        action=act.action,
        object_type=act.action.partition(".")[0],
        object_id=act.object_id,
        object_name=act.object_name,
        outcome=outcome,
        detail=detail,
    )
    Journal(context.store.execute).add(entry)


class Audit:
    """The audit log, for those who may read it."""

    def __init__(self, context: Context) -> None:
        """Take what the service shares."""
        self._context = context

    def list(self, *, before: int | None = None, limit: int = 100, action: str | None = None) -> list[dict[str, Any]]:
        """Return entries, the newest first; `before` is the id of the last one that is known already."""
        self._context.require(AUDIT)
        found = Journal(self._context.store.execute).entries(before, limit, action=action)
        return [_document(entry) for entry in found]


def versions(context: Context, object_type: str, object_id: int) -> list[dict[str, Any]]:
    """Return what was done to an object, the newest first: who, when, and the names of what changed."""
    found = Journal(context.store.execute).of_object(object_type, object_id, _MOST_VERSIONS)
    return [
        {
            "id": entry.id,
            "created": entry.created,
            "user": {"id": entry.actor_id, "name": entry.actor},
            "action": entry.action.partition(".")[2],
            **entry.detail,
        }
        for entry in found
    ]


def _document(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "created": entry.created,
        "actor": entry.actor,
        "actor_id": entry.actor_id,
        "token_id": entry.token_id,
        "address": entry.address,
        "request_id": entry.request_id,
        "action": entry.action,
        "object_id": entry.object_id,
        "object_name": entry.object_name,
        "outcome": entry.outcome,
        "detail": entry.detail,
    }
