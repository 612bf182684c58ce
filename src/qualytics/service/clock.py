"""The time, as documents have it."""

from __future__ import annotations


def now() -> str:
    """Return the time as RFC 3339 in UTC, with milliseconds."""
    return later(0.0)


def later(seconds: float) -> str:
    """Return the time so many seconds from now, in the form that sorts as it passes."""
    from datetime import UTC, datetime, timedelta

    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
