"""Entries of the audit log: who did what to which object and how it ended; refusals are counted, so none fills it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from qualytics.service.clock import later, now
from qualytics.store.tables.audit import RAN, Entry

if TYPE_CHECKING:
    from qualytics.service.rights import Actor
    from qualytics.store.base import Store
    from qualytics.store.tables.audit import AuditTable

_HOUR_S = 3_600
# Refusals of an hour that are written in full: of one user or address, and of all who have not signed in.
_MAX_REFUSALS, _MAX_REFUSALS_OF_ALL = 100, 1_000


class Action(Protocol):
    """What an entry says was done, as `connection.update`, and to which object."""

    name: str
    object_id: int | None
    object_name: str | None


def is_refusal(outcome: str) -> bool:
    """Say whether an outcome is the code of an error: what was asked for did not run."""
    return outcome not in RAN


def append(store: Store, actor: Actor, action: Action, outcome: str, detail: dict[str, Any]) -> None:
    """Append what was done or refused, inside a transaction of the store."""
    entry = Entry(
        created=now(),
        actor_id=actor.user_id,
        actor=actor.name,
        token_id=actor.token_id,
        address=actor.address,
        request_id=actor.request_id,
        action=action.name,
        object_type=action.name.partition(".")[0],
        object_id=action.object_id,
        object_name=action.object_name,
        outcome=outcome,
        detail=detail,
    )
    if not is_refusal(outcome) or not _is_counted(store.audit, entry):
        store.audit.insert(entry)


def _is_counted(audit: AuditTable, entry: Entry) -> bool:
    """Count a refusal in an entry of the last hour that says the same; say whether there was one.

    So that nobody fills the log, the first refusals of an hour are written in full; what is beyond is counted
    by action and outcome alone.
    """
    known = audit.refusals(entry.actor_id, entry.actor, later(-_HOUR_S))
    from_there = sum(one.address == entry.address for one in known)
    most = _MAX_REFUSALS if entry.actor_id is not None else _MAX_REFUSALS_OF_ALL
    is_full = len(known) >= most or from_there >= _MAX_REFUSALS
    alike = [one for one in known if (one.action, one.outcome) == (entry.action, entry.outcome)]
    same = next((one for one in alike if _place(one) == _place(entry)), None)
    counted = same or (alike[-1] if alike and is_full else None)
    if counted is None:
        return False
    # `count` is how often it was this, `others` how often something else with the same outcome.
    key, first = ("count", 1) if same else ("others", 0)
    number = counted.detail.get(key, first) + 1
    audit.set_detail(counted.id, counted.detail | {key: number, "last": entry.created})
    return True


def _place(entry: Entry) -> tuple[Any, ...]:
    return entry.object_id, entry.address, entry.token_id
