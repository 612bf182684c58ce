"""What the audit log is told and what it tells: entries hold names of what changed, never values."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from qualytics.errors import InvalidInput, Problem
from qualytics.model import OUTCOMES
from qualytics.service.clock import later, now
from qualytics.service.rights import AUDIT, PRUNE
from qualytics.service.validate import askable
from qualytics.text import alternatives

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
_MOMENT_HINT = "as in 2026-01-31, in UTC"


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

    def list(  # noqa: PLR0913 - a filter each
        self,
        *,
        before: int | None = None,
        limit: int = 100,
        action: str | None = None,
        actor: str | None = None,
        object_name: str | None = None,
        outcome: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> list[types.AuditEntry]:
        """Return entries, the newest first; `before` is the id of the last one that is known already.

        `actor` and `object_name` are names as they were then; `outcome` is done, failed, or refused for every error;
        `since` and `until` are days or moments, the first of which counts, too.

        Raises:
            InvalidInput: there is no such outcome, or it is no day or moment.

        """
        self._context.require(AUDIT)
        if outcome is not None and outcome not in OUTCOMES:
            raise InvalidInput(
                [Problem("outcome", f"outcome must be {alternatives(OUTCOMES)}", f"as in {OUTCOMES[-1]}")]
            )
        span = {name: _moment(name, value) for name, value in (("since", since), ("until", until)) if value is not None}
        names = {"action": action, "actor": actor, "object_name": object_name}
        sought = {name: value if value is None else askable(value) for name, value in names.items()}
        how = {**sought, "outcome": outcome, **span}
        return [_document(entry) for entry in self._context.store.audit.select(before, limit, **how)]

    def prune(self, before: str) -> types.Pruned:
        """Drop every entry from before a day or moment, changes too; return `{before, deleted}`.

        Raises:
            InvalidInput: it is no day or moment, or in the future.

        """
        with self._context.audited(PRUNE, "audit.prune") as action:
            moment = _moment("before", before)
            if moment > now():
                raise InvalidInput([Problem("before", "before is in the future", _MOMENT_HINT)])
            with self._context.writing():
                deleted = self._context.store.audit.prune(moment)
                action.record(None, None, before=moment, deleted=deleted)
        return {"before": moment, "deleted": deleted}


def _moment(name: str, text: object) -> str:
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(text if isinstance(text, str) and len(text) <= _MAX_MOMENT else "")
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput([Problem(name, f"{name} is not a date or a time", _MOMENT_HINT)]) from None
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
