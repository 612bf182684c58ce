"""What the store looks like: its tables, as numbered migrations that are never edited once released."""

from __future__ import annotations

# The application id of the SQLite header, "Qlyt": a file without it is not a store of ours.
APPLICATION_ID = 0x516C7974

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT;
    CREATE TABLE connections (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        version INTEGER NOT NULL,
        name TEXT NOT NULL,
        name_key TEXT NOT NULL UNIQUE,
        type TEXT NOT NULL,
        host TEXT,
        port INTEGER,
        username TEXT,
        uri TEXT,
        catalog TEXT,
        catalog_type TEXT,
        jdbc_fetch_size INTEGER,
        max_parallelization INTEGER,
        parameters TEXT,
        product_name TEXT,
        product_version TEXT,
        driver_name TEXT,
        driver_version TEXT,
        created TEXT NOT NULL
    ) STRICT;
    CREATE INDEX connections_by_type ON connections (type, id);
    CREATE TABLE secrets (
        connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
        field TEXT NOT NULL,
        key_id TEXT NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (connection_id, field)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE datastores (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        version INTEGER NOT NULL,
        name TEXT NOT NULL,
        name_key TEXT NOT NULL UNIQUE,
        connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE RESTRICT,
        database TEXT,
        schema TEXT,
        root_path TEXT,
        description TEXT,
        tags TEXT NOT NULL,
        teams TEXT NOT NULL,
        enrichment_only INTEGER NOT NULL,
        connected INTEGER,
        created TEXT NOT NULL
    ) STRICT;
    CREATE INDEX datastores_by_connection ON datastores (connection_id, id);
    """,
    # Connections of some types by name, without sorting them all.
    """
    CREATE INDEX connections_by_type_and_name ON connections (type, name_key);
    """,
)
VERSION = len(MIGRATIONS)

# Columns of a connection beside its id, version, name and secrets.
CONNECTION_VALUES = (
    *("host", "port", "username", "uri", "catalog", "catalog_type"),
    *("jdbc_fetch_size", "max_parallelization", "parameters"),
)
DATASTORE_VALUES = (
    *("database", "schema", "root_path", "description", "tags", "teams", "enrichment_only", "connected"),
)
