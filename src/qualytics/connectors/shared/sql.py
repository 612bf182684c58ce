"""What SQL connectors share: verdicts by SQLSTATE, and one-row queries over DB-API 2.0."""

from __future__ import annotations

from typing import Any

from qualytics.connectors.contract import Verdict

# SQLSTATE (five characters) or its class (first two): ISO/IEC 9075-2, PostgreSQL's appendix A.
_STATES: dict[str, Verdict] = {
    "28": Verdict("auth", stage="login"),
    "3D": Verdict("unknown_db", stage="database"),
    "3F": Verdict("unknown_db", stage="database"),
    "42501": Verdict("permission"),
    "53": Verdict("quota"),
    "54": Verdict("quota"),
    "55P03": Verdict("transient"),
    "57014": Verdict("timeout"),
    "57P": Verdict("transient"),
    "58": Verdict("internal"),
    "08P01": Verdict("config"),
    "08": Verdict("network"),
    "0A": Verdict("config"),
    "22": Verdict("config"),
    "42": Verdict("config"),
    "40": Verdict("transient"),
    "HYT": Verdict("timeout"),
}


def by_sqlstate(state: str | None) -> Verdict | None:
    """Return the verdict of a SQLSTATE, the longest matching prefix first; None when there is none."""
    for length in (5, 3, 2):
        if state and state[:length] in _STATES:
            return _STATES[state[:length]]
    return None


def one_row(handle: Any, sql: str, arguments: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    """Return the first row of a query over a DB-API connection."""
    cursor = handle.cursor()
    try:
        cursor.execute(sql, arguments) if arguments else cursor.execute(sql)
        return tuple(cursor.fetchone() or ())
    finally:
        cursor.close()
