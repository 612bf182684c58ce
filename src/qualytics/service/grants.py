"""Grants: who may have which connection with its secrets; no role includes it, and only an Admin grants it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from qualytics.errors import Conflict, NotAllowed, NotFound
from qualytics.model import MAX_ID
from qualytics.service import documents, lookup, validate
from qualytics.service.clock import later, now
from qualytics.service.rights import ALL_GRANTS, GRANT, OWN_GRANTS
from qualytics.settings import MAX_GRANT_DAYS
from qualytics.store.tables.grants import Grant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics import types
    from qualytics.service.context import Context
    from qualytics.store.base import Store

_FIELDS = ("user", "connection", "expires_in_days")
_DAY_S = 86_400


class Grants:
    """The verbs on grants; `user` and `connection` are ids or names."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, user: int | str, connection: int | str, expires_in_days: int | None = None) -> types.Grant:
        """Let a user, or a service account, have a connection with its secrets; return the document of the grant.

        Without days it lasts until it is deleted. One that has expired is replaced.

        Raises:
            InvalidInput: the days are out of range.
            NotFound: there is no such user or connection.
            Conflict: the user has such a grant already.

        """
        with self._context.audited(GRANT, "grant.create") as action:
            days = _checked_days(expires_in_days)
            with self._context.writing() as store:
                owner, granted = lookup.user(store.accounts, user), lookup.connection(store, connection)
                before = store.grants.of(owner.id, granted.id)
                if before is not None and is_active(before):
                    message = f"{owner.name!r} has a grant to use connection {granted.name!r} already"
                    raise Conflict(
                        message, f"to change its end, delete it first: qualytics grants delete --id {before.id}"
                    )
                if before is not None:
                    store.grants.delete(before.id)
                expires = None if days is None else later(days * _DAY_S)
                grant = Grant(
                    user_id=owner.id,
                    connection_id=granted.id,
                    created=now(),
                    created_by=self._context.actor.name,
                    expires=expires,
                )
                grant_id = store.grants.insert(grant)
                action.record(grant_id, None, user=owner.name, connection=granted.name, expires=expires)
                return document(_stored(store, grant_id))

    def create_from(self, given: Mapping[str, object]) -> types.Grant:
        """Make a grant as `create` does, from a document whose fields are checked, too; null is left out.

        Raises:
            InvalidInput, NotFound, Conflict: as in `create`.

        """
        fields = {name: value for name, value in given.items() if value is not None}
        problems = validate.Problems()
        for name in fields.keys() - set(_FIELDS):
            problems.add(name, "is not a field of a grant", None, "unknown-field")
        for name in ("user", "connection"):
            if name not in fields:
                problems.add(name, "is missing", None, "missing-value")
            elif not _is_record(fields[name]):
                problems.add(name, "must be a name or an id")
        problems.finish()
        user, connection, days = (fields.get(name) for name in _FIELDS)
        return self.create(user, connection, days)  # type: ignore[arg-type]  # checked above, and the days in `create`

    def list(
        self, user: int | str | None = None, connection: int | str | None = None, limit: int | None = None
    ) -> Iterator[types.Grant]:
        """Yield the documents of grants: one's own, for an Admin those of a user, or all."""
        filters = self._filters(user, connection)
        yield from map(document, self._context.store.grants.select(*filters, limit=limit))

    def page(
        self, number: int, size: int, user: int | str | None = None, connection: int | str | None = None
    ) -> types.Page[types.Grant]:
        """Return one page of a list as `{items, total, page, size, pages}`."""
        filters = self._filters(user, connection)
        table = self._context.store.grants
        items = [document(grant) for grant in table.select(*filters, (number - 1) * size, size)]
        return documents.page(items, table.count(*filters), number, size)

    def get(self, grant_id: int) -> types.Grant:
        """Return the document of a grant that whoever asks may see.

        Raises:
            NotFound: there is none of that id.

        """
        self._context.require(OWN_GRANTS)
        grant, actor = self._context.store.grants.get(grant_id), self._context.actor
        if grant is None or (grant.user_id != actor.user_id and actor.role not in ALL_GRANTS.roles):
            raise _missing(grant_id)  # as if it were not there, so that ids tell nothing
        return document(grant)

    def delete(self, grant_id: int, *, dry_run: bool = False) -> types.DeletedGrant:
        """End a grant at once; return it, with `deleted`, which is false after a dry run.

        Raises:
            NotFound: there is none of that id.

        """
        with (
            self._context.audited(GRANT, "grant.delete", grant_id) as action,
            self._context.writing(dry_run=dry_run) as store,
        ):
            grant = _stored(store, grant_id)
            store.grants.delete(grant.id)
            action.record(grant.id, None, user=grant.user_name, connection=grant.connection_name)
        return {**document(grant), "deleted": not dry_run}

    def _filters(self, user: int | str | None, connection: int | str | None) -> tuple[int | None, int | None]:
        store, actor = self._context.store, self._context.actor
        self._context.require(OWN_GRANTS if user is None else ALL_GRANTS)
        owner = actor.user_id if user is None else lookup.user(store.accounts, user).id
        if user is None and actor.role in ALL_GRANTS.roles:
            owner = None
        return owner, None if connection is None else lookup.connection(store, connection).id


def is_active(grant: Grant) -> bool:
    """Say whether a grant has not expired."""
    return grant.expires is None or grant.expires > now()


def active(context: Context, connection_id: int, connection_name: str) -> Grant:
    """Return the grant by which whoever asks may have a connection with its secrets.

    Raises:
        NotAllowed: there is none, or it has expired; the message names it.

    """
    actor = context.actor
    grant = None if actor.user_id is None else context.store.grants.of(actor.user_id, connection_id)
    if grant is not None and is_active(grant):
        return grant
    why = "has no grant to use" if grant is None else "has a grant that has expired to use"
    raise NotAllowed(
        f"{actor.name!r} {why} connection {connection_name!r}",
        "an Admin can give one: qualytics grants create "
        f"--user {shlex.quote(actor.name)} --connection {shlex.quote(connection_name)}",
    )


def document(grant: Grant) -> types.Grant:
    """Return a grant as a document."""
    return {
        "id": grant.id,
        "user": {"id": grant.user_id, "name": grant.user_name},
        "connection": {"id": grant.connection_id, "name": grant.connection_name},
        "active": is_active(grant),
        "created": grant.created,
        "created_by": grant.created_by,
        "expires": grant.expires,
    }


def _stored(store: Store, grant_id: int) -> Grant:
    grant = store.grants.get(grant_id)
    if grant is None:
        raise _missing(grant_id)
    return grant


def _missing(grant_id: int) -> NotFound:
    return NotFound(f"there is no grant {grant_id}", "qualytics grants list shows all")


def _checked_days(days: object) -> int | None:
    if days is None:
        return None
    if type(days) is not int or not 1 <= days <= MAX_GRANT_DAYS:
        problems = validate.Problems()
        problems.add("expires_in_days", f"must be 1 to {MAX_GRANT_DAYS:,}", "leave it out for no end")
        problems.finish()
    return int(str(days))


def _is_record(value: object) -> bool:
    return isinstance(value, str) or (type(value) is int and 1 <= value <= MAX_ID)
