"""Tags and owners of connections: how an update changes tags, and what both are looked for by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.fields import MAX_TAGS, TAG_CHANGES
from qualytics.model import STATES
from qualytics.service import validate
from qualytics.service.validate import Problems
from qualytics.structs import replace
from qualytics.text import alternatives

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qualytics.model import Connection, ListQuery


def merged(tags: Iterable[str], given: Mapping[str, Any], problems: Problems) -> list[str] | None:
    """Return tags with those of `add_tags` and without those of `remove_tags`; None when none is left."""
    added, removed = (validate.check_tags(name, given.get(name) or [], problems) for name in TAG_CHANGES)
    gone = set(keys(removed))
    if not gone.isdisjoint(keys(added)):
        problems.add("add_tags", "and remove_tags hold the same tag", "drop one of the two")
    left = [tag for tag in validate.sorted_tags((*tags, *added)) if validate.fold(tag) not in gone]
    if len(left) > MAX_TAGS:
        problems.add("tags", f"would be {len(left):,}", f"{MAX_TAGS} is the most; --untag removes one")
    return left or None


def warnings(before: Connection, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a warning for each tag that a change removes and the connection does not have."""
    there = set(keys(before.values.get("tags")))
    missing = [tag for tag in given.get("remove_tags") or () if validate.fold(tag) not in there]
    return tuple(f"connection {before.name!r} has no tag {tag!r} to remove" for tag in missing)


def folded(wanted: ListQuery) -> ListQuery:
    """Return what a list of connections asks for with names, tags and owner as they are compared.

    Raises:
        InvalidInput: no connection can have such a tag, or be in such a state.

    """
    problems = Problems()
    tags = [validate.check_tag("tag", tag, problems) for tag in wanted.tags]
    if not set(STATES).issuperset(wanted.states):
        problems.add("state", f"must be {alternatives(STATES)}", f"as in {STATES[0]}")
    problems.finish()
    owner = None if wanted.owner is None else validate.fold(wanted.owner)
    return replace(validate.folded(wanted), tags=tuple(dict.fromkeys(keys(tags))), owner=owner)


def keys(tags: Iterable[str] | None) -> list[str]:
    """Return what tags are compared by."""
    return [validate.fold(tag) for tag in tags or ()]


def owner_key(values: Mapping[str, Any]) -> str | None:
    """Return what the owner among the values of a connection is compared by, None for no owner."""
    owner = values.get("owner")
    return None if owner is None else validate.fold(owner)
