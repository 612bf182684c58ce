"""The way into a store on PostgreSQL: made in an empty schema, migrated when older, refused when newer or foreign."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import conninfo
from psycopg import errors as pg

from qualytics.errors import KeyMissing, StoreError, UsageError
from qualytics.settings import STORE_CONNECT_S, STORE_STATEMENT_S
from qualytics.store.base import META
from qualytics.store.faults import named_os_errors, newer, not_a_store
from qualytics.store.postgres import dialect
from qualytics.store.postgres.engine import PostgresStore, rows
from qualytics.store.postgres.faults import named_faults
from qualytics.store.schema import MIGRATIONS, VERSION
from qualytics.store.sealing.cipher import Identity
from qualytics.store.sealing.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.settings import Settings
    from qualytics.store.postgres.engine import Database
    from qualytics.store.sealing.cipher import Key

_APPLICATION = "qualytics"
_FORM = "postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full"
# "qlyt" as a number: who makes or migrates a store holds this lock of the database.
_ADVISORY = 0x716C7974
# What stands in the schema and was not put there by an extension.
_OTHERS = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    ) ORDER BY c.relname LIMIT 4
"""
_LOCK = f"SELECT pg_advisory_xact_lock({_ADVISORY})"


class Address:
    """Where a store is: `place` may be shown, `parameters` hold the password."""

    def __init__(self, settings: Settings) -> None:
        """Read QUALYTICS_STORE and the password that belongs to it.

        Raises:
            UsageError: the address is not one of PostgreSQL; it is not shown, as it may hold a password.
            StoreError: the password's file cannot be read.

        """
        url = settings.store_url.reveal() if settings.store_url else ""
        if not url.startswith(("postgresql://", "postgres://")):
            raise UsageError("the store's address is not a URL of PostgreSQL", f"give it as {_FORM}")
        try:
            parameters: dict[str, Any] = dict(conninfo.conninfo_to_dict(url))
        except psycopg.ProgrammingError:
            raise UsageError("the store's address cannot be read", f"give it as {_FORM}") from None
        if any("@" in str(parameters.get(name, "")) for name in ("host", "hostaddr", "port", "dbname")):
            hint = f"write / as %2F, @ as %40, : as %3A and ? as %3F in its password; give it as {_FORM}"
            raise UsageError("the store's address cannot be read: there is an @ after its host", hint)
        self.place = (
            f"postgresql://{parameters.get('host', '')}:{parameters.get('port', '5432')}/{parameters.get('dbname', '')}"
        )
        if password := _password(settings):
            parameters["password"] = password
        defaults = {
            "target_session_attrs": "read-write",
            "application_name": "qualytics",
            "connect_timeout": int(STORE_CONNECT_S),
        }
        keepalives = {
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
        }
        self.parameters: dict[str, Any] = defaults | keepalives | parameters | {"client_encoding": "utf8"}


def open_store(settings: Settings) -> PostgresStore:
    """Open the store on a PostgreSQL server, making or migrating it where that is needed.

    Raises:
        StoreUnreachable, StoreError, KeyProblem, Busy, UsageError: as their names say; nothing is changed then.

    """
    address = Address(settings)
    single = _Single(settings, address)
    with contextlib.ExitStack() as undo:
        database = single.connect()
        undo.callback(database.close)
        make_ready(settings, address, database)
        store = PostgresStore(settings, address.place, database, single)
        undo.pop_all()
    return store


def make_ready(settings: Settings, address: Address, database: Database) -> None:
    """Make the store of an empty schema, or migrate an older one; who comes second finds it done."""
    with named_faults(address.place, settings.busy_s):
        version = _version(address, database)
        if version == VERSION:
            return
        if version == 0:
            with database.transaction():
                _hold(database)
                if _version(address, database) == 0:
                    create(settings, address, database)
        for number in range(_version(address, database) + 1, VERSION + 1):
            migrate(address, database, number)


def create(
    settings: Settings, address: Address, database: Database, choose_key: Callable[[], Key] | None = None
) -> Identity:
    """Make the tables and the identity of a store, inside a transaction, in a schema that holds nothing."""
    if (encoding := database.execute("SHOW server_encoding").fetchall()[0][0]) != "UTF8":
        message = f"the database of {address.place} has the encoding {encoding}"
        raise StoreError(message, "make one with: createdb --encoding UTF8 --template template0 NAME")
    key = choose_key() if choose_key else _first_key(settings)
    for script in MIGRATIONS:
        database.execute(dialect.tables(script))
    identity = Identity.made(os.urandom(16).hex(), key)
    about = [*identity.rows(), (_APPLICATION, "application"), (str(VERSION), "schema_version")]
    with database.cursor() as cursor:
        cursor.executemany("INSERT INTO meta (value, name) VALUES (%s, %s)", about)
    return identity


def migrate(address: Address, database: Database, number: int) -> None:
    """Run one migration and write down its number, in one transaction; nothing if somebody was faster."""
    with database.transaction():
        _hold(database)
        database.execute("SELECT FROM meta WHERE name = 'store_id' FOR UPDATE")  # no writer is under way
        if _version(address, database) == number - 1:
            database.execute(dialect.tables(MIGRATIONS[number - 1]))
            database.execute("UPDATE meta SET value = %s WHERE name = 'schema_version'", (str(number),))


def connect(settings: Settings, address: Address) -> Database:
    """Open a connection with the limits of the store."""
    with named_faults(address.place, settings.busy_s):
        database: Database = psycopg.connect(**address.parameters, autocommit=True, row_factory=rows)
        with contextlib.ExitStack() as undo:
            undo.callback(database.close)
            configure(settings, database)
            undo.pop_all()
    return database


def configure(settings: Settings, database: Database) -> None:
    """Set the limits of a new connection; what was acknowledged is on the server's disk."""
    statement_ms = int(max(STORE_STATEMENT_S, settings.busy_s) * 1_000)
    database.execute(
        "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false), "
        "set_config('idle_in_transaction_session_timeout', %s, false), set_config('synchronous_commit', "
        "CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "
        "ELSE current_setting('synchronous_commit') END, false)",
        (f"{max(1, int(settings.busy_s * 1_000))}ms", f"{statement_ms}ms", f"{statement_ms}ms"),
    )


class _Single:
    """The connection of one store that no pool holds."""

    def __init__(self, settings: Settings, address: Address) -> None:
        self._settings = settings
        self._address = address

    def connect(self) -> Database:
        return connect(self._settings, self._address)

    def renew(self, lost: Database) -> Database:
        lost.close()
        return self.connect()

    def take_back(self, database: Database) -> None:
        database.close()


def _hold(database: Database) -> None:
    database.execute("SET LOCAL statement_timeout = 0")
    database.execute(_LOCK)


def _version(address: Address, database: Database) -> int:
    """Return the number of the last migration, 0 for an empty schema."""
    meta = _meta(database)
    others = [] if meta else [row[0] for row in database.execute(_OTHERS)]
    if others:  # somebody may have made the store between the two looks
        meta = _meta(database)
    if meta.get("application") == _APPLICATION:
        version = str(meta.get("schema_version"))
        if not version.isdigit() or int(version) < 1:
            raise not_a_store(address.place)
        if int(version) > VERSION:
            raise newer(address.place, version)
        return int(version)
    if meta or others:
        raise StoreError(
            f"{address.place} is in use by something else: it holds {', '.join(others) or 'another meta'}",
            "name an empty database, or a schema of its own: …?options=-csearch_path%3DSCHEMA",
        )
    if not database.execute("SELECT current_schema()").fetchall()[0][0]:
        raise StoreError(f"{address.place} has no schema to make tables in", "createdb NAME makes a database with one")
    return 0


def _meta(database: Database) -> dict[str, Any]:
    try:
        with database.transaction():  # or a savepoint: a table that is not there must not end more
            return {row[0]: row[1] for row in database.execute(META)}
    except (pg.UndefinedTable, pg.UndefinedColumn):
        return {}


def _first_key(settings: Settings) -> Key:
    keys = Keys(settings)
    if settings.key_file is None and not keys.load():
        raise KeyMissing(
            "a store on a database server needs a key of its own, and none is set",
            "export QUALYTICS_KEY_FILE=/path/to/key, where the key is or will be made, or QUALYTICS_KEY",
        )
    return keys.first()


def _password(settings: Settings) -> str | None:
    if settings.store_password is not None:
        return settings.store_password.reveal()
    if settings.store_password_file is None:
        return None
    with named_os_errors(settings.store_password_file), open(settings.store_password_file, "rb") as file:
        return file.read(4_096).decode("utf-8", "replace").rstrip("\r\n")
