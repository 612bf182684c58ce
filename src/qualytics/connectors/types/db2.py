"""IBM Db2 through ibm-db, which brings IBM's CLI driver."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.codes import SERVER_FAULT, ErrorTable, by_code, by_sqlstate
from qualytics.connectors.contract import Chars, Connector, Param, Protocol, Server, Target, Verdict, refuse, tls_params
from qualytics.connectors.foreign import SEMICOLONS, USUAL_JDBC, USUAL_ODBC, USUAL_URL, Foreign, Form
from qualytics.connectors.shared.preamble import leave_to_driver
from qualytics.connectors.shared.sql import require_schema, rows
from qualytics.model import Item
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# EXCSAT without parameters, and EXCSATRD or an error (DDM Reference: DSS, EXCSAT; the code points 1041, 1443 and 12xx).
PROTOCOL = Protocol(
    "a Db2 or Derby server",
    rb"[\s\S]{2}\xd0[\s\S]{5}(?:\x14\x43|\x12[\s\S])",
    bytes.fromhex("000a d0 01 0001 0004 1041"),
    type="db2",
    within_tls=True,
)
# Db2 accepts no login without a database; this one comes with many servers.
_USUAL_DATABASE = "SAMPLE"
# An RDB name has letters, digits and these (DDM Reference, RDBNAM); it must not break out of its line of db2cli.ini.
DATABASE = Chars(r"[A-Za-z0-9_@#$.-]{1,128}", "letters, digits and _ @ # $ . -")
# What ibm-db sends whole; what stands behind a semicolon it cuts off.
USER = Chars("[^;\x00-\x1f\x7f\U00010000-\U0010ffff]*", "everything but semicolons and characters beyond U+FFFF")
# The names of our data sources in db2cli.ini, one a way of sending the password.
ENCRYPTED, CLEAR = "QENCRYPT", "QSERVER"
_WAYS = {ENCRYPTED: "SERVER_ENCRYPT", CLEAR: "SERVER"}


def requires(values: Mapping[str, Any], _secrets: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Yield where `ssl` and `ssl_mode` contradict each other."""
    parameters = values.get("parameters") or {}
    ssl, mode = parameters.get("ssl"), parameters.get("ssl_mode")
    if (ssl is True and mode == "disable") or (ssl is False and mode == "verify"):
        yield "parameters.ssl", f"is {str(ssl).lower()}, but ssl_mode is {mode}", "remove one of them"


def is_encrypted(target: Target) -> bool:
    """Say whether TLS is spoken: as `ssl` says, else when ssl_mode demands it; Db2 has a port of its own for it."""
    ssl = target.parameters.get("ssl")
    return bool(ssl) or (ssl is None and target.tls.mode == "verify")


def arguments(target: Target, port: int | None = None) -> dict[str, str]:
    """Return the CLI keywords of a data source; user and password go to SQLConnect by themselves.

    `port` is that of a tunnel on this machine; without one the driver is given the target's address.
    """
    database = target.database or next(iter(target.login_databases), _USUAL_DATABASE)
    if not DATABASE.fit(database):
        raise refuse("unknown_db", f"no Db2 database can be called {database!r}", "check --database", stage="database")
    return {
        "Database": database,
        "Protocol": "TCPIP",
        "Hostname": target.dialled if port is None else "127.0.0.1",
        "ServiceName": str(port or target.port),
        "ConnectTimeout": str(max(1, int(target.timeout_s))),
    }


def describe(target: Target, port: int | None = None) -> None:
    """Write the data sources, one a way of sending the password, where the driver looks for them."""
    # A connection string knows no quotes: whatever quotes a password would be part of it. So the driver gets a file that
    # holds no secret, and user and password as arguments.
    keywords = "".join(f"{key}={value}\n" for key, value in arguments(target, port).items())
    with open(f"{target.directory}/db2cli.ini", "w", encoding="utf-8") as out:
        out.writelines(f"[{source}]\n{keywords}Authentication={way}\n" for source, way in _WAYS.items())
    os.environ["DB2CLIINIPATH"] = target.directory
    # No second try, which takes 5 s, and none at another host that the server names: this is what ibm.com/docs,
    # "Db2 Connect server Sysplex support", disables automatic client reroute by.
    os.environ["DB2_MAX_CLIENT_CONNRETRIES"] = "0"


def can_send(value: str) -> bool:
    """Say whether the driver sends a user name or password unchanged: it cuts the rest off (ibm-db 3.3, at Derby)."""
    return ";" not in value and all(ord(char) <= 0xFFFF for char in value)


def credentials(target: Target) -> tuple[str, str]:
    """Return user name and password.

    Raises:
        Refusal: the driver would not send them as they are.

    """
    login = target.username or "", target.password_text
    for name, value in zip(("user name", "password"), login, strict=True):
        if not can_send(value):
            cause = f"ibm-db cannot send a {name} that holds a semicolon or a character beyond U+FFFF"
            raise refuse("config", cause, f"choose another {name}", stage="login")
    return login


def connect(target: Target) -> Any:
    """Log in; the password goes encrypted where the server takes it so, and as it is only over TLS or when told to."""
    from qualytics.connectors.shared.tunnel import tunnel  # brings ssl, which knowing a type does not need

    tls, encrypted = target.tls, is_encrypted(target)
    tls.active = encrypted
    login = credentials(target)
    arguments(target)  # refuses what can be no database before the server is asked
    leave_to_driver(target, "DRDA, Db2's protocol")
    describe(target, tunnel(target) if encrypted else None)
    import ibm_db  # after the variables that it reads are set
    import ibm_db_dbi

    in_clear = encrypted or tls.mode == "disable"
    try:
        return ibm_db_dbi.Connection(_log_in(ibm_db.connect, login, in_clear=in_clear))
    except Exception as exc:  # noqa: BLE001 - the driver has no other class
        failed = exc
    verdict = classify(failed)
    if target.database is not None or verdict is None or verdict.failure_class != "unknown_db":
        raise failed
    # The answer about our guess of a database is not the user's concern.
    hint = "name one with --database"
    raise refuse("config", "the server answers, but Db2 accepts no login without a database", hint, stage="login")


def _log_in(dial: Any, credentials: tuple[str, str], *, in_clear: bool) -> Any:
    try:
        return dial(ENCRYPTED, *credentials)
    except Exception as exc:  # noqa: BLE001 - the driver has no other class
        failed = exc
    if not in_clear or not _takes_other_way(failed):
        raise failed
    return dial(CLEAR, *credentials)


def _takes_other_way(exc: Exception) -> bool:
    verdict = classify(exc)
    return verdict is not None and verdict.cause == OTHER_WAY.cause


OTHER_WAY = Verdict(
    "config",
    "the server does not take a password in the form in which it was sent",
    "turn TLS on with ssl in --parameters, or set ssl_mode=disable to send the password itself",
    "login",
)
_TRUST = "give the certificate's root as ssl_root_cert_file in --parameters"
_OTHER_PROTOCOL = Verdict(
    "config", "the server does not speak DRDA, Db2's protocol, as Db2 does", "check host and port"
)

_LOGIN = Verdict("auth", stage="login")
_QUOTA = Verdict("quota")


def _spelled(code: str) -> str:
    number = re.sub(r"\D", "", code)
    # Those of IBM's JDBC driver are no messages of Db2.
    return f"-{number}" if number.startswith("4") and len(number) == 4 else f"SQL{number:0>4}N"


# ibm.com/docs, "SQL messages", one page a code: SQL30082N is -30082; of z/OS, too (-904 to -950); and "Error codes issued by
# the IBM Data Server Driver for JDBC" (-42xx to -44xx).
ERRORS = ErrorTable(
    codes={_spelled(number): verdict for number, verdict in by_code({
        "30082 1093 1402 1403 1404 1639 922 567 20361": _LOGIN,
        "551 552 553 1092 5001 20402 30053 30060": Verdict("permission"),
        "1060": Verdict("permission", "the user may not connect to this database", "run on the server: grant connect on database to the user", "database", authenticated=True),
        "950 1001 1013 1031 30061": Verdict("unknown_db", stage="database"),
        "904 911 913 918 4497 6036 923 924 1015 1032 1035 1116 1117 1119 1224 1229 1490 1768 1776 20157 4498": Verdict("transient"),
        "289 905 906 912 1221 4712 8009 8010 8012 30040 30041 930 954 955 956 957 964 968 1040 1084 1220 1226 1585": _QUOTA,
        "952 4210 4211": Verdict("timeout"),
        "1336": Verdict("dns"),
        "900 1024 1101 30080 30108 4212 4213 4470": Verdict("network"),
        "1598 8001 4472": Verdict("config", "this kind of Db2 wants a Db2 Connect licence in the driver", "ask IBM for one, or for a server-side licence"),
        "30020 30021 30070": _OTHER_PROTOCOL,
        "104 109 199 562 752 842 1006 1019 1096 1337 1425 30010 30051 30052 30074 4225 4228 4229 1390 1531 204 206 332 440 443 805 818 1097 30050 30071 30072 30073 30090 30104 4220 4223 4450 4460 4461": Verdict("config"),
        "20576": Verdict("tls", "the server's certificate is for another host name", "check --host"),
        "901 902 1034 1036 1042 1072": SERVER_FAULT,
    }).items()},
    umbrellas={"SQL10007N": Verdict("driver_missing"), "SQL30081N": Verdict("network"), "-4499": Verdict("network"), "-4221": Verdict("tls"), "-4214": _LOGIN, "SQL10010N": Verdict("driver_missing"), "SQL10013N": Verdict("driver_missing")},
    words=(
        (r"security mechanism not supported", Verdict("config")),
        (r"authorization failure|user ?id or password invalid", _LOGIN),
        (r"database.{0,80}not found", Verdict("unknown_db", stage="database")),
        (r"GSKit|KeyStore|SSL", Verdict("tls")),
        (r"\bCLI010[68]E\b", Verdict("network")),
        (r"\bCLI0129E\b", _QUOTA),
        (r"\bCLI\d{4}E\b", Verdict("config")),
    ),
    inside=r"\bSQLCODE\W{0,3}(-?\d{2,5})\b|\bSQL(\d{4,5})[NCW]\b|\bERRORCODE=(-\d{4})\b",
    alone=r"(?:SQL|SQLCODE\W{0,3})?-?(\d{3,5})[NCW]?",
    spell=_spelled,
)  # fmt: skip

# The reasons of SQL30082N; all that are not here are plain refusals of user or password.
_REASONS: dict[int, Verdict] = {
    1: Verdict("auth", "the password has expired", "set a new password on the server"),
    7: Verdict("auth", "the user is revoked"),
    15: Verdict("auth", "the server could not check the password", "see the server's db2diag.log"),
    17: OTHER_WAY,
    19: Verdict("auth", "the user is disabled or restricted"),
    25: Verdict("permission", "the server allows no connection of this user"),
    26: Verdict("transient", "the server's security plug-in failed", "see the server's db2diag.log"),
}

# The first protocol specific code of SQL30081N: errno of Linux, Windows, AIX, macOS, Solaris and HP-UX, or of GSKit (ibm.com/docs, "GSKit return codes").
_SOCKET: dict[int, Verdict] = {
    **dict.fromkeys((110, 115, 10060, 78, 60, 145, 238), Verdict("timeout")),
    **dict.fromkeys((111, 10061, 79, 61, 146, 239), Verdict("refused")),
    113: Verdict("network"),
}
_GSKIT: dict[int, Verdict] = {
    401: Verdict("tls", "the server's certificate has expired or is not valid yet", "check its dates, and this machine's clock"),
    **dict.fromkeys((405, 414), Verdict("tls", "the server's certificate is not trusted here", _TRUST)),
    **dict.fromkeys((406, 420), Verdict("network")),
    **dict.fromkeys((410, 415), Verdict("config", "the server does not speak TLS on this port", "check host and port, or remove ssl from --parameters")),
}  # fmt: skip


def explain(text: str) -> Verdict | None:
    """Judge by SQLCODE and what stands below it, else by SQLSTATE."""
    verdict = ERRORS.explain(text)
    code = verdict.code if verdict is not None else None
    if code == "SQL30082N":
        reason = re.search(r'reason "(\d+)"', text)
        return replace(_REASONS.get(int(reason[1]) if reason else 0, _LOGIN), code=code)
    if code == "SQL30081N":
        return replace(_communication(text), code=code)
    if verdict is not None and verdict.failure_class == "unknown":
        state = re.search(r"SQLSTATE=(\w{5})", text)
        return replace((state and by_sqlstate(state[1])) or verdict, code=code)
    return verdict


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the words of IBM's driver, which have all that it knows."""
    text = str(exc)
    return explain(text) if re.search(r"SQLCODE|SQL\d{4,5}N\b", text) else None


def _communication(text: str) -> Verdict:
    if re.search(r"selectFor\w+Timeout", text):  # the function that waits for the socket
        return Verdict("timeout")
    first = re.search(r'error code\(s\): "(\d+)"', text)
    code = int(first[1]) if first else 0
    if "SSL" in text and code in _GSKIT:
        return _GSKIT[code]
    return _SOCKET.get(code) or Verdict("tls" if "sqlccSSL" in text else "network")


def select(handle: Any, target: Target) -> None:
    """Check that the schema exists; the database was chosen at login."""
    require_schema(handle, target, "select 1 from syscat.schemata where schemaname = ?")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """List the schemas of the database; those of SYSIBM are its own."""
    sql = "select schemaname, owner from syscat.schemata order by schemaname"
    for name, owner in rows(handle, sql, size=target.fetch_size):
        yield Item(name.rstrip(), "schema", owner.rstrip() == "SYSIBM")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """List the tables and views of a schema."""
    sql = (
        "select tabname, type, owner from syscat.tables where tabschema = ? and type in ('T', 'V') "
        "and left(tabname, length(cast(? as varchar(128)))) = ? order by tabname"
    )
    for name, kind, owner in rows(handle, sql, (target.schema, prefix, prefix), target.fetch_size):
        yield Item(name, "view" if kind == "V" else "table", owner.rstrip() == "SYSIBM")


def check(handle: Any, target: Target) -> Server:
    """Read one row; the server told its name and version at login."""
    next(rows(handle, "select 1 from sysibm.sysdummy1", size=target.fetch_size))
    return Server(handle.dbms_name or "Db2", handle.dbms_ver)


# IBM Documentation, "URL format for IBM Data Server Driver for JDBC" and "Common DB2 keywords"; the README of ibm_db_sa.
FORMS = {
    "jdbc": Form(
        "jdbc:db2",
        USUAL_JDBC | {"ssl_mode": "sslConnection"},
        {"ssl_mode": {"verify": "true", "disable": "false"}},
        properties=replace(SEMICOLONS, opening=":", closing=";"),
        driver="com.ibm.db2.jcc.DB2Driver",
    ),
    "odbc": Form(
        "odbc",
        USUAL_ODBC | {"host": "Hostname", "ssl_mode": "Security"},
        {"ssl_mode": {"verify": "SSL"}},
        fixed={"Driver": "IBM DB2 ODBC DRIVER", "Protocol": "TCPIP"},
    ),
    "sqlalchemy": Form("db2+ibm_db", USUAL_URL | {"ssl_mode": "Security"}, {"ssl_mode": {"verify": "SSL"}}),
}


CONNECTOR = Connector(
    type="db2",
    title="Db2",
    default_port=50_000,
    driver="ibm_db",
    distribution="ibm-db",
    params=(
        *tls_params(("auto", "verify", "disable")),
        Param("ssl", bool, "speak TLS; by default when ssl_mode is verify"),
    ),
    grammar={"database": DATABASE, "username": USER},
    scope=("database", "schema"),
    example="--host db.example.com --port 50000 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    verified="sibling: Derby's DRDA server behind a relay, with the names of Db2's catalog",
    protocols=(PROTOCOL,),
    tls="own",
    requires=requires,
    implied=lambda values: {"ssl": values["parameters"]["ssl_mode"] == "verify"},
    open=connect,
    select=select,
    check=check,
    classify=classify,
    explain=explain,
    signature=r"(?i)\bSQL\d{4,5}[NCW]\b|\bSQLCODE\b|\bibm_db|com\.ibm\.db2",
    schemas=schemas,
    tables=tables,
    authentication=(
        ("BASIC", "username and password; sent encrypted, over TLS, or in clear with ssl_mode=disable alone"),
    ),
    # ibm.com/docs, "Default privileges granted on creating a database".
    privileges=(
        "GRANT CONNECT ON DATABASE TO USER reader (PUBLIC has it by default)",
        "GRANT SELECT ON SYSCAT.SCHEMATA TO USER reader, and on SYSCAT.TABLES and SYSIBM.SYSDUMMY1 (PUBLIC has it unless the database is restrictive)",
    ),
    pinned="proxy",  # the tunnel of TLS; a plain connection is given the address
    reads="db2",
    snapshots="none",
    foreign=Foreign(
        names=("db2", "ibm_db_sa"),
        odbc=("db2",),
        # IBM's documentation, "Connecting to an IBM database server in Python": a string of its CLI names no driver.
        ado=frozenset(("hostname", "protocol")),
        keys={"sslconnection": "ssl_mode", "security": "ssl_mode", "protocol": ""},
        words={"ssl_mode": {"ssl": "verify"}},
        forms=FORMS,
    ),
)
