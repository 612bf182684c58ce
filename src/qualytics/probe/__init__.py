"""Runs one connection test in a child process of its own, under a deadline that no driver can overrun."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from qualytics.connectors import get

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.masking import Masking
    from qualytics.model import Listing, TestReport
    from qualytics.probe.egress import Policy
    from qualytics.secret import Secret

__all__ = ["Plan", "run"]


@dataclass(frozen=True, slots=True)
class Plan:
    """One test: the type, its non-secret values, its secrets, and what to look at.

    `entrances` are databases that may be entered where none is named. `ssl_mode` is what a connection without one of
    its own gets: auto here, verify on a control plane. With a `listing` the last stage lists that, in place of its
    query. Without a `policy` a test may reach whatever this machine can, as the embedded store's own user may.
    """

    type: str
    values: dict[str, Any]
    secrets: dict[str, Secret]
    timeout_s: float
    database: str | None = None
    schema: str | None = None
    root_path: str | None = None
    entrances: tuple[str, ...] = ()
    ssl_mode: str = "auto"
    listing: Listing | None = None
    policy: Policy | None = None

    def where(self) -> str:
        """Return what a message calls the target: host and port, or a path."""
        connector = get(self.type)
        if connector.endpoint is not None:
            endpoint = connector.endpoint(self.values)
            return f"{endpoint.host}:{endpoint.port}"
        host = self.values.get("host")
        if not host:
            return str(self.values.get("uri") or self.type)
        return f"{host}:{self.values.get('port') or connector.default_port}"

    def masking(self) -> Masking:
        """Return what clears the words of drivers and servers of this test's secrets."""
        return masking_of({key: getattr(self, key) for key in _SHOWN}, self.secrets)

    def line(self, directory: str) -> bytes:
        """Return the plan as the one JSON line that the child reads; `directory` is its own to use and remove."""
        keys = ("type", "values", "timeout_s", "database", "schema", "root_path", "entrances", "ssl_mode")
        document = {key: getattr(self, key) for key in keys}
        document["directory"] = directory
        document["listing"] = asdict(self.listing) if self.listing else None
        document["policy"] = asdict(self.policy) if self.policy else None
        document["secrets"] = {name: secret.reveal() for name, secret in self.secrets.items()}
        return json.dumps(document).encode() + b"\n"


# What of a plan is no secret: words that repeat it are not masked.
_SHOWN = ("type", "values", "database", "schema", "root_path", "entrances")


def masking_of(plan: Mapping[str, Any], secrets: Mapping[str, Secret]) -> Masking:
    """Return the masking of a test, from its plan as a document and its secrets."""
    from qualytics.masking import Masking  # no listing needs it

    public = get(plan["type"]).public_members
    return Masking(secrets.values(), public=public, given=[plan[key] for key in _SHOWN])


def run(plan: Plan) -> TestReport:
    """Test a connection and return what was found; takes at most the plan's timeout and a moment.

    The child gets the plan over a pipe, a clean environment and an empty home directory. At the
    deadline it ends with everything that it started; nothing of it stays behind.
    """
    from qualytics.probe.parent import child_process, launch  # here: the child imports this package, too

    return child_process.converse(plan, launch.spawn)
