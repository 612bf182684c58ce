"""Dremio through ADBC's driver for Arrow Flight SQL, on its low level: results come as Arrow, read by nanoarrow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qualytics.connectors._base import Connector, Item, Param, Server, Target, Verdict, tls_params
from qualytics.connectors._hello import offers_tls
from qualytics.connectors._sql import by_text, refuse

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

_OPTION = "adbc.flight.sql."
_CLEAR = "turn TLS on at the server, or set ssl_mode=disable to send it all the same"

# Words of grpc-go (internal/transport, credentials) and of Go's crypto/tls inside "connection error: desc = …".
_MESSAGES = (
    (r"certificate|tls: (?!first record)|x509", Verdict("tls")),
    (r"frame too large|first record does not look like|unexpected HTTP status|server preface: (?!connection|EOF)", Verdict("config", "the server does not speak Arrow Flight", "check host and port; Dremio's own JDBC port is another one")),
    (r"connection refused", Verdict("refused")),
    (r"zero addresses|no such host", Verdict("dns")),
    (r"i/o timeout|deadline exceeded", Verdict("timeout")),
    (r"reset by peer|EOF|broken pipe|closing", Verdict("network")),
)  # fmt: skip
_UNAVAILABLE = 14
# gRPC's status codes (grpc.io, "Status Codes"), which the driver passes on as the vendor code.
_CODES = {
    3: Verdict("config"),
    4: Verdict("timeout"),
    5: Verdict("unknown_db", stage="database"),
    7: Verdict("permission"),
    8: Verdict("quota"),
    10: Verdict("transient"),
    12: Verdict("config", "the server does not know the call", "check that this is Dremio's Arrow Flight endpoint"),
    _UNAVAILABLE: Verdict("transient"),
    16: Verdict("auth", stage="login"),
}


def is_plain(answer: bytes) -> bool:
    """Say whether an HTTP/2 server without TLS could have answered so: SETTINGS (4) or GOAWAY (7), or it hangs up."""
    return not answer or (answer[:2] == b"\0\0" and answer[3:4] in {b"\x04", b"\x07"})


def greet(sock: socket.socket) -> bool:
    """Ask whether the server speaks TLS."""
    return offers_tls(sock, "Arrow Flight", is_plain)


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Say what an authentication type lacks, and which parameters contradict each other."""
    parameters = values.get("parameters") or {}
    token = parameters.get("authentication_type") == "ACCESS_TOKEN"
    if token and "password" not in secrets_set:
        yield "password", "is needed: the personal access token", "give it with --password"
    if not token and not values.get("username"):
        yield "username", "is needed for authentication_type BASIC", "give it with --username"
    if "ssl" in parameters and "ssl_mode" in parameters:
        yield "parameters", "hold both ssl and ssl_mode", "keep one of them"


def connect(target: Target) -> Any:
    """Log in: without a password nothing would be sent before the first query."""
    import adbc_driver_flightsql
    import adbc_driver_manager

    database = adbc_driver_flightsql.connect(address(target), db_kwargs=arguments(target))
    handle = adbc_driver_manager.AdbcConnection(database)
    next(rows(handle, "select 1"))
    return handle


def address(target: Target) -> str:
    """Return where the driver connects, made of host and port alone."""
    scheme = "grpc+tls" if target.tls is not None and target.tls.active else "grpc+tcp"
    return f"{scheme}://{f'[{target.host}]' if ':' in target.host else target.host}:{target.port}"


def arguments(target: Target) -> dict[str, str]:
    """Return the options of the driver; the trusted roots go in as PEM text."""
    tls, parameters = target.tls, target.parameters
    seconds = f"{target.timeout_s:g}"
    found = {f"{_OPTION}rpc.timeout_seconds.{call}": seconds for call in ("fetch", "query", "update")}
    found[f"{_OPTION}rpc.with_cookie_middleware"] = "true"
    if project := parameters.get("project_id"):
        found[f"{_OPTION}rpc.call_header.project_id"] = project
    secret = target.password.reveal() if target.password is not None else None
    if secret is not None and tls is not None and not tls.active and tls.mode != "disable":
        raise refuse("tls", "the server offers no TLS, and the secret would go out in clear text", _CLEAR)
    if parameters.get("authentication_type") == "ACCESS_TOKEN":
        found[f"{_OPTION}authorization_header"] = f"Bearer {secret}"
    else:
        found |= {"username": target.username or "", "password": secret or ""}
    if tls is not None and tls.active and not tls.verified:
        found[f"{_OPTION}client_option.tls_skip_verify"] = "true"
    elif tls is not None and tls.active and tls.ca_file:
        found[f"{_OPTION}client_option.tls_root_certs"] = Path(tls.ca_file).read_text(encoding="utf-8")
    return found


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


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def select(handle: Any, target: Target) -> None:
    """Check that the schema, a path such as space.folder, exists."""
    if target.schema is None:
        return
    sql = f'select 1 from information_schema."SCHEMATA" where lower(schema_name) = {_literal(target.schema.lower())}'  # noqa: S608 - quoted
    if next(rows(handle, sql), None) is None:
        raise refuse(
            "unknown_db",
            f"there is no schema {target.schema!r}",
            "check --schema: source or space, and folders, with dots between",
        )


def check(handle: Any, _target: Target) -> Server:
    """Run a query and ask for name and version as Flight SQL's SqlInfo 0 and 1."""
    import nanoarrow

    next(rows(handle, "select 1"))
    info = {row["info_name"]: row["info_value"] for row in nanoarrow.ArrayStream(handle.get_info([0, 1])).to_pylist()}
    return Server(info.get(0) or "Dremio", info.get(1))


def schemas(handle: Any, _target: Target) -> Iterator[Item]:
    """Yield sources, spaces and folders (Dremio documentation, INFORMATION_SCHEMA.SCHEMATA)."""
    for (found,) in rows(handle, 'select schema_name from information_schema."SCHEMATA" order by 1'):
        yield Item(found, "schema", found.split(".")[0].lower() in {"sys", "information_schema"})


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield tables and views (Dremio documentation, INFORMATION_SCHEMA."TABLES")."""
    sql = (
        f'select table_name, table_type from information_schema."TABLES" where table_schema = {_literal(target.schema or "")} '  # noqa: S608 - quoted
        f"and substr(table_name, 1, {len(prefix)}) = {_literal(prefix)} order by 1"
    )
    for found, kind in rows(handle, sql):
        yield Item(found, "view" if kind == "VIEW" else "table", kind == "SYSTEM_TABLE")


def classify(exc: BaseException) -> Verdict | None:
    """Judge a broken connection by its words, all else by gRPC's status code."""
    if not type(exc).__module__.startswith("adbc_driver_manager"):
        return None
    code = getattr(exc, "vendor_code", None) or 0
    found = by_text(str(exc), _MESSAGES) if code == _UNAVAILABLE else None
    return found or _CODES.get(code)


# The names of the codes, as clients write them.
_NAMES = {
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "ABORTED": 10,
    "UNIMPLEMENTED": 12,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}


def explain(text: str) -> Verdict | None:
    """Judge a broken connection by its words, all else by the name of gRPC's status code."""
    wanted = text.upper().replace(" ", "_")
    code = next((_CODES[code] for name, code in _NAMES.items() if name in wanted), None)
    broken = by_text(text, _MESSAGES) if code is None or code is _CODES[14] else None
    return broken or code


CONNECTOR = Connector(
    type="dremio",
    title="Dremio",
    kind="jdbc",
    default_port=32_010,
    extra="dremio",
    driver="adbc_driver_flightsql",
    distribution="adbc-driver-flightsql",
    fields=("host", "port", "username", "password"),
    required=("host",),
    username_optional=True,
    params=(
        *tls_params(),
        Param("ssl", bool, "true: as ssl_mode verify; false: as ssl_mode disable"),
        Param("authentication_type", str, "BASIC: user and password; ACCESS_TOKEN: a personal access token as password (our choice)", choices=("BASIC", "ACCESS_TOKEN"), default="BASIC"),
        Param("project_id", str, "project of Dremio Cloud, when not the default one"),
    ),
    scope=("schema",),
    example="--host dremio.example.com --port 32010 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    tls="direct",
    greet=greet,
    requires=requires,
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle.close(),
    classify=classify,
    explain=explain,
    schemas=schemas,
    tables=tables,
    verified="driver only: login and discovery never run",
)  # fmt: skip
