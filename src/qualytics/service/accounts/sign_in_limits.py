"""How often somebody may try to sign in: by name and address together, by each alone; on every worker alike."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from qualytics.digests import digest_of
from qualytics.service.clock import later

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qualytics.store.tables.accounts import Accounts

WINDOW_S = 900
# A name alone has a wide limit: else anybody could keep its user from signing in.
PER_PAIR, PER_ADDRESS, PER_NAME = 10, 50, 100


def of(address: str | None, name_key: str) -> list[tuple[str, int]]:
    """Return what a try counts against: hashes with their limits."""
    place = place_of(address)
    counted = (
        (f"both\0{place}\0{name_key}", PER_PAIR),
        (f"address\0{place}", PER_ADDRESS),
        (f"name\0{name_key}", PER_NAME),
    )
    return [(digest_of(what), limit) for what, limit in counted]


def place_of(address: str | None) -> str:
    """Return what counts as one address: of IPv6 the network that a single customer is given (RFC 6177)."""
    place = address or "unknown"
    with contextlib.suppress(ValueError):
        if ip_address(place).version == 6:
            return str(ip_network((place, 64), strict=False))
    return place


def count(accounts: Accounts, tries: Sequence[tuple[str, int]], window_s: float = WINDOW_S) -> float:
    """Count one try, before it is known how it ends; return how many seconds to wait, 0 if it may go on."""
    wait_s = 0.0
    accounts.drop_logins(later(0))
    for key_hash, limit in tries:
        number, until = accounts.count_attempt(key_hash, later(window_s))
        if number > limit:
            left = datetime.fromisoformat(until) - datetime.now(UTC)
            wait_s = max(wait_s, left.total_seconds(), 1.0)
    return wait_s


def forgive(accounts: Accounts, tries: Sequence[tuple[str, int]]) -> None:
    """Take back a try that was right; only what fails counts."""
    for key_hash, _ in tries:
        accounts.forgive_attempt(key_hash)
