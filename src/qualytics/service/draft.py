"""What a connection is between its check and the store; `connections/drafts.py` makes them, `policy.py` judges them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qualytics.connectors import Connector
    from qualytics.secret import Secret


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Draft:
    """A checked connection that is not stored yet, or the changed form of one that is.

    `secrets` are those given now; `kept` names stored ones that stay.
    """

    connector: Connector
    values: dict[str, Any]
    secrets: dict[str, Secret]
    kept: frozenset[str] = frozenset()
