"""Dremio through ADBC's driver for Arrow Flight SQL, on its low level: results come as Arrow, read by nanoarrow.

The driver gets the address that was checked, and the name that stands in the certificate.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import (
    CLEAR_TEXT_HINT,
    Connector,
    Param,
    Protocol,
    Server,
    Target,
    Verdict,
    by_text,
    refuse,
    tls_params,
)
from qualytics.connectors.foreign import USUAL_JDBC, USUAL_URL, Foreign, Form
from qualytics.connectors.shared.http import BASIC_USER, HEADER, SEGMENT, TOKEN, bracketed
from qualytics.connectors.shared.sql import literal
from qualytics.model import Item
from qualytics.structs import replace

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

# The preface of a client, and frames SETTINGS (4) or GOAWAY (7) of the connection (RFC 9113, sections 3.4 and 4.1).
PROTOCOL = Protocol(
    "a gRPC server",
    rb"\0\0[\s\S][\x04\x07]\0\0\0\0\0",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000 04 00 00000000"),
    type="dremio",
    within_tls=True,
)
_OPTION = "adbc.flight.sql."
_CLIENT = f"{_OPTION}client_option."
_TIMES = tuple(f"{_OPTION}rpc.timeout_seconds.{call}" for call in ("fetch", "query", "update"))


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Say what an authentication type lacks, and which parameters contradict each other."""
    parameters = values.get("parameters") or {}
    token = parameters.get("authentication_type") == "ACCESS_TOKEN"
    if token and "password" not in secrets_set:
        yield "password", "is needed: the personal access token", "give it with --password"
    if token and "password" in values and not TOKEN.fit(values["password"]):
        yield "password", "must be a token", f"it may have {TOKEN.words}"
    if not token and not values.get("username"):
        yield "username", "is needed for authentication_type BASIC", "give it with --username"
    if "ssl" in parameters and "ssl_mode" in parameters:
        yield "parameters", "hold both ssl and ssl_mode", "keep one of them"


def is_plain(answer: bytes) -> bool:
    """Say whether an HTTP/2 server without TLS could have said so: SETTINGS (4), often before all else, or GOAWAY (7)."""
    return answer[:2] == b"\0\0" and answer[3:4] in {b"\x04", b"\x07"}


def greet(sock: socket.socket) -> bool:
    """Ask whether the server speaks TLS."""
    from qualytics.connectors.shared.preamble import offers_tls

    return offers_tls(sock, "Arrow Flight", is_plain, may_begin=is_plain)


def connect(target: Target) -> Any:
    """Log in: without a password nothing would be sent before the first query."""
    from qualytics.connectors.shared.preamble import expect_silence

    expect_silence(target, "Arrow Flight", is_plain)
    import adbc_driver_flightsql
    import adbc_driver_manager

    database = adbc_driver_flightsql.connect(address(target), db_kwargs=arguments(target))
    handle = adbc_driver_manager.AdbcConnection(database)
    next(rows(handle, "select 1"))
    return handle


def lift_limits(handle: Any, _target: Target) -> None:
    """Take the time limit from each call."""
    handle.set_options(**dict.fromkeys(_TIMES, "0"))


def address(target: Target) -> str:
    """Return where the driver connects, made of the dialled address and the port alone."""
    scheme = "grpc+tls" if target.tls.active else "grpc+tcp"
    return f"{scheme}://{bracketed(target.dialled)}:{target.port}"


def arguments(target: Target) -> dict[str, str]:
    """Return the options of the driver; the trusted roots go in as PEM text."""
    parameters = target.parameters
    options = dict.fromkeys(_TIMES, f"{target.timeout_s:g}")
    options[f"{_OPTION}rpc.with_cookie_middleware"] = "true"
    if project := parameters.get("project_id"):
        options[f"{_OPTION}rpc.call_header.project_id"] = project
    return options | _login(target) | _security(target)


def _login(target: Target) -> dict[str, str]:
    tls = target.tls
    secret = target.password.reveal() if target.password is not None else None
    if secret is not None and not tls.active and tls.mode != "disable":
        raise refuse("tls", "the server offers no TLS, and the secret would go out in clear text", CLEAR_TEXT_HINT)
    if target.parameters.get("authentication_type") == "ACCESS_TOKEN":
        return {f"{_OPTION}authorization_header": f"Bearer {secret}"}
    return {"username": target.username or "", "password": secret or ""}


def _security(target: Target) -> dict[str, str]:
    # The name goes to the server as well: for its certificate and its authority with TLS, for its authority without.
    tls = target.tls
    if not tls.active:
        return {f"{_CLIENT}authority": f"{bracketed(target.host)}:{target.port}"}
    options = {f"{_CLIENT}tls_override_hostname": target.host}
    if not tls.verified:
        options[f"{_CLIENT}tls_skip_verify"] = "true"
    elif tls.ca_file:
        options[f"{_CLIENT}tls_root_certs"] = Path(tls.ca_file).read_text(encoding="utf-8")
    return options


# Words of grpc-go (internal/transport, credentials) and of Go's crypto/tls inside "connection error: desc = …", and Dremio's own; all else that
# breaks a connection has the words of all systems.
_MESSAGES = (
    (r"certificate|tls: (?!first record)|x509", Verdict("tls")),  # also while the server's preface is read
    (r"frame too large|first record does not look like|unexpected HTTP status|server preface: (?!connection|EOF)", Verdict("config", "the server does not speak Arrow Flight", "check host and port; Dremio's own JDBC port is another one")),
    (r"reset by peer|broken pipe|(is|are) closing|[^:]: EOF", Verdict("network")),
)  # fmt: skip
_WORDS = (
    (
        r"schema \[.{0,255}\] is not valid with respect|Object '.{0,255}' not found",
        Verdict("unknown_db", stage="database"),
    ),
)
_LOGIN = Verdict("auth", stage="login")
_ABSENT = Verdict("unknown_db", stage="database")
_NO_CALL = Verdict("config", "the server does not know the call", "check that this is Dremio's Arrow Flight endpoint")
_LOST = Verdict("unknown", "the server says that data is lost or damaged", "ask the administrator of the server")
# gRPC's status codes (grpc.io, "Status Codes") by their names; UNKNOWN says nothing.
_STATUS = {
    "CANCELED": (1, Verdict("transient")),
    "INVALID_ARGUMENT": (3, Verdict("config")),
    "DEADLINE_EXCEEDED": (4, Verdict("timeout")),
    "NOT_FOUND": (5, _ABSENT),
    "ALREADY_EXISTS": (6, Verdict("config")),
    "PERMISSION_DENIED": (7, Verdict("permission")),
    "RESOURCE_EXHAUSTED": (8, Verdict("quota")),
    "FAILED_PRECONDITION": (9, Verdict("config")),
    "ABORTED": (10, Verdict("transient")),
    "OUT_OF_RANGE": (11, Verdict("config")),
    "UNIMPLEMENTED": (12, _NO_CALL),
    "INTERNAL": (13, Verdict("transient")),
    "UNAVAILABLE": (14, Verdict("transient")),
    "DATA_LOSS": (15, _LOST),
    "UNAUTHENTICATED": (16, _LOGIN),
}
# The driver passes them on as the vendor code, and always has one of ADBC's own (adbc.h, ADBC_STATUS_…).
_CODES = {number: replace(verdict, code=name) for name, (number, verdict) in _STATUS.items()}
_ADBC = {
    2: _NO_CALL,
    3: _ABSENT,
    4: Verdict("config"),
    5: Verdict("config"),
    6: Verdict("config"),
    7: _LOST,
    8: _LOST,
    9: Verdict("transient"),
    10: Verdict("network"),
    11: Verdict("transient"),
    12: Verdict("timeout"),
    13: _LOGIN,
    14: Verdict("permission"),
}
# UNKNOWN and INTERNAL, which several codes of gRPC become.
_VAGUE = {0, 1, 9}
# Of both: what broke a connection stands in the words alone.
_UNAVAILABLE, _IO = 14, 10
# As clients write a name: UNAUTHENTICATED, Unauthenticated, PermissionDenied; plain words only where a code stands.
_PLAIN = {"CANCELED", "ABORTED", "INTERNAL", "NOT_FOUND", "ALREADY_EXISTS", "OUT_OF_RANGE", "DATA_LOSS"}
_CODE = r"(?:\bcode\W{1,3}|StatusCode\.|\()"


def _pattern(name: str) -> str:
    return (_CODE if name in _PLAIN else "") + name.replace("_", "[_ ]?").replace("CELED", "CELL?ED")


_NAMES = tuple((_pattern(name), _CODES[number]) for name, (number, _) in _STATUS.items())


def classify(exc: BaseException) -> Verdict | None:
    """Judge by gRPC's code, by ADBC's where it says as much, by words last; a broken connection by its words first."""
    if not type(exc).__module__.startswith("adbc_driver_manager"):
        return None
    text = str(exc)
    vendor, status = (getattr(exc, name, None) or 0 for name in ("vendor_code", "status_code"))
    if vendor == _UNAVAILABLE or (not vendor and status == _IO):
        return _broken(text, _CODES.get(vendor) or by_text(text, _NAMES) or _ADBC[_IO])
    exact = None if status in _VAGUE else _ADBC.get(status)
    return _CODES.get(vendor) or exact or explain(text) or _ADBC.get(status)


def explain(text: str) -> Verdict | None:
    """Judge a broken connection by its words, all else by the name of gRPC's status code."""
    if text.upper().strip() in _STATUS:
        return _CODES[_STATUS[text.upper().strip()][0]]
    code = by_text(text, _NAMES)
    if code is None or code.code == "UNAVAILABLE":
        return _broken(text, code)
    return code


def _broken(text: str, code: Verdict | None) -> Verdict | None:
    verdict = by_text(text, _MESSAGES) or (by_text(text, _WORDS) if code is None else code)
    return verdict and replace(verdict, code=code.code if code else None)


def rows(handle: Any, sql: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, batch by batch as the server sends them."""
    import adbc_driver_manager
    import nanoarrow

    with adbc_driver_manager.AdbcStatement(handle) as statement:
        statement.set_sql_query(sql)
        stream, _ = statement.execute_query()
        with nanoarrow.ArrayStream(stream) as batches:
            for batch in batches:
                yield from (tuple(row.values()) for row in batch.to_pylist())


def select(handle: Any, target: Target) -> None:
    """Check that the schema, a path such as space.folder, exists."""
    if target.schema is None:
        return
    sql = f'select 1 from information_schema."SCHEMATA" where lower(schema_name) = {literal(target.schema.lower())}'  # noqa: S608 - quoted
    if next(rows(handle, sql), None) is None:
        raise refuse(
            "unknown_db",
            f"there is no schema {target.schema!r}",
            "check --schema: source or space, and folders, with dots between",
        )


def schemas(handle: Any, _target: Target) -> Iterator[Item]:
    """Yield sources, spaces and folders (Dremio documentation, INFORMATION_SCHEMA.SCHEMATA)."""
    for (name,) in rows(handle, 'select schema_name from information_schema."SCHEMATA" order by 1'):
        yield Item(name, "schema", name.split(".")[0].lower() in {"sys", "information_schema"})


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield tables and views (Dremio documentation, INFORMATION_SCHEMA."TABLES")."""
    sql = (
        f'select table_name, table_type from information_schema."TABLES" where table_schema = {literal(target.schema or "")} '  # noqa: S608 - quoted
        f"and substr(table_name, 1, {len(prefix)}) = {literal(prefix)} order by 1"
    )
    for name, kind in rows(handle, sql):
        yield Item(name, "view" if kind == "VIEW" else "table", kind == "SYSTEM_TABLE")


def check(handle: Any, _target: Target) -> Server:
    """Run a query and ask for name and version as Flight SQL's SqlInfo 0 and 1."""
    import nanoarrow

    next(rows(handle, "select 1"))
    info = {row["info_name"]: row["info_value"] for row in nanoarrow.ArrayStream(handle.get_info([0, 1])).to_pylist()}
    return Server(info.get(0) or "Dremio", info.get(1))


def complete(values: dict[str, str]) -> None:
    """See a login by an access token."""
    if values.get("pat") or values.get("token"):
        values["authentication_type"] = "ACCESS_TOKEN"


def complete_form(values: dict[str, Any]) -> None:
    """Name an access token."""
    if values.pop("authentication_type", "BASIC") == "ACCESS_TOKEN" and "password" in values:
        values["token"] = values.pop("password")


_TLS = {"ssl_mode": {"verify": "true", "disable": "false"}}
# Dremio documentation, "Arrow Flight SQL JDBC" and "ODBC"; the README of sqlalchemy_dremio; docs.getdbt.com, "Dremio
# setup", whose port is that of another protocol.
FORMS = {
    "dbt": Form(
        "dremio",
        {"host": "software_host", "username": "user", "password": "password", "token": "pat", "ssl_mode": "use_ssl"},
        {"ssl_mode": {"verify": True, "disable": False}},
        complete=complete_form,
    ),
    "jdbc": Form(
        "jdbc:arrow-flight-sql",
        {**USUAL_JDBC, "token": "token", "ssl_mode": "useEncryption"},
        _TLS,
        path=(),
        driver="org.apache.arrow.driver.jdbc.ArrowFlightJdbcDriver",
        complete=complete_form,
    ),
    "odbc": Form(
        "odbc",
        {
            "host": "HOST",
            "port": "PORT",
            "username": "UID",
            "password": "PWD",
            "token": "TOKEN",
            "ssl_mode": "useEncryption",
        },
        _TLS,
        fixed={"Driver": "Arrow Flight SQL ODBC Driver"},
        complete=complete_form,
    ),
    "sqlalchemy": Form(
        "dremio+flight",
        {**USUAL_URL, "schema": "schema", "token": "token", "ssl_mode": "UseEncryption"},
        _TLS,
        path=("schema",),
        complete=complete_form,
    ),
}


CONNECTOR = Connector(
    type="dremio",
    title="Dremio",
    default_port=32_010,
    driver="adbc_driver_flightsql",
    distribution="adbc-driver-flightsql",
    proof="the access token",
    username_optional=True,
    params=(
        *tls_params(),
        Param("ssl", bool, "true: as ssl_mode verify; false: as ssl_mode disable"),
        Param("authentication_type", str, "BASIC: user and password; ACCESS_TOKEN: a personal access token as password (our choice)", choices=("BASIC", "ACCESS_TOKEN"), default="BASIC"),
        # It binds: the server hands the login on by it.
        Param("project_id", str, "project of Dremio Cloud, when not the default one"),
    ),
    grammar={"password": HEADER, "username": BASIC_USER, "project_id": SEGMENT},
    scope=("schema",),
    example="--host dremio.example.com --port 32010 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    protocols=(PROTOCOL,),
    tls="direct",
    greet=greet,
    requires=requires,
    implied=lambda values: {"ssl": values["parameters"]["ssl_mode"] == "verify"},
    open=connect,
    lift_limits=lift_limits,
    select=select,
    check=check,
    classify=classify,
    explain=explain,
    signature=r"(?i)dremio|arrow[._]flight|FlightSQL",
    schemas=schemas,
    tables=tables,
    verified="sibling: ROAPI, a Flight SQL server that checks passwords and tokens; Dremio's own words from its documentation",
    authentication=(
        ("BASIC", "username and password of a user of Dremio Software"),
        ("ACCESS_TOKEN", "password: a personal access token; no username"),
    ),
    privileges=(
        'Dremio Enterprise: GRANT READ METADATA ON SOURCE lake TO USER "reader", or ON SPACE, or ON FOLDER',
        'Dremio Cloud: GRANT USAGE, SELECT ON PROJECT TO USER "reader@example.com"',
        "Dremio Community: none, every user sees everything",
    ),
    pinned="address",
    forks=False,  # Go, and gRPC in it
    reads="dremio",
    snapshots="none",
    foreign=Foreign(
        names=("dremio", "flightsql", "arrow-flight-sql"),
        odbc=("dremio", "flight sql"),
        forms=FORMS,
        keys={
            "software_host": "host",
            **dict.fromkeys(("pat", "token"), "password"),
            **dict.fromkeys(("use_ssl", "useencryption"), "ssl_mode"),
        },
        path=("schema",),
        complete=complete,
    ),
)  # fmt: skip
