"""MySQL through PyMySQL, which takes the dialled socket and encrypts it itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors._base import Connector, Item, Param, Refusal, Server, Target, tls_params
from qualytics.connectors._mysql_errors import PROTOCOL, classify, explain
from qualytics.connectors._rows import named, rows
from qualytics.connectors._sql import refuse
from qualytics.connectors._wire import peek, reject_stranger

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

# The first packet: length (3 bytes), number (0), then 10 for a greeting, 255 for an error (MySQL
# Source Code Documentation, "Protocol::HandshakeV10"). The longest version text is 60 characters.
_GREETING, _ERROR = 10, 255
_MAX_GREETING = 512
_MAX_ERROR = 1_024
_CLIENT_SSL = 0x0800

_CLEAR_HINT = "turn TLS on at the server, or set ssl_mode=disable to send it all the same"
_AUTH_OR_TLS_HINT = (
    "check --username and --password; the server refuses an account that demands TLS in the same words: "
    "try ssl_mode=auto in --parameters"
)


def greet(sock: socket.socket) -> bool:
    """Tell from the server's greeting, which stays unread, whether it offers TLS.

    An error in place of the greeting (too many connections, this host is blocked) is left to the driver.
    """
    head = peek(sock, 5)
    if not head:
        raise ConnectionResetError("the server closed the connection without a greeting")
    size, number, kind = int.from_bytes(head[:3], "little"), head[3:4], head[4:]
    if number == b"\0" and kind == bytes([_ERROR]) and size <= _MAX_ERROR:
        return True
    if number != b"\0" or kind != bytes([_GREETING]) or size > _MAX_GREETING:
        reject_stranger(sock, PROTOCOL, b"")
    greeting = peek(sock, 4 + size)
    if len(greeting) < 4 + size:
        raise ConnectionResetError("the server closed the connection within its greeting")
    # Version text and its NUL, thread id (4), half a salt (8), filler (1), lower half of the capabilities (2).
    at = greeting.find(b"\0", 5) + 14
    if at < 14 or at + 2 > len(greeting):
        reject_stranger(sock, PROTOCOL, b"")
    return bool(int.from_bytes(greeting[at : at + 2], "little") & _CLIENT_SSL)


def connect(target: Target) -> Any:
    """Log in over the dialled socket, to no database."""
    import pymysql

    handle: Any = pymysql.connect(**arguments(target), defer_connect=True)
    try:
        handle.connect(target.sock)
    except pymysql.OperationalError as exc:
        if exc.args[:1] == (1045,) and not handle.ssl and handle.server_capabilities & _CLIENT_SSL:
            raise refuse("auth", None, _AUTH_OR_TLS_HINT) from exc
        raise
    return handle


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of pymysql.connect."""
    from pymysql.cursors import SSCursor

    found: dict[str, Any] = {
        "host": target.host,
        "port": target.port,
        "user": target.username,
        # As bytes: PyMySQL encodes a text as Latin-1.
        "password": target.password.reveal().encode() if target.password is not None else b"",
        "charset": "utf8mb4",
        "cursorclass": SSCursor,
        "autocommit": True,
        "local_infile": False,
        "program_name": target.parameters.get("program_name", "qualytics"),
        "connect_timeout": target.timeout_s,
        "read_timeout": target.timeout_s,
        "write_timeout": target.timeout_s,
    }
    tls = target.tls
    if tls is not None and tls.active:
        return found | {"ssl": tls.context}
    found["ssl_disabled"] = True
    if tls is not None and tls.mode == "auto":
        found["auth_plugin_map"] = {
            **dict.fromkeys(("mysql_clear_password", "dialog", "sha256_password", "mysql_old_password"), _NeedsTls),
            "caching_sha2_password": _FastSha2,
        }
    return found


def _needs_tls() -> Refusal:
    return refuse("tls", "the server asks for the password itself over a plain connection", _CLEAR_HINT)


class _NeedsTls:
    """In place of a plugin that gives the password away to whoever listens or answers."""

    def __init__(self, _connection: Any) -> None:
        """Take what PyMySQL gives."""

    def authenticate(self, _packet: Any) -> Any:
        """Refuse; nothing was sent yet."""
        raise _needs_tls()


class _FastSha2:
    """caching_sha2_password as far as only a hash is sent.

    Its other half sends the password under a key that the server names, and over a plain connection
    anybody may be the server. MySQL's own clients refuse that, too.
    """

    def __init__(self, connection: Any) -> None:
        """Take the connection that logs in."""
        self._connection = connection

    def authenticate(self, packet: Any) -> Any:
        """Answer a switch to this plugin, or hear how the server took the first answer."""
        connection = self._connection
        if packet.is_auth_switch_request():
            from pymysql._auth import scramble_caching_sha2

            connection.write_packet(scramble_caching_sha2(connection.password, packet.read_all().removesuffix(b"\0")))
            packet = connection._read_packet()  # noqa: SLF001 - the interface that PyMySQL gives to plugins
        if not packet.is_extra_auth_data():
            return packet
        if packet.get_all_data()[1:2] != b"\3":  # 3: the hash was enough
            raise _needs_tls()
        return connection._read_packet()  # noqa: SLF001


def select(handle: Any, target: Target) -> None:
    """Change to the database."""
    if target.database is not None:
        handle.select_db(target.database)


def check(handle: Any, target: Target) -> Server:
    """Read the server's version through an unbuffered cursor of the connection's fetch size."""
    with handle.cursor() as cursor:
        cursor.arraysize = target.fetch_size
        cursor.execute("select version()")
        version = str(cursor.fetchmany()[0][0])
    return Server("MariaDB" if "mariadb" in version.lower() else "MySQL", version.partition("-")[0])


_SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the databases that this user may see."""
    found = rows(handle, "select schema_name from information_schema.schemata order by 1", size=target.fetch_size)
    return named(found, "catalog", _SYSTEM)


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a database whose names begin with a prefix."""
    sql = (
        "select table_name, table_type from information_schema.tables "
        "where table_schema = %s and left(table_name, %s) = %s order by 1"
    )
    for found, kind in rows(handle, sql, (target.database, len(prefix), prefix), target.fetch_size):
        yield Item(found, "view" if "VIEW" in kind else "table", target.database in _SYSTEM)


CONNECTOR = Connector(
    type="mysql",
    title="MySQL",
    kind="jdbc",
    default_port=3306,
    extra="mysql",
    driver="pymysql",
    distribution="PyMySQL",
    fields=("host", "port", "username", "password"),
    required=("host",),
    params=(
        *tls_params(),
        Param("program_name", str, "name shown in performance_schema.session_connect_attrs", max_length=63),
    ),
    scope=("database",),
    example="--host db.example.com --port 3306 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    tls="driver",
    greet=greet,
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle.close(),
    classify=classify,
    explain=explain,
    catalogs=catalogs,
    tables=tables,
    verified="sibling: MariaDB 10.11; caching_sha2_password against a script of the protocol",
)
