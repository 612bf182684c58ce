"""What turns the tables of a store back into those of an older version."""

from qualytics.store.schema import VERSION

_NEWER_TABLES = ("tokens", "users", "logins", "own_secrets", "audit", "operations")
_UNDO = {
    2: ["DROP INDEX connections_by_type_and_name"],
    3: [*(f"DROP TABLE {table}" for table in _NEWER_TABLES), "ALTER TABLE datastores DROP COLUMN settings"],
    4: [f"ALTER TABLE tokens DROP COLUMN {column}" for column in ("made_by", "is_final")],
    5: ["DROP INDEX audit_refused"],
    6: [
        "DROP INDEX connections_by_owner",
        "DROP TABLE connection_tags",
        *(f"ALTER TABLE connections DROP COLUMN {column}" for column in ("tags", "owner", "owner_key")),
    ],
    7: [
        "DROP TABLE operation_results",
        *(f"ALTER TABLE operations DROP COLUMN {column}" for column in ("request", "seen", "is_cancelled")),
    ],
    8: ["ALTER TABLE operations DROP COLUMN crashes"],
    9: ["DROP TABLE past_tests", "ALTER TABLE connections DROP COLUMN values_version"],
    10: ["DROP TABLE grants"],
    11: [
        "DROP INDEX connections_by_state",
        "DROP INDEX connections_by_type_and_state",
        "ALTER TABLE connections DROP COLUMN state",
    ],
    12: ["DROP INDEX connections_of_state", "DROP INDEX connections_of_state_and_type"],
}


def undoing(version):
    """Return the statements that take a store of the newest version back to an older one."""
    return [statement for number in range(VERSION, version, -1) for statement in _UNDO[number]]
