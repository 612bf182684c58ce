"""Saved connections as Airflow's: a secrets backend, so that no password is kept in Airflow.

    [secrets]
    backend = qualytics.integrations.airflow.QualyticsBackend

QUALYTICS_URL and QUALYTICS_TOKEN in the environment of Airflow name the control plane; without them the embedded store
of the user is asked that Airflow runs as. Source of the interface: Airflow's documentation, "Secrets Backend".
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from airflow.secrets import BaseSecretsBackend

from qualytics.client.sdk import connect
from qualytics.errors import NotFound, QualyticsError
from qualytics.exchange import other_tools

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.client.contract import Client

_PURPOSE = "Airflow"
_log = logging.getLogger(__name__)


class QualyticsBackend(BaseSecretsBackend):  # type: ignore[misc]  # Airflow is no dependency
    """Gives Airflow the connection whose name is the conn_id, else the one of the datastore of that name.

    A datastore gives its database and schema, too; of a connection alone Airflow's hook chooses the database. Each time
    that Airflow asks, the secrets are asked for anew, so that a new password counts at once; on a control plane that
    takes a grant of use, and stands in its audit log.
    """

    def get_conn_value(self, conn_id: str) -> str | None:
        """Return the connection as the JSON text that Airflow stores, None where there is none of that name.

        Raises:
            QualyticsError: the connection may not be used, or cannot be asked for. Airflow takes that for a connection
                that is not there, so the log is told.

        """
        try:
            return self._value(conn_id)
        except QualyticsError as exc:
            hint = f"; hint: {exc.hint}" if exc.hint else ""
            _log.error("connection %r: %s%s", conn_id, exc.message, hint)
            raise

    def _value(self, conn_id: str) -> str | None:
        with connect() as client:
            try:
                record, scope = _found(client, conn_id)
            except NotFound:
                return None
            used = client.connections.use(record, purpose=_PURPOSE)
            document = client.connections.get(used.id)
        written = other_tools.write(document, [used.name], "airflow", scope, json.dumps, used.secrets)
        for name in set(written.left) - set(scope):
            _log.warning("connection %r: Airflow has no key for %s; it is left out", used.name, name)
        (entry,) = json.loads(written.text).values()
        return json.dumps(entry)


def _found(client: Client, name: str) -> tuple[int | str, Mapping[str, str]]:
    """Return the id of a connection, and the database and schema of the datastore that led to it."""
    try:
        return client.connections.find(name), {}
    except NotFound:
        datastore = client.datastores.get(name)
    places = {"database": datastore["database"], "schema": datastore["schema"]}
    return datastore["connection_id"], {key: value for key, value in places.items() if value}
