"""Which record a resource is that has an `id` or a `previous_name`, and names that pass from one record to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.errors import InvalidInput, NotFound, Problem
from qualytics.service import lookup, validate
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class _Named(Struct):
    """A resource that has a previous name: its place, and what its two names are compared by."""

    index: int
    key: str
    previous: str


class Renames:
    """The records of resources with an `id` or a `previous_name`, found before anything is changed.

    A name that one record gives up is free for another, so that two may swap theirs. A `previous_name` counts while no
    record has the name, or while the one that has it gives it up; so an apply of the same files changes nothing more.
    """

    def __init__(self, table: Any, resource: str, resources: Iterable[Mapping[str, Any]]) -> None:
        self._table = table
        self._resource = resource
        self._records: dict[int, Any] = {}
        self._faults: dict[int, InvalidInput | NotFound] = {}
        self._wanted: dict[int, str] = {}  # the name that each will have
        self._leaving: dict[str, Any] = {}  # records that give up the name that they have, by that
        by_name = [one for index, fields in enumerate(resources) if (one := self._of_id(index, fields)) is not None]
        self._follow(by_name)

    def find(self, index: int, name: str) -> Any:
        """Return the record that a resource is, None for a new one.

        Raises:
            InvalidInput, NotFound: what it says of it is wrong.

        """
        if index in self._faults:
            raise self._faults[index]
        return self._records.get(index) or self._table.named(validate.fold(name))

    def free_names(self, *, is_pruned: bool) -> None:
        """Take the names of records that give them up, or are to be deleted for those that want them."""
        claimed = {record.id for record in self._records.values()}
        for record in self._leaving.values():
            self._table.free_name(record.id)
        for key in self._wanted.values() if is_pruned else ():
            found = self._table.named(key)
            if found is not None and found.id not in claimed:
                self._table.free_name(found.id)

    def _of_id(self, index: int, fields: Mapping[str, Any]) -> _Named | None:
        """Find the record of a resource that has an id; return one that has only a previous name."""
        number, previous, name = fields.get("id"), fields.get("previous_name"), fields.get("name")
        if not isinstance(name, str) or (number is None and previous is None):
            return None
        if number is None and isinstance(previous, str):
            return _Named(index, validate.fold(name), validate.fold(previous))
        if number is None:
            self._faults[index] = wrong("previous_name", "previous_name must be a text")
        elif not isinstance(number, int) or isinstance(number, bool):
            self._faults[index] = wrong("id", "id must be a whole number")
        elif (record := self._table.get(number) if number > 0 else None) is None:
            self._faults[index] = lookup.missing(self._resource, number)
        else:
            self._claim(index, validate.fold(name), record)
        return None

    def _claim(self, index: int, key: str, record: Any) -> None:
        self._records[index] = record
        if key != (before := validate.fold(record.name)):
            self._wanted[index] = key
            self._leaving[before] = record

    def _follow(self, resources: Sequence[_Named]) -> None:
        """Find the records of previous names: each that is renamed may make the name free that another one takes."""
        waiting: dict[str, list[_Named]] = {}
        free: list[_Named] = []
        for one in resources:
            is_free = one.key in self._leaving or self._table.named(one.key) is None
            (free if is_free else waiting.setdefault(one.key, [])).append(one)
        while free:
            one = free.pop()
            if (record := self._table.named(one.previous)) is not None:
                self._claim(one.index, one.key, record)
                free += waiting.pop(one.previous, ())
        self._refuse_rings({key: ones[0] for key, ones in waiting.items()})

    def _refuse_rings(self, waiting: Mapping[str, _Named]) -> None:
        # Whether names that pass round in a ring have done so already can be told of the records alone, not of names.
        seen: set[str] = set()
        for start in waiting:
            path: list[str] = []
            key = start
            while key in waiting and key not in seen:
                seen.add(key)
                path.append(key)
                key = waiting[key].previous
            for one in [waiting[key] for key in path[path.index(key) :]] if key in path[:-1] else []:
                record = self._table.named(one.previous)
                message = "previous names that form a ring do not tell whether they were swapped already"
                self._faults[one.index] = wrong("previous_name", message, f"write id: {record.id} in its place")


def wrong(loc: str, message: str, hint: str | None = None, code: str = "invalid-value") -> InvalidInput:
    """Return the error of one field of a resource, or of a configuration."""
    return InvalidInput([Problem(loc, message, hint, code)])
