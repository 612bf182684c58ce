"""PostgreSQL through psycopg 3 (libpq)."""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Param, Refusal, Server, Verdict, tls_params
from qualytics.connectors.foreign import Foreign, Shell
from qualytics.connectors.shared import postgresql as shared
from qualytics.connectors.shared.postgresql import (
    ERRORS,
    PROTOCOL,
    SIGNATURE,
    ServerError,
    at_login,
    catalogs,
    classify,
    greet,
    log_in_to_first,
    schemas,
    select,
    tables,
)
from qualytics.connectors.shared.sql import as_bytes, as_text, one_row
from qualytics.structs import replace

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target

# An identity is what the connection holds, never a Kerberos ticket that lies around.
_NO_TICKETS = "!gss,!sspi"


def arguments(target: Target) -> dict[str, Any]:
    """Return the options of libpq, by its own names, but for the database.

    It dials `hostaddr` and looks nothing up; `host` is the name that the certificate must be for.
    """
    options: dict[str, Any] = {
        "host": target.host,
        "hostaddr": target.address,
        "port": target.port,
        "user": target.username,
        "application_name": target.parameters.get("application_name", "qualytics"),
        "gssencmode": "disable",
        "passfile": "/dev/null",
        "require_auth": _NO_TICKETS,
    }
    if target.password is not None:
        options["password"] = target.password.reveal()
    tls = target.tls
    if not tls.active:
        options["sslmode"] = "disable"
        if tls.mode == "auto":
            options["require_auth"] = f"{_NO_TICKETS},!password"
    elif tls.verified:
        options |= {"sslmode": "verify-full", "sslrootcert": tls.ca_file, "sslcertmode": "disable"}
    else:
        options |= {"sslmode": "require", "sslcertmode": "disable"}
    return options


# libpq-fe.h, PGVerbosity. A verbose message has the SQLSTATE, and the routine of the server that wrote it.
_DEFAULT, _VERBOSE = 1, 2
_HEAD = re.compile(r": {2}([0-9A-Z]{5}): ")
_ROUTINE = re.compile(r"\n[^\n:]+: {2}(\w+), [^\s:]+:\d+(?=\n|\Z)")
# The server cannot speak the encoding of this session: feature not supported, no such character.
_NO_SUCH_ENCODING = frozenset({"0A000", "22021", "22P05"})


def log_in(target: Target, database: str) -> Any:
    """Return an open session in autocommit, whose texts come as `_read_texts` says.

    Raises:
        Refusal: the login failed; its cause is the exception of psycopg for the server's SQLSTATE.

    """
    try:
        handle = _session(target, database, _UTF8)
    except Refusal as exc:
        if getattr(exc.__cause__, "sqlstate", None) not in _NO_SUCH_ENCODING:
            raise
        handle = _session(target, database, _RAW)
    _read_texts(handle)
    return handle


def _session(target: Target, database: str, encoding: str) -> Any:
    import psycopg
    from psycopg.conninfo import make_conninfo

    from qualytics.connectors.shared.libpq import set_verbosity

    # The one value that may be no text is quoted here.
    quoted = as_bytes(database).replace(b"\\", rb"\\").replace(b"'", rb"\'")
    conninfo = make_conninfo(**arguments(target), client_encoding=encoding).encode()
    pgconn = psycopg.pq.PGconn.connect_start(conninfo + b" dbname='" + quoted + b"'")
    set_verbosity(pgconn, _VERBOSE)
    if not _is_open(pgconn, target.timeout_s):
        raise _refusal(pgconn, target)
    set_verbosity(pgconn, _DEFAULT)
    pgconn.nonblocking = 1
    handle: Any = psycopg.Connection(pgconn)
    handle.autocommit = True
    return handle


def _is_open(pgconn: Any, timeout_s: float) -> bool:
    import select

    from psycopg.pq import ConnStatus, PollingStatus

    until = time.monotonic() + timeout_s
    while pgconn.status != ConnStatus.BAD:
        status = pgconn.connect_poll()
        if status in {PollingStatus.OK, PollingStatus.FAILED}:
            return bool(status == PollingStatus.OK)
        ready = select.poll()
        ready.register(pgconn.socket, select.POLLIN if status == PollingStatus.READING else select.POLLOUT)
        if not ready.poll(max(0.0, until - time.monotonic()) * 1_000):
            pgconn.finish()
            raise TimeoutError("the server did not answer the login in time")
    return False


def _refusal(pgconn: Any, target: Target) -> Refusal:
    from psycopg import OperationalError, errors

    reported = _read(as_text(pgconn.error_message or b""), used_password=pgconn.used_password)
    pgconn.finish()
    try:
        error = errors.lookup(reported.state or "")
    except KeyError:
        error = OperationalError
    cause = error(reported.text)
    verdict = at_login(reported, target.tls) or Verdict("unknown")
    refusal = Refusal(verdict)
    refusal.__cause__ = cause
    return refusal


def _read(message: str, *, used_password: bool) -> ServerError:
    """Take a verbose message of libpq apart; what a reader needs of it stays."""
    state, routine = _HEAD.search(message), _ROUTINE.search(message)
    return ServerError(
        state=state[1] if state else None,
        routine=routine[1] if routine else None,  # a pooler's words have none
        text=_ROUTINE.sub("", _HEAD.sub(":  ", message, count=1)).strip(),
        used_password=used_password,
    )


# The server makes UTF-8 of its texts where it can, else they come as the bytes they are.
_UTF8 = "UTF8"
_RAW = "SQL_ASCII"
_TEXTS = ("text", "name", "varchar", "bpchar", '"char"', 0)  # 0: the server names no type


def _read_texts(handle: Any) -> None:
    """Set the encoding of a fresh session, and have its texts read and written as `sql.as_text` spells them."""
    from psycopg import Cursor, errors
    from psycopg.adapt import Dumper, Loader

    status = handle.pgconn.parameter_status
    # A server in SQL_ASCII does not know what its bytes mean; it would refuse the rest of a row for one name.
    encoding = _RAW if _RAW.encode() in {status(b"server_encoding"), status(b"client_encoding")} else _UTF8
    if status(b"client_encoding") != encoding.encode():
        _set_encoding(handle, encoding)

    class NameLoader(Loader):
        def load(self, data: Any) -> str:
            return as_text(bytes(data))

    class NameDumper(Dumper):
        def dump(self, obj: str) -> bytes:
            return as_bytes(obj)

    class RetryingCursor(Cursor[Any]):
        def execute(self, *query: Any, **options: Any) -> Any:
            try:
                return super().execute(*query, **options)
            except (errors.CharacterNotInRepertoire, errors.UntranslatableCharacter):
                if status(b"client_encoding") == _RAW.encode():
                    raise
                _set_encoding(handle, _RAW)
                return super().execute(*query, **options)

    for name in _TEXTS:
        handle.adapters.register_loader(name, NameLoader)
    handle.adapters.register_dumper(str, NameDumper)
    handle.cursor_factory = RetryingCursor


def _set_encoding(handle: Any, encoding: str) -> None:
    handle.pgconn.nonblocking = 0
    handle.pgconn.exec_(f"set client_encoding to '{encoding}'".encode())
    handle.pgconn.nonblocking = 1


# A connection has no database of its own; these exist almost everywhere, the first one on every new server.
_USUAL_DATABASES = ("postgres", "template1")


def connect(target: Target) -> Any:
    """Log in to the given database, else to the first that lets this user in."""
    if target.database is None:
        return _log_in_anywhere(target)
    try:
        return log_in(target, target.database)
    except Refusal as exc:
        if exc.verdict.failure_class == "unknown_db" and not target.database.isascii():
            with contextlib.suppress(Refusal):
                return log_in(target, _name_as_bytes(target, target.database))
        raise


def _log_in_anywhere(target: Target) -> Any:
    names = (*target.login_databases, *_USUAL_DATABASES, target.username)
    return log_in_to_first(names, lambda database: log_in(target, database))


def _name_as_bytes(target: Target, name: str) -> str:
    # The names of databases are bytes to the server, and it may have shown this one by way of another encoding.
    with contextlib.closing(_log_in_anywhere(target)) as handle:
        oid = one_row(handle, "select oid from pg_catalog.pg_database where datname = %s", (name,))
        _set_encoding(handle, _RAW)
        row = one_row(handle, "select datname from pg_catalog.pg_database where oid = %s", oid or (0,))
    return str(row[0]) if row else name


def check(handle: Any, target: Target) -> Server:
    """Read the server's version through a server-side cursor of the connection's fetch size."""
    with handle.transaction(), handle.cursor(name="qualytics") as cursor:
        cursor.itersize = target.fetch_size
        cursor.execute("select current_setting('server_version')")
        version = next(iter(cursor))[0]
    return Server("PostgreSQL", version.split()[0])


def hand_over(handle: Any) -> None:
    """Give a session the defaults of the driver: transactions, and texts as they are."""
    import psycopg

    handle.autocommit = False
    handle.cursor_factory = psycopg.Cursor
    handle._adapters = None  # noqa: SLF001 - psycopg makes them anew; they cannot be taken back one by one


FOREIGN = Foreign(
    names=("postgres", "postgresql", "pg", "pgsql", "libpq"),
    odbc=("postgres", "psqlodbc"),
    odbc_decoded=True,
    ado=frozenset(("host", "username", "ssl mode", "search path", "timezone", "include error detail")),
    keys=shared.FOREIGN_KEYS | {"applicationname": "application_name"},
    files=shared.FOREIGN_FILES,
    environment=replace(shared.ENVIRONMENT, defaults={"PGDATABASE": _USUAL_DATABASES[0]}),
    shells=(Shell("psql"),),
    forms=shared.FORMS,
)

CONNECTOR = Connector(
    type="postgresql",
    title="PostgreSQL",
    aliases=("postgres",),
    default_port=5432,
    driver="psycopg",
    params=(
        *tls_params(),
        Param(
            "application_name",
            str,
            "name shown in pg_stat_activity",
            max_length=63,
            harmless="a name shown in pg_stat_activity; nobody receives the secret because of it",
        ),
    ),
    scope=("database", "schema"),
    example="--host db.example.com --port 5432 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    protocols=(PROTOCOL,),
    tls="preamble",
    greet=greet,
    open=connect,
    select=select,
    check=check,
    hand_over=hand_over,
    classify=classify,
    explain=ERRORS.explain,
    signature=SIGNATURE,
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="real server: PostgreSQL 15",
    authentication=(
        (
            "BASIC",
            "username and password, checked by SCRAM-SHA-256 or MD5, in clear text over TLS alone; no Kerberos, no client certificate",
        ),
    ),
    # PostgreSQL documentation, "Privileges".
    privileges=(
        "GRANT CONNECT ON DATABASE sales TO reader (PUBLIC has it by default)",
        "GRANT USAGE ON SCHEMA finance TO reader, for a datastore with that schema; the catalogs are open to everybody",
    ),
    pinned="address",
    reads="postgresql",
    foreign=FOREIGN,
)
