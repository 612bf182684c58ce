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
    # The control plane: who may do what, what was done, and what runs. Of a token and of a login's state
    # only a hash is kept; `own_secrets` holds the sealed secrets of the store itself.
    """
    CREATE TABLE users (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        version INTEGER NOT NULL,
        name TEXT NOT NULL,
        name_key TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        role TEXT NOT NULL,
        email TEXT,
        password_hash TEXT,
        issuer TEXT,
        subject TEXT,
        created TEXT NOT NULL,
        UNIQUE (issuer, subject)
    ) STRICT;
    CREATE TABLE tokens (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        hash TEXT NOT NULL UNIQUE,
        created TEXT NOT NULL,
        expires TEXT NOT NULL,
        last_used TEXT,
        revoked TEXT
    ) STRICT;
    CREATE INDEX tokens_by_user ON tokens (user_id, id);
    CREATE TABLE logins (
        hash TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL,
        expires TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE own_secrets (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        key_id TEXT NOT NULL,
        sealed BLOB NOT NULL
    ) STRICT;
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        created TEXT NOT NULL,
        actor_id INTEGER,
        actor TEXT NOT NULL,
        token_id INTEGER,
        address TEXT,
        request_id TEXT,
        action TEXT NOT NULL,
        object_type TEXT NOT NULL,
        object_id INTEGER,
        object_name TEXT,
        outcome TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT;
    CREATE INDEX audit_by_object ON audit (object_type, object_id, id);
    CREATE TABLE operations (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        type TEXT NOT NULL,
        datastore_id INTEGER NOT NULL,
        result TEXT NOT NULL,
        message TEXT,
        user_id INTEGER,
        created TEXT NOT NULL,
        start_time TEXT,
        end_time TEXT
    ) STRICT;
    CREATE INDEX operations_by_datastore ON operations (datastore_id, id);
    ALTER TABLE datastores ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
    """,
    # Which token made another, and which may not be good again; of those before nobody knows who revoked them.
    """
    ALTER TABLE tokens ADD COLUMN made_by INTEGER;
    ALTER TABLE tokens ADD COLUMN is_final INTEGER NOT NULL DEFAULT 0;
    UPDATE tokens SET is_final = 1 WHERE revoked IS NOT NULL;
    """,
    # What was refused to somebody of late, which is counted instead of written again.
    """
    CREATE INDEX audit_refused ON audit (actor_id, created) WHERE outcome <> 'done' AND outcome <> 'failed';
    """,
    # Tags as they are shown, and as they are looked for: without case, in a table that is an index of them.
    """
    ALTER TABLE connections ADD COLUMN tags TEXT;
    ALTER TABLE connections ADD COLUMN owner TEXT;
    ALTER TABLE connections ADD COLUMN owner_key TEXT;
    CREATE INDEX connections_by_owner ON connections (owner_key, id);
    CREATE TABLE connection_tags (
        connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
        tag_key TEXT NOT NULL,
        PRIMARY KEY (connection_id, tag_key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX connection_tags_by_tag ON connection_tags (tag_key, connection_id);
    """,
    # Operations that test many connections: what was asked for, when its process was last heard of, and the results.
    # Such an operation has no datastore, which is 0 here.
    """
    ALTER TABLE operations ADD COLUMN request TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE operations ADD COLUMN seen TEXT;
    ALTER TABLE operations ADD COLUMN is_cancelled INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE operation_results (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        operation_id INTEGER NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
        connection_id INTEGER NOT NULL,
        connected INTEGER NOT NULL,
        result TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX operation_results_by_connection ON operation_results (operation_id, connection_id);
    CREATE INDEX operation_results_in_order ON operation_results (operation_id, id);
    """,
    # How often the process of an operation was gone without a word.
    """
    ALTER TABLE operations ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
    """,
    # The last tests of each connection, numbered within it; `since` is the first of those in a row that ended alike.
    # `values_version` is the version of a connection at which a value was changed last that a test depends on.
    """
    ALTER TABLE connections ADD COLUMN values_version INTEGER NOT NULL DEFAULT 1;
    CREATE TABLE past_tests (
        connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        version INTEGER NOT NULL,
        at TEXT NOT NULL,
        since TEXT NOT NULL,
        user_id INTEGER,
        user_name TEXT NOT NULL,
        connected INTEGER NOT NULL,
        stage TEXT,
        failure_class TEXT,
        code TEXT,
        duration_ms REAL NOT NULL,
        ms TEXT NOT NULL,
        product_version TEXT,
        driver_version TEXT,
        PRIMARY KEY (connection_id, number)
    ) STRICT, WITHOUT ROWID;
    """,
    # Who may have a connection with its secrets; `created_by` is the name that the Admin had then.
    """
    CREATE TABLE grants (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        connection_id INTEGER NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
        created TEXT NOT NULL,
        created_by TEXT NOT NULL,
        expires TEXT,
        UNIQUE (user_id, connection_id)
    ) STRICT;
    CREATE INDEX grants_by_connection ON grants (connection_id, id);
    """,
    # How each connection does, so that a list may begin with the worst: a number of `model.STATES`, from 0.
    """
    ALTER TABLE connections ADD COLUMN state INTEGER NOT NULL DEFAULT 2;
    UPDATE connections SET state = coalesce((
        SELECT CASE WHEN l.version < connections.values_version THEN 1 WHEN l.connected = 1 THEN 3 ELSE 0 END
        FROM past_tests l WHERE l.connection_id = connections.id
        AND l.number = (SELECT max(number) FROM past_tests WHERE connection_id = connections.id)
    ), 2);
    CREATE INDEX connections_by_state ON connections (state, name_key);
    CREATE INDEX connections_by_type_and_state ON connections (type, state, name_key);
    """,
    # Those of a state, and of a type in it, in the order of a list.
    """
    CREATE INDEX connections_of_state ON connections (state, id);
    CREATE INDEX connections_of_state_and_type ON connections (state, type, id);
    """,
)
VERSION = len(MIGRATIONS)
# Every table but `meta`, each after those it refers to; and those whose ids come from a sequence.
TABLES = (
    *("connections", "connection_tags", "secrets", "datastores", "past_tests"),
    *("users", "tokens", "grants", "logins", "own_secrets", "audit", "operations", "operation_results"),
)
NUMBERED = tuple(table for table in TABLES if table not in {"connection_tags", "secrets", "past_tests", "logins"})

# Columns of a connection beside its id, version, name and secrets.
CONNECTION_VALUES = (
    *("tags", "owner", "host", "port", "username", "uri", "catalog", "catalog_type"),
    *("jdbc_fetch_size", "max_parallelization", "parameters"),
)
DATASTORE_VALUES = (
    *("database", "schema", "root_path", "description", "tags", "teams", "enrichment_only", "connected", "settings"),
)
