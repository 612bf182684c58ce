"""What PostgreSQL and Redshift share: what errors mean, a login where no database was named, the catalogs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics import urls
from qualytics.connectors.codes import SERVER_FAULT, STATE, STATE_ALONE, ErrorTable, by_code
from qualytics.connectors.contract import Protocol, Refusal, Target, Verdict, refuse
from qualytics.connectors.foreign import LIBPQ_MODES, USUAL_AIRFLOW, USUAL_JDBC, USUAL_URL, Environment, Form
from qualytics.connectors.shared.sql import identifier, named, one_row, rows
from qualytics.errors import UsageError
from qualytics.model import Item
from qualytics.structs import Struct, replace
from qualytics.urls import Reference

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection, Iterable, Iterator

    from qualytics.connectors.contract import Tls

_HINT = "name the database to use with --database"
# SSLRequest: length 8, code 80877103 (PostgreSQL documentation, "Message Formats").
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
# An error, as all versions write it, or the answer to SSLRequest.
PROTOCOL = Protocol(
    "a PostgreSQL server", rb"E\0\0[\s\S]{2}S[^\0]{1,60}\0|E[A-Z]+: {2}", _SSL_REQUEST, (b"S", b"N"), type="postgresql"
)


def greet(sock: socket.socket) -> bool:
    """Ask for TLS; the answer is one byte, S or N, and no more: an SSH server's banner begins with S, too."""
    from qualytics.connectors.shared.preamble import is_readable, peek, reject_protocol

    sock.sendall(_SSL_REQUEST)
    answer = sock.recv(1)
    if not answer:
        raise ConnectionResetError("the server closed the connection when it was asked for TLS")
    if answer not in {b"S", b"N"} or (is_readable(sock, 0) and peek(sock, 1)):
        reject_protocol(sock, "the PostgreSQL protocol", answer)
    return answer == b"S"


def log_in_to_first(databases: Iterable[str | None], log_in: Callable[[str], Any]) -> Any:
    """Return the handle of the first login to one of some databases that succeeds; `log_in` raises a Refusal otherwise.

    Raises:
        Refusal: none did. Its verdict names the databases, which nobody asked for, and says whether one let this user
            in by name and password.

    """
    names = list(dict.fromkeys(name for name in databases if name))
    refusals = []
    for name in names:
        try:
            return log_in(name)
        except Refusal as exc:
            if exc.verdict.failure_class not in {"unknown_db", "permission"}:
                raise
            refusals.append(exc)
    first = next((exc for exc in refusals if exc.verdict.authenticated), refusals[0])
    cause = f"no database was named, and this user can enter none of {', '.join(map(repr, names))}"
    raise Refusal(replace(first.verdict, cause=cause, hint=_HINT)) from first.__cause__


_HBA_HINT = "ask for an entry in pg_hba.conf for the local_address of this report"
_DEMANDS_TLS = Verdict("tls", "the server demands TLS", "set ssl_mode in --parameters to suit the server")
_NO_HBA_HINT = Verdict(
    "permission",
    "the server's pg_hba.conf lets this user, database or address in nowhere",
    f"{_HBA_HINT}, or name the database that has one with --database",
)
_NO_ROLE = Verdict(
    "auth",
    "the role does not exist, or may not log in",
    "check --username; an owner lets a role in: alter role … login",
)
_CLOSED = Verdict(
    "transient", "the server accepts no login now: it is starting, stopping, or a standby that answers no queries"
)
_RECOVERY = Verdict(
    "transient",
    "the standby ended the statement, to go on with what its primary has changed",
    "ask the primary, or set hot_standby_feedback, or a longer max_standby_streaming_delay, at the standby",
)
_CLIENT_CERTIFICATE = Verdict(
    "tls",
    "the server asks for a client certificate, and this product offers none",
    f"{_HBA_HINT} that takes a password without a certificate: scram-sha-256, without clientcert",
)
_KERBEROS = Verdict(
    "config",
    "the server asks for Kerberos (GSSAPI or SSPI), which is not offered here",
    f"{_HBA_HINT} that takes a password, such as scram-sha-256",
)
_METHOD = Verdict(
    "config",
    "the server asks for a way of logging in that is not offered here",
    f"{_HBA_HINT} that takes a password, such as scram-sha-256",
)
_OLD_CLIENT = Verdict(
    "config",
    "the client that said this is too old for the server's way of logging in, SCRAM",
    "use a client with libpq 10 or newer, or a driver that knows scram-sha-256",
)
_IDENT = Verdict(
    "auth",
    "the server asked for no password: it looks who runs this program (ident), or at a certificate",
    f"{_HBA_HINT} that takes a password, such as scram-sha-256",
)
_OTHER_TLS = Verdict(
    "tls",
    "the server sees another TLS connection than the one made here: something between the two ends it",
    "connect to the server itself, or ask what stands between",
)
_CLEAR_TEXT = Verdict(
    "tls", "the server asks for the password in clear text over a plain connection", "turn TLS on at the server"
)  # fmt: skip

# libpq gives no SQLSTATE for what fails on its own side (fe-connect.c, fe-auth.c, fe-secure-openssl.c), nor does text
# that another tool wrote. The server's own English is here for the latter alone (auth.c, hba.c, postinit.c).
MESSAGES = (
    (r"due to conflict with recovery", _RECOVERY),
    (r"requires libpq version|authentication (method|type|response)\b.{0,60}\b1[012]\b", _OLD_CLIENT),
    (r"authentication (method|type|response)\b.{0,60}\b[79]\b", _KERBEROS),
    (r"(unsupported|unknown|unrecogni[sz]ed) authentication|authentication (method|type)\b.{0,60}\bnot (supported|recogni[sz]ed|implemented)", _METHOD),
    (r"pg_hba\.conf.*(no encryption|SSL off)|^(FATAL: *)?SSL required", _DEMANDS_TLS),
    (r"pg_hba\.conf", _NO_HBA_HINT),
    (r"valid client certificate|client certificate (is )?required", _CLIENT_CERTIFICATE),
    (r"(requested|requires?) (a )?(GSSAPI|SSPI|Kerberos)|GSSAPI (security|authentication(?! failed))", _KERBEROS),
    (r"authentication method requirement .* failed: server requested (?!a (cleartext|hashed) password)", _METHOD),
    (r"role .* is not permitted to log in", _NO_ROLE),
    (r"authentication method requirement .* failed|requires? a cleartext password", _CLEAR_TEXT),
    (r"(ident|peer) authentication failed", _IDENT),
    (r"channel binding (check failed|negotiation)", _OTHER_TLS),
    (r"authentication failed|no password (supplied|was provided)|no such user|user not found|role .* does not exist|SCRAM|password is empty", Verdict("auth")),
    (r"no such database|database .* does not exist", Verdict("unknown_db", stage="database")),
    (r"permission denied for database|does not have CONNECT privilege", Verdict("permission", stage="database")),
    (r"database .* is not currently accepting connections", Verdict("permission", stage="database")),
    (r"too many (connections|clients)|remaining connection slots|no more connections allowed|exceeds max_wal_senders|client connections exceeded", Verdict("quota")),
    (r"the database system is (starting up|shutting down|in recovery)|not (yet )?accepting connections", _CLOSED),
    (r"server login has been failing|pgbouncer cannot connect to server", Verdict("transient", "the pooler cannot log in to its server")),
    (r"query_wait_timeout", Verdict("timeout", "the pooler had no connection to its server to give in time", "the pool may be full, or the server behind it down")),
    (r"client_login_timeout|canceling statement due to (?!lock|conflict)|query_timeout", Verdict("timeout")),
    (r"certificate verify failed|server certificate|root certificate|does not support SSL|tlsv1 alert|refused TLS connection|SSL is not enabled", Verdict("tls")),
    (r"due to (idle|statement|transaction|authentication)\S* ?\S{0,20} ?timeout|canceling authentication", Verdict("timeout")),
    (r"has no credentials for the role|authentication error, reason|does not contain an entry for|PAM authentication failed|Invalid Username specified", Verdict("auth")),
    (r"compute time quota|max client connections reached", Verdict("quota")),
    (r"could not (send|receive) |lost synchronization with server|connection attempt failed\.?\Z|cannot be re-established", Verdict("network")),
    (r"endpoint could not be found", Verdict("unknown_db", stage="database")),  # Neon
    (r"all backend nodes are down|is not accepting any new connections|failed to create a backend connection|connect to compute node|instance is (suspended|stopped)|compute is disabled|recovery is in progress|find a suitable server|control plane request failed|circuit breaker", Verdict("transient")),  # Pgpool-II, Neon, Supavisor
    (r"(bouncer|pooler) config error|kind mismatch among backends|connect to invalid database|look up effective user|RDS Proxy (supports only|currently does)|definition of service|could not match \d+ |in connection info string|socket path .{1,200} too long|service file .{1,200} not found|invalid \w+ value: ", Verdict("config")),
    (r"endpoint ID is not specified|frontend protocol|startup packet", Verdict("config")),
    (r"session is (not )?read-only|server is (not )?in hot standby|targetServerType|could not connect to any server|DbHandler", Verdict("transient")),
    (r"(certificate|private key) file|crl file", Verdict("tls")),
    (r"could not read blocks? \d|checkpoint record|invalid page in block|unexpected zero page", SERVER_FAULT),
    (r"terminating connection due to", Verdict("transient")),
    (r"unsupported (startup parameter|frontend protocol)|locale is incompatible|prepared statement .{1,80} already exists|invalid (dsn|uri|url|sslmode|connection option|port|integer value)|missing \"=\"", Verdict("config")),
    (r"server closed the connection unexpectedly|connection reset|unexpected eof|SSL SYSCALL error: EOF|connection has been closed unexpectedly|Remote host (terminated|closed)|peer shut down", Verdict("network")),
    (r"SSL error", Verdict("tls")),
    (r"timeout expired|connection timeout", Verdict("timeout")),
    (r"received invalid response to (SSL|GSS)|expected authentication request from server", Verdict("config", "the server does not speak the PostgreSQL protocol", "check host and port")),
)  # fmt: skip

# What psycopg and asyncpg call their exceptions (PostgreSQL's errcodes.txt).
_NAMED = {
    "InvalidPassword": "28P01",
    "InvalidAuthorizationSpecification": "28000",
    "InvalidCatalogName": "3D000",
    "InvalidSchemaName": "3F000",
    "InsufficientPrivilege": "42501",
    "UndefinedTable": "42P01",
    "TooManyConnections": "53300",
    "DiskFull": "53100",
    "OutOfMemory": "53200",
    "ConfigurationLimitExceeded": "53400",
    "SerializationFailure": "40001",
    "DeadlockDetected": "40P01",
    "LockNotAvailable": "55P03",
    "QueryCanceled": "57014",
    "AdminShutdown": "57P01",
    "CrashShutdown": "57P02",
    "CannotConnectNow": "57P03",
    "IdleSessionTimeout": "57P05",
    "ProtocolViolation": "08P01",
}
# As exceptions (InvalidPassword) and conditions (invalid_password) are called.
_SPELLINGS = [re.sub(r"(?<!^)(?=[A-Z])", "_?", name) for name in _NAMED]
_STATES_OF_NAMES = {name.lower(): state for name, state in _NAMED.items()}
# Words decide on what libpq and poolers (08P01, XX000) say, in English alone, and on 28000 and 40001, which have
# many causes.
ERRORS = ErrorTable(
    codes=by_code({
        "57P03": _CLOSED,
        "42P01": Verdict("config", "there is no such table or view", "check its name, upper and lower case too, its schema and the database"),
        "28P01": Verdict("auth", stage="login"),
    }),
    umbrellas={"40001": Verdict("transient")},
    words=MESSAGES,
    states=True,
    inside=rf"{STATE}|\b({'|'.join(_SPELLINGS)})(?:Error)?\b",
    spell=lambda code: _STATES_OF_NAMES.get(code.lower().replace("_", ""), code.upper()),
    alone=STATE_ALONE,
)  # fmt: skip
# A SQLSTATE alone that a letter tells from a number of another server, and the names of drivers and files.
SIGNATURE = (
    r"\A(?:SQLSTATE\W{0,3})?(?:(?=\d{1,4}[A-Z])\w{5}|XX\d{3})\Z"
    r"|\bpsql:|psycopg|asyncpg|npgsql|org\.postgresql\.|tokio_postgres|\bpg_hba\.conf|\bpgbouncer|\bpq: |\bFATAL:  "
)
# A pooler has this one for all that it says itself.
PROXY = "08P01"
# By SQLSTATE, or SQLSTATE and the routine of the server that said so (auth.c, auth-scram.c, miscinit.c, postinit.c).
_AT_LOGIN: dict[str, Verdict] = {
    "28000 ClientAuthentication": _CLIENT_CERTIFICATE,
    "28000 InitializeSessionUserId": _NO_ROLE,
    "28000 read_client_first_message": _OTHER_TLS,
    "28000 read_client_final_message": _OTHER_TLS,
    "42501": Verdict("permission", stage="database"),
    "55000": Verdict("permission", "the database takes no connections", stage="database"),
}
# Both run after the password was found right.
_PAST_LOGIN = frozenset({"InitPostgres", "CheckMyDatabase"})


class ServerError(Struct, eq=True):
    """What a server said of a login that failed; `routine` is the function of its source that said so."""

    state: str | None
    routine: str | None
    text: str
    used_password: bool = True


def at_login(error: ServerError, tls: Tls | None = None) -> Verdict | None:
    """Judge by the fields of an error, which are the same in every language; None when they do not say enough."""
    if error.state == "28000" and "pg_hba.conf" in error.text:  # a file has one name in every language
        if tls is None:
            return ERRORS.judge([error.state], error.text)
        return replace(_DEMANDS_TLS if tls.mode == "disable" else _NO_HBA_HINT, code=error.state)
    if error.state == "28000" and error.routine == "auth_failed" and not error.used_password:
        return replace(_IDENT, code=error.state)
    verdict = _AT_LOGIN.get(f"{error.state} {error.routine}") or _AT_LOGIN.get(error.state or "")
    verdict = verdict and replace(verdict, code=error.state)
    verdict = verdict or ERRORS.judge([error.state], error.text)
    if verdict is None or verdict.failure_class == "unknown":
        return verdict
    # A pooler says what it has no database for, or lets into none, once it has asked for the password.
    asked_password = error.routine is None and error.used_password and verdict.stage == "database"
    return replace(verdict, authenticated=asked_password or error.routine in _PAST_LOGIN)


def classify(exc: BaseException) -> Verdict | None:
    """Judge by SQLSTATE where there is one that says something, else by libpq's or a pooler's words."""
    return ERRORS.judge([getattr(exc, "sqlstate", None)], str(exc))


def select(handle: Any, target: Target) -> None:
    """Check that the schema exists and may be used."""
    if target.schema is None:
        return
    sql = "select has_schema_privilege(nspname, 'usage'), current_user from pg_catalog.pg_namespace where nspname = %s"
    row = one_row(handle, sql, (target.schema,))
    if not row:
        raise refuse("unknown_db", f"there is no schema {target.schema!r} in {target.database!r}", "check --schema")
    may_use, user = row
    if not may_use:
        grant = f"grant usage on schema {identifier(target.schema)} to {identifier(user)}"
        cause = f"user {user!r} may not use schema {target.schema!r}"
        raise refuse("permission", cause, f"run on the server: {grant}")


def catalogs(handle: Any, target: Target, system: Collection[str] = ()) -> Iterator[Item]:
    """Yield the databases; templates and those of `system` are the engine's own."""
    sql = "select datname, datistemplate from pg_catalog.pg_database order by 1"
    for name, is_template in rows(handle, sql, size=target.fetch_size):
        yield Item(name, "catalog", is_template or name in system)


def schemas(handle: Any, target: Target, system: Collection[str] = ("information_schema",)) -> Iterator[Item]:
    """Yield the schemas of the database; no user may name one pg_…."""
    names = rows(handle, "select nspname from pg_catalog.pg_namespace order by 1", size=target.fetch_size)
    return named(names, "schema", system, ("pg_",))


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield tables (partitioned and foreign ones too) and views whose names begin with a prefix."""
    sql = (
        "select relname, relkind in ('v', 'm') from pg_catalog.pg_class "
        "where relkind in ('r', 'p', 'f', 'v', 'm') and relnamespace = "
        "(select oid from pg_catalog.pg_namespace where nspname = %s) and left(relname, length(%s::text)) = %s order by 1"
    )
    schema = target.schema or "public"
    is_system = schema == "information_schema" or schema.startswith("pg_")
    for name, is_view in rows(handle, sql, (schema, prefix, prefix), target.fetch_size):
        yield Item(name, "view" if is_view else "table", is_system)


# libpq and the drivers for Java, as PostgreSQL's and Redshift's documentation have them.
FOREIGN_KEYS = {
    **dict.fromkeys(("sslmode", "ssl"), "ssl_mode"),
    **dict.fromkeys(("currentschema", "search_path"), "schema"),
    "hostaddr": "host",
}
FOREIGN_FILES = {"sslrootcert": "ssl_root_cert"}


def complete_environment(values: dict[str, str]) -> None:
    """Say the schema as libpq takes options, and what a verified connection trusts: by itself it looks in ~/.postgresql."""
    if schema := values.get("schema"):
        values["options"] = "-c search_path=" + re.sub(r"[\\\s]", r"\\\g<0>", identifier(schema))
    if values.get("ssl_mode") == "verify" and not values.get("ssl_root_cert"):
        values.setdefault("ssl_root_cert_file", values["system_roots"])


def complete_odbc(values: dict[str, Any]) -> None:
    """Refuse a password that psqlODBC would read as another one: it decodes it, as in a URL."""
    password = values.get("password", "")
    if not isinstance(password, Reference) and re.search("[%+]", password):
        raise UsageError("psqlODBC decodes % and + in a password of odbc.ini", "give the password where it connects")


_WORDS = {"ssl_mode": LIBPQ_MODES}
# PostgreSQL documentation, "libpq: Environment Variables".
ENVIRONMENT = Environment(
    texts={
        "PGHOST": "{host}",
        "PGPORT": "{port}",
        "PGUSER": "{username}",
        "PGPASSWORD": "{password}",
        "PGDATABASE": "{database}",
        "PGOPTIONS": "{options}",
        "PGAPPNAME": "{application_name}",
        "PGSSLMODE": "{ssl_mode}",
        "PGSSLROOTCERT": "{ssl_root_cert_file}",
    },
    files={"PGSSLROOTCERT": "ssl_root_cert"},
    words=_WORDS,
    url="postgresql",
    query={"sslmode": "ssl_mode"},
    cleared=(
        *("PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGPASSFILE", "PGREQUIREAUTH", "PGCHANNELBINDING"),
        *("PGREQUIRESSL", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL", "PGSSLCRLDIR", "PGSSLNEGOTIATION"),
        "PGTARGETSESSIONATTRS",
    ),
    complete=complete_environment,
)
_OPTIONS = {"ssl_mode": "sslmode", "ssl_root_cert_file": "sslrootcert", "application_name": "application_name"}


def adbc_uri(values: dict[str, str]) -> str:
    """Return the URI of libpq without a password, and take out of the values what it holds."""
    parts = {name: values.pop(name) for name in list(values) if name in {"username", "host", "port"}}
    query = {_OPTIONS[name]: values.pop(name) for name in list(values) if name in _OPTIONS}
    return urls.build("postgresql", parts, [values.pop("database", "")], query)


_LOGIN = {"host": "host", "port": "port", "username": "user", "password": "password", "database": "dbname"}
FORMS = {
    # arrow.apache.org/adbc, "PostgreSQL Driver": it takes a URI alone, in which no variable is percent-encoded.
    "adbc": Form(
        "postgresql",
        {name: name for name in ("host", "port", "username", "database", *_OPTIONS)},
        _WORDS,
        place=adbc_uri,
        comment="The password comes from PGPASSWORD, which qualytics run sets.",
        complete=lambda values: values.pop("password", None),  # libpq takes it from the environment
    ),
    # apache-airflow-providers-postgres, "PostgreSQL Connection": extras are what libpq takes.
    "airflow": Form("postgres", USUAL_AIRFLOW | _OPTIONS, _WORDS),
    # docs.getdbt.com, "Postgres setup".
    "dbt": Form("postgres", {**_LOGIN, "schema": "schema", **_OPTIONS}, _WORDS, needs=("database", "schema")),
    # PostgreSQL's documentation, "The Connection Service File" and "Parameter Key Words".
    "libpq": Form("libpq", _LOGIN | _OPTIONS, _WORDS),
    # SQLAlchemy's documentation, "psycopg": what is asked for in the query goes to libpq.
    "sqlalchemy": Form("postgresql+psycopg", USUAL_URL | _OPTIONS, _WORDS),
    # jdbc.postgresql.org, "Initializing the Driver".
    "jdbc": Form(
        "jdbc:postgresql",
        USUAL_JDBC | _OPTIONS | {"schema": "currentSchema", "application_name": "ApplicationName"},
        _WORDS,
        driver="org.postgresql.Driver",
    ),
    # psqlODBC, "Configuration Options"; the driver's name is Debian's.
    "odbc": Form(
        "odbc",
        {
            "host": "Servername",
            "port": "Port",
            "database": "Database",
            "username": "UserName",
            "password": "Password",
            "ssl_mode": "SSLmode",
        },
        _WORDS,
        fixed={"Driver": "PostgreSQL Unicode"},
        complete=complete_odbc,
    ),
}
