"""MySQL through PyMySQL, which takes the dialled socket and encrypts it itself."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from qualytics.connectors.codes import SERVER_FAULT, ErrorTable, by_code, by_sqlstate
from qualytics.connectors.contract import (
    CLEAR_TEXT_HINT,
    Connector,
    Param,
    Protocol,
    Refusal,
    Server,
    Target,
    Verdict,
    by_text,
    refuse,
    tls_params,
)
from qualytics.connectors.shared.mysql import FOREIGN
from qualytics.connectors.shared.preamble import MYSQL, MYSQL_CLIENT_SSL, mysql_offers_tls
from qualytics.connectors.shared.sql import named, rows, text_of
from qualytics.model import Item
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator


# A greeting or an error (`preamble.begins_mysql`).
PROTOCOL = Protocol("a MySQL or MariaDB server", rb"[\s\S]{2}\0\0(?:\x0a[\x20-\x7e]|\xff[\s\S]{2})", type="mysql")


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of pymysql.connect."""
    from pymysql.cursors import SSCursor

    options: dict[str, Any] = {
        "host": target.host,
        "port": target.port,
        "user": target.username,
        # As bytes: PyMySQL encodes a text as Latin-1.
        "password": target.password_text.encode(),
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
    if tls.active:
        return options | {"ssl": tls.context}
    options["ssl_disabled"] = True
    if tls.mode == "auto":
        options["auth_plugin_map"] = {
            **dict.fromkeys(("mysql_clear_password", "dialog", "sha256_password", "mysql_old_password"), _NeedsTls),
            "caching_sha2_password": _FastSha2,
        }
    return options


def _needs_tls() -> Refusal:
    return refuse("tls", "the server asks for the password itself over a plain connection", CLEAR_TEXT_HINT)


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


_EXPIRED = Verdict("auth", "the account's password has expired", "set a new password on the server")
_LOCKED = Verdict("auth", "the account is locked", "run on the server: alter user … account unlock")
_PLUGIN = Verdict(
    "config",
    "the account's authentication plugin is not supported",
    "give the account another plugin on the server, such as mysql_native_password or caching_sha2_password",
)
_KERBEROS = Verdict(
    "config",
    "the account logs in by Kerberos, which is not offered here",
    "give the account a plugin that takes a password, such as mysql_native_password or caching_sha2_password",
)
# Over TLS: an account that demands a client certificate and a wrong password are refused in one and the same packet.
AUTH_OR_CERTIFICATE = Verdict(
    "auth",
    None,
    "check --username and --password; the server refuses an account that demands a client certificate (require x509) "
    "in the same words, and none is offered here: require ssl is enough for a password",
)
# Of a plain login: an account that demands TLS and a wrong password sound alike.
AUTH_OR_TLS = Verdict(
    "auth",
    None,
    "check --username and --password; the server refuses an account that demands TLS in the same words: "
    "try ssl_mode=auto in --parameters",
)
_NONSENSE = Verdict("config", f"the server does not speak {MYSQL} as it should", "check host and port")
_GSSAPI = (r"gssapi|kerberos", _KERBEROS)
# What PyMySQL says without a number, as a RuntimeError.
_MESSAGES = (
    (r"pynacl", _PLUGIN),
    (
        r"LOAD_LOCAL",
        Verdict("config", "the server asked for a file of this machine, and got none", "check host and port"),
    ),
)

_LOGIN = Verdict("auth")
_QUOTA = Verdict("quota")
_PERMISSION = Verdict("permission")
_BUSY = Verdict("transient")
_GONE = Verdict("network")
_NOT_SO = Verdict("config")
# Numbers of MySQL's "Server Error Message Reference" and MariaDB's "Error Codes"; from 2000 to 2999 they are the client's
# own. From 8000 on: TiDB's "Error Codes", and ProxySQL's.
_NUMBERS = by_code({
    "1045 1698 1873": _LOGIN,
    "1820 1862": _EXPIRED,
    "3118 3955 4150 4151": _LOCKED,
    "1044": Verdict("permission", stage="database"),
    "1095 1131 1132 1142 1143 1211 1227 1370 1410 1419 1449": _PERMISSION,
    "1129": Verdict("permission", "the server blocks this host after many failed connections", "run on the server: flush hosts"),
    "1130": Verdict("permission", "the server accepts no login from this address", "ask for an account for the local_address of this report"),
    "1049 1102": Verdict("unknown_db", stage="database"),  # 1102: a name that no database can have
    "1021 1119 1197 1436 1037 1038 1041 1114 1135 1206 1461 1637 2008 8001": _QUOTA,
    "1040": Verdict("quota", "the server has too many connections"),
    "1203": Verdict("quota", "the user has too many connections"),
    "1226": Verdict("quota", "the user is at a limit of the server"),
    "1047": Verdict("transient", "this node answers no commands now; of a Galera cluster: it is not in step with the others"),
    "1053": Verdict("transient", "the server is shutting down"),
    "1077 1079 1080 1081 1151 1192 1207 1208 1209 1297 1205 1213 1223 1317 1614 1836 3058 3168 3572 9003 9005 9006": _BUSY,
    "3032": Verdict("transient", "the server is in offline mode", "wait, or ask for offline_mode = off on the server"),
    "1152 1154 1155 1158 1160 1184 2001 2004 2016 2017 2018 2038 2039 2041 2043 2045 2046 2048 2006 2013 2055": _GONE,
    "1927 3169 4031": Verdict("network", "the server ended the connection"),
    "1159 1161 1907 1969 3024": Verdict("timeout"),
    "9001": Verdict("timeout", "the proxy reached no server behind it in time", "wait, or ask whether its servers are online"),
    "2005 2070": Verdict("dns"),
    "3159": Verdict("tls", "the server demands TLS", "set ssl_mode=auto, verify or require in --parameters"),
    "1251 1275 1524 2049 2054 2058 2059": _PLUGIN,
    "2067": _KERBEROS,
    "1042 1043 1046 1054 1064 1115 1146 1153 1156 1157 1193 1231 1273 1792 2007 2012 2019 2020 2047 2064 2065 2066 2068 1133 1286 1298 1372 1396 1450 1466 1467 2071 1289 1235": _NOT_SO,
    "1006 1010 1012 1013 1014 1015 1018 1019 1020 1023 1024 1025 1026 1036 1039 1078 1126 1127 1180 1181 1183 1244 1296 1383 1030 1034 1035 1194 1195 1815": SERVER_FAULT,
})  # fmt: skip
# Numbers that many failures have: what happened stands in the words.
_UMBRELLAS = by_code(
    {
        "1105 2000": Verdict("unknown"),
        "2061": _PLUGIN,
        "1290": _NOT_SO,
        "9002": Verdict("timeout"),
        "2002 2003": Verdict("network"),
        "2026": Verdict("tls"),
        "2027": _NONSENSE,
    }
)
# In a server's answer this number of a client is MySQL Router's; of a client it says many things.
_ROUTER = {"2003": Verdict("transient", "the router could not reach a server behind it")}
_SERVER_WORDS = (
    (
        r"requires? (a )?secure connection",
        Verdict(
            "tls", "the account's plugin gives the password over TLS alone", "turn TLS on with ssl_mode in --parameters"
        ),
    ),
    (r"through socket .{0,160}\((2|111)\)", Verdict("refused")),
    (r"many connection errors", _NUMBERS["1129"]),
    (r"has exceeded the '", _NUMBERS["1226"]),
    (r"Max connect timeout reached", _NUMBERS["9001"]),
    (r"WSREP has not yet prepared", _NUMBERS["1047"]),
    (r"PROTOCOL_CONNECTION_LOST|server has gone away|lost connection to", _GONE),
    (r"PROTOCOL_SEQUENCE_TIMEOUT|inactivity timeout", Verdict("timeout")),
    (r"--(super-)?read-only", _BUSY),
    (r"queue limit reached|no connections available", _QUOTA),
    (r"time zone value|secure-auth", _NOT_SO),
    (r"ssl not enabled", Verdict("tls", "the server does not offer TLS")),
    (r"SSL connection is required|insecure transport|insecure connections", _NUMBERS["3159"]),
    (r"code = Unavailable|no healthy tablet", _BUSY),
    (r"blocked because of many connection errors", _NUMBERS["1129"]),
    (r"cannot connect to mysql using ssl|support secure connection", Verdict("tls")),
    (r"retrieval of the RSA public key|CLIENT_PLUGIN_AUTH is required", _PLUGIN),
    (r"RSA public key is not available|Could not load plugin|plugin .{0,40}could not be loaded", _PLUGIN),
    (r"access denied for user .* to database", _NUMBERS["1044"]),
    (r"access denied for user", _LOGIN),
    (r"unknown database", _NUMBERS["1049"]),
    (r"too many connections", _NUMBERS["1040"]),
    (r"is not allowed to connect to this", _NUMBERS["1130"]),
    (
        r"authentication plugin .* cannot be loaded|public key retrieval is not allowed|does not support authentication protocol|authentication method unknown to the client|authentication plugin is not supported",
        _PLUGIN,
    ),
)
# Their names, as Node.js and Go write them (MySQL's "Server Error Message Reference").
_NAMED = {
    "ER_ACCESS_DENIED_ERROR": "1045",
    "ER_ACCESS_DENIED_NO_PASSWORD_ERROR": "1698",
    "ER_ACCOUNT_HAS_BEEN_LOCKED": "3118",
    "ER_BAD_DB_ERROR": "1049",
    "ER_CLIENT_INTERACTION_TIMEOUT": "4031",
    "ER_CON_COUNT_ERROR": "1040",
    "ER_DBACCESS_DENIED_ERROR": "1044",
    "ER_HANDSHAKE_ERROR": "1043",
    "ER_HOST_IS_BLOCKED": "1129",
    "ER_HOST_NOT_PRIVILEGED": "1130",
    "ER_LOCK_DEADLOCK": "1213",
    "ER_LOCK_WAIT_TIMEOUT": "1205",
    "ER_MUST_CHANGE_PASSWORD": "1820",
    "ER_MUST_CHANGE_PASSWORD_LOGIN": "1862",
    "ER_NOT_SUPPORTED_AUTH_MODE": "1251",
    "ER_OUT_OF_RESOURCES": "1041",
    "ER_QUERY_TIMEOUT": "3024",
    "ER_SECURE_TRANSPORT_REQUIRED": "3159",
    "ER_SERVER_SHUTDOWN": "1053",
    "ER_SPECIFIC_ACCESS_DENIED_ERROR": "1227",
    "ER_TABLEACCESS_DENIED_ERROR": "1142",
    "ER_TOO_MANY_USER_CONNECTIONS": "1203",
    "ER_USER_LIMIT_REACHED": "1226",
}
ERRORS = ErrorTable(
    codes=_NUMBERS,
    umbrellas=_UMBRELLAS,
    words=(*_MESSAGES, _GSSAPI, *_SERVER_WORDS),
    # As mysql ("ERROR 1045 (28000)"), drivers ("(1045, ", "Error Code: 1045", "[1045]", "(HY000/1045)") and logs write them.
    inside=r"(?:\berror(?: code)?:? |\berrno\W{1,3}|\bcode\W{1,3}|#|\(|\[|\(\w{5}/|: (?=\d{4} \(\w{5}\)))(?P<weak>\d{4})\b|\b(?P<name>ER_[A-Z_]+)\b",
    spell=lambda code: _NAMED.get(code.upper(), code),
    alone=r"(?:error )?(\d{4})",
)


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the number of the error, else by its SQLSTATE."""
    if isinstance(exc, RuntimeError):
        return by_text(str(exc), _MESSAGES)
    if isinstance(exc, LookupError | struct.error | UnicodeError):  # PyMySQL stumbled over a packet
        return _NONSENSE
    if not type(exc).__module__.startswith("pymysql"):
        return None
    number = exc.args[0] if exc.args else None
    if not isinstance(number, int):
        return _NONSENSE
    code = str(number)
    if _NUMBERS.get(code) is _PLUGIN and (kerberos := by_text(str(exc), (_GSSAPI,))):
        return replace(kerberos, code=code)
    verdict = _NUMBERS.get(code) or _ROUTER.get(code) or by_sqlstate(getattr(exc, "sqlstate", None))
    return replace(verdict, code=code) if verdict else ERRORS.judge([code], str(exc))


_SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")


def select(handle: Any, target: Target) -> None:
    """Change to the database."""
    if target.database is not None:
        handle.select_db(target.database)


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the databases that this user may see."""
    names = rows(handle, "select schema_name from information_schema.schemata order by 1", size=target.fetch_size)
    return named(names, "catalog", _SYSTEM)


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a database whose names begin with a prefix."""
    sql = (
        "select table_name, table_type from information_schema.tables "
        "where table_schema = %s and left(table_name, %s) = %s order by 1"
    )
    for name, table_type in rows(handle, sql, (target.database, len(prefix), prefix), target.fetch_size):
        yield Item(text_of(name), "view" if "VIEW" in text_of(table_type) else "table", target.database in _SYSTEM)


def connect(target: Target) -> Any:
    """Log in over the dialled socket, to no database."""
    import pymysql

    handle: Any = pymysql.connect(**arguments(target), defer_connect=True)
    try:
        handle.connect(target.sock)
    except pymysql.OperationalError as exc:
        if exc.args[:1] == (1045,) and handle.ssl:
            raise Refusal(AUTH_OR_CERTIFICATE) from exc
        if exc.args[:1] == (1045,) and handle.server_capabilities & MYSQL_CLIENT_SSL:
            raise Refusal(AUTH_OR_TLS) from exc
        raise
    return handle


def check(handle: Any, target: Target) -> Server:
    """Read the server's version through an unbuffered cursor of the connection's fetch size."""
    with handle.cursor() as cursor:
        cursor.arraysize = target.fetch_size
        cursor.execute("select version()")
        version = str(cursor.fetchmany()[0][0])
    return Server("MariaDB" if "mariadb" in version.lower() else "MySQL", version.partition("-")[0])


def lift_limits(handle: Any, _target: Target) -> None:
    """Take the time limit from each answer."""
    handle._read_timeout = handle._write_timeout = None  # noqa: SLF001 - there is no other way


def hand_over(handle: Any) -> None:
    """Give a session the defaults of the driver: transactions, whole results."""
    from pymysql.cursors import Cursor

    handle.autocommit(False)  # noqa: FBT003 - its own signature
    handle.cursorclass = Cursor


CONNECTOR = Connector(
    type="mysql",
    title="MySQL",
    default_port=3306,
    driver="pymysql",
    distribution="PyMySQL",
    params=(
        *tls_params(),
        # It binds: a router may choose the server by such attributes (MySQL Shell, "Routing Guidelines").
        Param("program_name", str, "name shown in performance_schema.session_connect_attrs", max_length=63),
    ),
    scope=("database",),
    example="--host db.example.com --port 3306 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    protocols=(PROTOCOL,),
    tls="driver",
    greet=mysql_offers_tls,
    open=connect,
    select=select,
    check=check,
    lift_limits=lift_limits,
    hand_over=hand_over,
    classify=classify,
    explain=ERRORS.explain,
    signature=r"pymysql|mysql|mariadb|\bERROR \d{4} \(\w{5}\)|proxysql",
    catalogs=catalogs,
    tables=tables,
    verified="real server: MySQL 9.7, and MariaDB 10.11",
    authentication=(("BASIC", "username and password; no Kerberos, no client certificate"),),
    # MySQL Reference Manual, "INFORMATION_SCHEMA Introduction": it shows what an account has some privilege on.
    privileges=(
        "CREATE USER reader IDENTIFIED BY '...': to log in takes no right",
        "GRANT SELECT ON sales.* TO reader, for each database that is to be found and used",
    ),
    pinned="socket",
    reads="mysql",
    snapshots="session",
    foreign=FOREIGN,
)
