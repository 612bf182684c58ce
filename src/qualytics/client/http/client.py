"""A client of a control plane: the documents of the embedded store, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Self

from qualytics.client.http.api import Api
from qualytics.client.http.connections import HttpConnections
from qualytics.client.http.datastores import HttpDatastores, HttpDiscovery
from qualytics.errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qualytics import types
    from qualytics.client.config import ControlPlane
    from qualytics.client.http.accounts import HttpAudit, HttpTokens, HttpUsers
    from qualytics.client.http.config import HttpConfig
    from qualytics.client.http.connections import HttpImports
    from qualytics.client.http.grants import HttpGrants
    from qualytics.client.http.runs import HttpRuns
    from qualytics.transport.http import Transport


class HttpClient:
    """A client of a control plane, with the parts of a client of the embedded store; close it, or use `with`."""

    def __init__(self, control_plane: ControlPlane, transport: Transport | None = None) -> None:
        self._api = Api(control_plane, transport)
        self.connections = HttpConnections(self._api)
        self.datastores = HttpDatastores(self._api)
        self.discovery = HttpDiscovery(self._api)

    @property
    def store_name(self) -> str | None:
        """Return None: where the store of a control plane is, only its host knows."""
        return None

    @property
    def default_ssl_mode(self) -> str | None:
        """Return the `ssl_mode` of a connection that has none; None where the last reply was of another server."""
        from qualytics.connectors.contract import SHARED_SSL_MODE  # no listing needs it

        return None if self._api.is_ours is False else SHARED_SSL_MODE

    @property
    def imports(self) -> HttpImports:
        """Return the verb on a set of new connections."""
        from qualytics.client.http.connections import HttpImports

        return HttpImports(self._api)

    @property
    def config(self) -> HttpConfig:
        """Return the verbs on a configuration of many connections and datastores."""
        from qualytics.client.http.config import HttpConfig

        return HttpConfig(self._api)

    @property
    def users(self) -> HttpUsers:
        """Return the verbs on users."""
        from qualytics.client.http.accounts import HttpUsers

        return HttpUsers(self._api)

    @property
    def tokens(self) -> HttpTokens:
        """Return the verbs on tokens."""
        from qualytics.client.http.accounts import HttpTokens

        return HttpTokens(self._api)

    @property
    def grants(self) -> HttpGrants:
        """Return the verbs on grants."""
        from qualytics.client.http.grants import HttpGrants

        return HttpGrants(self._api)

    @property
    def audit(self) -> HttpAudit:
        """Return the audit log."""
        from qualytics.client.http.accounts import HttpAudit

        return HttpAudit(self._api)

    @property
    def runs(self) -> HttpRuns:
        """Return the tests of many connections."""
        from qualytics.client.http.runs import HttpRuns

        return HttpRuns(self._api)

    @property
    def upkeep(self) -> NoReturn:
        """Refuse: the store and its key never leave the control plane's own host.

        Raises:
            NotAllowed: always.

        """
        raise NotAllowed(
            f"the store and the key of {self._api.url} cannot be reached from here: they never leave its host",
            "run this on the host of the control plane, without QUALYTICS_URL and with QUALYTICS_CONTEXT=embedded",
        )

    def __iter__(self) -> Iterator[types.Connection]:
        """Yield the documents of all connections, by id."""
        return self.connections.list()

    def cancel(self) -> None:
        """End, from another thread, the request that runs, and let no other begin."""
        self._api.cancel()

    def close(self) -> None:
        """Close the connection to the control plane."""
        self._api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
