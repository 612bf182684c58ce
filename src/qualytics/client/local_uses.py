"""Uses of connections of the embedded store: what other programs get of them, and reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qualytics.model import EVERYWHERE, Scope
from qualytics.service.connections.verbs import Connections
from qualytics.service.datastores.verbs import Datastores

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from qualytics import types
    from qualytics.client.contract import Reader
    from qualytics.model import UsedConnection
    from qualytics.service.context import Context


class LocalConnections(Connections):
    """The verbs on connections, and those that give their secrets to whoever owns the store."""

    def use(self, record: int | str, *, purpose: str) -> UsedConnection:
        """Return a connection with its secrets in clear; see the service."""
        from qualytics.service.connections.uses import Uses

        return Uses(self._context).use(record, purpose=purpose)

    def uses(self, record: int | str) -> Sequence[types.LastUse]:
        """Return the last use of a connection by each user of the store; see the service."""
        from qualytics.service.connections.uses import Uses

        return Uses(self._context).last(record)

    def open(self, record: int | str, database: str | None = None) -> Any:
        """Return an open connection of the type's driver; see `service.connections.opening.open_connection`."""
        from qualytics.service.connections import opening

        used = self.use(record, purpose=opening.PURPOSE)
        databases = [one.database for one in self._context.store.datastores.of_connection(used.id)]
        self._context.release()
        return opening.open_connection(used, database, login_databases=databases)

    def read(self, record: int | str, scope: Scope = EVERYWHERE, **options: Unpack[types.ReadOptions]) -> Reader:
        """Read a table or a query, in the database and schema of `scope`; see `service.connections.reads.begin`."""
        from qualytics.service.connections import reads

        used = self.use(record, purpose=reads.purpose(options))
        databases = [one.database for one in self._context.store.datastores.of_connection(used.id)]
        self._context.release()  # a read may take hours
        return cast("Reader", reads.begin(used, scope, options, login_databases=databases))


class LocalDatastores(Datastores):
    """The verbs on datastores, and reads in their place."""

    def __init__(self, context: Context, connections: LocalConnections) -> None:
        super().__init__(context, connections)
        self._uses = connections

    def read(self, record: int | str, **options: Unpack[types.ReadOptions]) -> Reader:
        """Read a table or a query in the place of a datastore; see `service.connections.reads.begin`."""
        from qualytics.service.connections import reads

        found = self.get(record)
        used = self._uses.use(found["connection_id"], purpose=reads.purpose(options))
        self._context.release()
        scope = Scope(found["database"], found["schema"], found["root_path"])
        return cast("Reader", reads.begin(used, scope, options, datastore=found["name"]))
