"""What a plan is made of: one change a record, field by field, and what is wrong with a resource."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

from qualytics.digests import digest_of
from qualytics.structs import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from qualytics import types
    from qualytics.errors import QualyticsError

CREATE, UPDATE, DELETE, UNCHANGED = "create", "update", "delete", "unchanged"
CONNECTION, DATASTORE = "connection", "datastore"
# What a plan says of a secret, whose value it never shows: `given` was not compared.
CHANGED, GIVEN = "changed", "given"


class Change(Struct):
    """What is done to one record: `id` and `version` are None for one that is to be made.

    `fields` are `{name, before, after, secret}`; of a secret, `secret` says what is known and the values are null.
    """

    action: str
    resource: str
    id: int | None
    name: str
    type: str
    version: int | None
    fields: list[dict[str, Any]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return the change as it stands in a plan."""
        return {name: getattr(self, name) for name in ("action", "resource", "id", "name", "type", "fields")}


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each field that differs, parameters one by one as `parameters.role`."""
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if name == "parameters":
            yield from (change | {"name": f"parameters.{change['name']}"} for change in differing(old or {}, new or {}))
        elif old != new:
            yield {"name": name, "before": old, "after": new, "secret": None}


def secrets(names: Sequence[str], state: str) -> Iterator[dict[str, Any]]:
    """Yield an entry for each secret that is to be written."""
    for name in sorted(names):
        yield {"name": name, "before": None, "after": None, "secret": state}


def problems_of(error: QualyticsError, resource: str, index: int | None) -> Iterator[dict[str, Any]]:
    """Yield what an error says is wrong with the resource that stands at `index` among those of its sort."""
    whole = {"loc": None, "message": error.message, "hint": error.hint, "code": error.code}
    parts = [{"loc": one.loc, "message": one.message, "hint": one.hint, "code": one.code} for one in error.problems]
    for part in parts or [whole]:
        yield {"resource": resource, "index": index, **part}


class Changes:
    """The changes of a plan in their order: counted, and made known one by one."""

    def __init__(self, take: Callable[[types.Change], object]) -> None:
        self._take = take
        self._seen = hashlib.sha256()
        self._counts = dict.fromkeys((CREATE, UPDATE, DELETE, UNCHANGED), 0)

    def __len__(self) -> int:
        return sum(self._counts.values()) - self._counts[UNCHANGED]

    def add(self, change: Change) -> None:
        """Count a change; what it changes, if anything, is taken."""
        self._counts[change.action] += 1
        if change.action != UNCHANGED:
            self._seen.update(digest_of(json.dumps(vars(change), sort_keys=True, default=str)).encode())
            self._take(cast("types.Change", change.document()))

    def document(self, taken: list[types.Change], problems: list[dict[str, Any]]) -> types.Plan:
        """Return the plan as a document; `plan` is what an apply of exactly this one names."""
        document = {**self._counts, "changes": taken, "problems": problems, "plan": self._seen.hexdigest()}
        return cast("types.Plan", document)
