"""The plan of a test, or of a part of a read: one line of JSON that the program sends to its child."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from qualytics.connectors import get
from qualytics.model import Listing
from qualytics.secret import Secret
from qualytics.settings import READ_MEMORY_BYTES
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.connectors.reading import Partition, Query
    from qualytics.masking import Masking
    from qualytics.model import OnStage
    from qualytics.probe.egress import Policy
    from qualytics.probe.protocol import Message

# Of the number of a partition in the queue.
NUMBER_BYTES = 4
# Key of the metadata of a batch: the number of its partition.
PARTITION = b"partition"


class Reading(Struct, eq=True):
    """What a child that reads gets beside the plan: numbers of two pipes that it inherits, and its part of the work.

    Batches go into `data` as an Arrow stream. From `queue` the child takes the number of its next partition, four
    bytes, until it is closed. The first child of a read has neither `partitions` nor `snapshot` nor `schema`, the
    bytes of an Arrow schema in base64: it makes them for the others. `limit_s` counts from the start of the reading,
    `memory_bytes` is what the child may hold.
    """

    query: Query
    data: int = -1
    queue: int = -1
    partitions: tuple[Partition, ...] = ()
    snapshot: str | None = None
    schema: str | None = None
    limit_s: float | None = None
    memory_bytes: int = READ_MEMORY_BYTES


class Plan(Struct, eq=True):
    """One test: the type, its non-secret values, its secrets, and what to look at.

    `login_databases` are databases to log in to where none is named. `ssl_mode` is what a connection without one of
    its own gets: auto here, verify on a control plane. With a `listing` the last stage lists that, in place of its
    query. Without a `policy` a test may reach whatever this machine can, as the embedded store's own user may.
    `on_stage` is called in the program as stages begin and end, and is never sent; what it raises ends the test.
    With a `reading` the last stage reads that; its messages go to `on_message`, which is never sent either.
    """

    type: str
    values: dict[str, Any]
    secrets: dict[str, Secret]
    timeout_s: float
    database: str | None = None
    schema: str | None = None
    root_path: str | None = None
    login_databases: tuple[str, ...] = ()
    ssl_mode: str = "auto"
    listing: Listing | None = None
    policy: Policy | None = None
    on_stage: OnStage | None = None
    reading: Reading | None = None
    on_message: Callable[[Message], None] | None = None

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
        from qualytics.masking import Masking  # no listing of a store needs it

        public = (self.type, self.values, self.database, self.schema, self.root_path, self.login_databases)
        return Masking(self.secrets.values(), public=get(self.type).public_members, given=public)

    def encode(self, directory: str) -> bytes:
        """Return the plan as the line that the child reads; `directory` is its own to use and remove."""
        secrets = {name: secret.reveal() for name, secret in self.secrets.items()}
        document = {**vars(self), "on_stage": None, "on_message": None, "secrets": secrets, "directory": directory}
        return json.dumps(document, default=vars).encode() + b"\n"


def read_plan(descriptor: int) -> tuple[Plan, str] | None:
    """Read a plan and the directory of its test; None when the other side is gone before the line has ended."""
    line = b""
    while not line.endswith(b"\n"):  # the pipe stays open behind it
        chunk = os.read(descriptor, 65_536)
        if not chunk:
            return None
        line += chunk
    document = json.loads(line)
    directory = document.pop("directory")
    document["secrets"] = {name: Secret(text) for name, text in document["secrets"].items()}
    document["login_databases"] = tuple(document["login_databases"])
    if document["listing"] is not None:
        document["listing"] = Listing(**document["listing"])
    if document["policy"] is not None:
        from qualytics.probe.egress import Policy

        allowed, own = document["policy"]["allowed"], document["policy"]["own"]
        document["policy"] = Policy(tuple(allowed), tuple((host, port) for host, port in own))
    if document["reading"] is not None:
        document["reading"] = _reading(document["reading"])
    return Plan(**document), directory


def _reading(document: dict[str, Any]) -> Reading:
    from qualytics.connectors.reading import Partition, Query

    query = {**document["query"], "columns": tuple(document["query"]["columns"])}
    partitions = tuple(Partition(**one) for one in document["partitions"])
    return Reading(**{**document, "query": Query(**query), "partitions": partitions})
