"""PostgreSQL through psycopg 3 (libpq)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors._base import Connector, Item, Param, Server, Target, Verdict, tls_params
from qualytics.connectors._rows import named, rows
from qualytics.connectors._sql import by_sqlstate, by_text, one_row, refuse
from qualytics.connectors._wire import reject_stranger

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

# SSLRequest: length 8, code 80877103 (PostgreSQL documentation, "Message Formats").
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
# A connection has no database of its own; these exist almost everywhere, the first one on every new server.
_ENTRANCES = ("postgres", "template1")
# An identity is what the connection holds, never a Kerberos ticket that lies around.
_NO_TICKETS = "!gss,!sspi"
_TLS_HINT = "set ssl_mode in --parameters to suit the server"

# libpq gives no SQLSTATE for what fails before or during authentication; these are its own
# words (fe-connect.c, fe-auth.c, fe-secure-openssl.c) and the server's (auth.c, hba.c, postinit.c).
_MESSAGES = (
    (r"pg_hba\.conf.*(no encryption|SSL off)", Verdict("tls", "the server demands TLS", _TLS_HINT)),
    (r"pg_hba\.conf rejects.*(SSL encryption|SSL on)", Verdict("tls", "the server's pg_hba.conf rejects this login over TLS", "if it works with ssl_mode=disable in --parameters, the server refuses TLS; else ask for an entry in pg_hba.conf")),
    (r"pg_hba\.conf", Verdict("permission", "the server's pg_hba.conf lets this user, database or address in nowhere", "ask for an entry in pg_hba.conf for the local_address of this report")),
    (r"role .* is not permitted to log in", Verdict("auth", "the role may not log in")),
    (r"authentication method requirement .* failed|requires? a cleartext password", Verdict("tls", "the server asks for the password in clear text over a plain connection", "turn TLS on at the server, or set ssl_mode=disable to send it all the same")),
    (r"authentication failed|no password supplied|role .* does not exist|SCRAM|password is empty", Verdict("auth")),
    (r"database .* does not exist", Verdict("unknown_db", stage="database")),
    (r"permission denied for database|does not have CONNECT privilege", Verdict("permission", stage="database")),
    (r"database .* is not currently accepting connections", Verdict("permission", stage="database")),
    (r"too many (connections|clients)|remaining connection slots", Verdict("quota")),
    (r"the database system is (starting up|shutting down|in recovery)|not yet accepting connections", Verdict("transient")),
    (r"certificate verify failed|server certificate|root certificate|SSL error|does not support SSL|tlsv1 alert", Verdict("tls")),
    (r"server closed the connection unexpectedly|connection reset", Verdict("network")),
    (r"timeout expired|connection timeout", Verdict("timeout")),
    (r"received invalid response to (SSL|GSS)|expected authentication request from server", Verdict("config", "the server does not speak the PostgreSQL protocol", "check host and port")),
)  # fmt: skip


def greet(sock: socket.socket) -> bool:
    """Ask for TLS; the answer is one byte: S or N, or E from servers before 7.0."""
    sock.sendall(_SSL_REQUEST)
    answer = sock.recv(1)
    if not answer:
        raise ConnectionResetError("the server closed the connection when it was asked for TLS")
    if answer not in {b"S", b"N"}:
        reject_stranger(sock, "the PostgreSQL protocol", answer)
    return answer == b"S"


def connect(target: Target) -> Any:
    """Log in to the given database, else to the first that lets this user in."""
    import psycopg

    if target.database is not None:
        return psycopg.connect(**arguments(target, target.database))
    errors = []
    for database in dict.fromkeys((*_ENTRANCES, target.username or "")):
        try:
            return psycopg.connect(**arguments(target, database))
        except psycopg.OperationalError as exc:
            verdict = classify(exc)
            if verdict is None or verdict.failure_class not in {"unknown_db", "permission"}:
                raise
            errors.append(exc)
    raise errors[0]


def arguments(target: Target, database: str) -> dict[str, Any]:
    """Return the keyword arguments of psycopg.connect; libpq quotes each value by itself."""
    found: dict[str, Any] = {
        "host": target.host,
        "hostaddr": target.address,
        "port": target.port,
        "user": target.username,
        "dbname": database,
        "application_name": target.parameters.get("application_name", "qualytics"),
        "connect_timeout": max(2, int(target.timeout_s) + 1),
        "gssencmode": "disable",
        "passfile": "/dev/null",
        "require_auth": _NO_TICKETS,
        "autocommit": True,
    }
    if target.password is not None:
        found["password"] = target.password.reveal()
    tls = target.tls
    if tls is None or not tls.active:
        found["sslmode"] = "disable"
        if tls is not None and tls.mode == "auto":
            found["require_auth"] = f"{_NO_TICKETS},!password"
    elif tls.verified:
        found |= {"sslmode": "verify-full", "sslrootcert": tls.ca_file, "sslcertmode": "disable"}
    else:
        found |= {"sslmode": "require", "sslcertmode": "disable"}
    return found


def select(handle: Any, target: Target) -> None:
    """Check that the schema exists and may be used."""
    if target.schema is None:
        return
    sql = "select has_schema_privilege(oid, 'usage') from pg_catalog.pg_namespace where nspname = %s"
    row = one_row(handle, sql, (target.schema,))
    if not row:
        raise refuse("unknown_db", f"there is no schema {target.schema!r} in {target.database!r}", "check --schema")
    if not row[0]:
        raise refuse(
            "permission",
            f"user {target.username!r} may not use schema {target.schema!r}",
            f"run on the server: grant usage on schema {_quoted(target.schema)} to {_quoted(target.username or '')}",
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def check(handle: Any, target: Target) -> Server:
    """Read the server's version through a server-side cursor of the connection's fetch size."""
    with handle.transaction(), handle.cursor(name="qualytics") as cursor:
        cursor.itersize = target.fetch_size
        cursor.execute("select current_setting('server_version')")
        version = next(iter(cursor))[0]
    return Server("PostgreSQL", version.split()[0])


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the databases; templates are the engine's own."""
    sql = "select datname, datistemplate from pg_catalog.pg_database order by 1"
    for found, is_template in rows(handle, sql, size=target.fetch_size):
        yield Item(found, "catalog", is_template)


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the schemas of the database; no user may name one pg_…."""
    found = rows(handle, "select nspname from pg_catalog.pg_namespace order by 1", size=target.fetch_size)
    return named(found, "schema", ("information_schema",), ("pg_",))


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield tables (partitioned and foreign ones too) and views whose names begin with a prefix."""
    sql = (
        "select relname, relkind in ('v', 'm') from pg_catalog.pg_class "
        "where relkind in ('r', 'p', 'f', 'v', 'm') and relnamespace = "
        "(select oid from pg_catalog.pg_namespace where nspname = %s) and left(relname, %s) = %s order by 1"
    )
    schema = target.schema or "public"
    is_system = schema == "information_schema" or schema.startswith("pg_")
    for found, is_view in rows(handle, sql, (schema, len(prefix), prefix), target.fetch_size):
        yield Item(found, "view" if is_view else "table", is_system)


def classify(exc: BaseException) -> Verdict | None:
    """Judge by SQLSTATE where there is one, else by libpq's words."""
    return by_sqlstate(getattr(exc, "sqlstate", None)) or by_text(str(exc), _MESSAGES)


CONNECTOR = Connector(
    type="postgresql",
    title="PostgreSQL",
    kind="jdbc",
    aliases=("postgres",),
    default_port=5432,
    extra="postgresql",
    driver="psycopg",
    distribution="psycopg",
    fields=("host", "port", "username", "password"),
    required=("host",),
    params=(*tls_params(), Param("application_name", str, "name shown in pg_stat_activity", max_length=63)),
    scope=("database", "schema"),
    example="--host db.example.com --port 5432 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    tls="preamble",
    greet=greet,
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle.close(),
    classify=classify,
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="real server: PostgreSQL 15",
)
