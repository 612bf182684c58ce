"""What a token says of itself: when it ends; its signature is the control plane's business."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime

from qualytics.structs import Struct

WARN_DAYS = 7
_DAY_S = 86_400


class Expiry(Struct, eq=True):
    """When a token ends."""

    text: str
    days_left: float

    @property
    def warning(self) -> str | None:
        """Return what to say when it ends soon."""
        if self.days_left <= 0:
            return f"the token expired at {self.text}"
        if self.days_left < WARN_DAYS:
            many = f"{int(self.days_left)} days" if self.days_left >= 2 else f"{int(self.days_left * 24)} hours"
            return f"the token expires in {many}, at {self.text}: qualytics auth login gets a new one"
        return None


def expiry_of(token: str) -> Expiry | None:
    """Return when a token ends; None when it does not say."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        ends = claims["exp"]
        if isinstance(ends, bool) or not isinstance(ends, int | float):
            return None
        moment = datetime.fromtimestamp(ends, UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        return None
    left = (moment - datetime.now(UTC)).total_seconds() / _DAY_S
    return Expiry(moment.strftime("%Y-%m-%dT%H:%M:%SZ"), left)
