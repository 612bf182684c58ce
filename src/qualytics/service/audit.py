"""What the audit log is told and what it tells: entries hold names of what changed, never values."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from qualytics.errors import InvalidInput, Problem
from qualytics.service.clock import later
from qualytics.service.rights import AUDIT, PRUNE

if TYPE_CHECKING:
    from qualytics import types
    from qualytics.service.context import Context
    from qualytics.store.tables.audit import Entry

_MAX_VERSIONS = 1_000
_DAY_S = 86_400
# So many old entries are dropped in one transaction, which others wait for.
_BATCH = 500
# No moment takes more characters.
_MAX_MOMENT = 40


def expire(context: Context, days: int) -> int:
    """Drop what was tested or refused more than so many days ago, a little at a time; what was changed stays."""
    before, last, count = later(-days * _DAY_S), 0, 0
    while ids := context.store.audit.passing(before, last, _BATCH):
        with context.writing():
            context.store.audit.delete(ids)
        context.release()
        last, count = ids[-1], count + len(ids)
    return count


class Audit:
    """The audit log, for those who may read it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(
        self,
        *,
        before: int | None = None,
        limit: int = 100,
        action: str | None = None,
        actor: str | None = None,
        outcome: str | None = None,
    ) -> list[types.AuditEntry]:
        """Return entries, the newest first; `before` is the id of the last one that is known already.

        `actor` is a name as it was then; `outcome` is done, failed, or refused for every error.
        """
        self._context.require(AUDIT)
        found = self._context.store.audit.select(before, limit, action=action, actor=actor, outcome=outcome)
        return [_document(entry) for entry in found]

    def prune(self, before: str) -> types.Pruned:
        """Drop every entry from before a day or moment, changes too; return `{before, deleted}`.

        Raises:
            InvalidInput: it is no day or moment, or in the future.

        """
        with self._context.audited(PRUNE, "audit.prune") as action:
            moment = _moment(before)
            with self._context.writing():
                deleted = self._context.store.audit.prune(moment)
                action.record(None, None, before=moment, deleted=deleted)
        return {"before": moment, "deleted": deleted}


def _moment(text: object) -> str:
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(text if isinstance(text, str) and len(text) <= _MAX_MOMENT else "")
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput([Problem("before", "before is not a date or a time", "as in 2026-01-31, in UTC")]) from None
    if found > datetime.now(UTC):
        raise InvalidInput([Problem("before", "before is in the future", "as in 2026-01-31, in UTC")])
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def versions(context: Context, object_type: str, object_id: int) -> list[types.Version]:
    """Return what was done to an object, the newest first: who, when, and the names of what changed."""
    found = context.store.audit.of_object(object_type, object_id, _MAX_VERSIONS)
    versions = [
        {
            "id": entry.id,
            "created": entry.created,
            "user": {"id": entry.actor_id, "name": entry.actor},
            "action": entry.action.partition(".")[2],
            **entry.detail,
        }
        for entry in found
    ]
    return cast("list[types.Version]", versions)


def _document(entry: Entry) -> types.AuditEntry:
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
