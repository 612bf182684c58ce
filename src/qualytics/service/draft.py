"""What a connection is between its check and the store; `connections/drafts.py` makes them, `policy.py` judges them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.structs import Struct

if TYPE_CHECKING:
    from qualytics.connectors.contract import Connector
    from qualytics.secret import Secret


class Draft(Struct):
    """A checked connection that is not stored yet, or the changed form of one that is.

    `secrets` are those given now; `kept` names stored ones that stay; `stored_name` is the name of the stored record.
    """

    connector: Connector
    values: dict[str, Any]
    secrets: dict[str, Secret]
    kept: frozenset[str] = frozenset()
    stored_name: str | None = None
