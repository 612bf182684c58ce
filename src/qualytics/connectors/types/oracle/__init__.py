"""Oracle Database through oracledb in thin mode: no client libraries, no wallets, no tnsnames.ora."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.codes import SERVER_FAULT, ErrorTable, by_code
from qualytics.connectors.contract import Chars, Connector, Param, Protocol, Server, Target, Verdict, tls_params
from qualytics.connectors.shared.preamble import leave_to_driver
from qualytics.connectors.shared.sql import require_schema, rows
from qualytics.connectors.types.oracle.names import FOREIGN
from qualytics.model import Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A connect packet that asks for the listener's version; it accepts, refuses, redirects or wants it sent again. Oracle
# documents none of it: the layout is that of the driver (oracledb/impl/thin/messages/connect.pyx).
_VERSION = b"(DESCRIPTION=(CONNECT_DATA=(COMMAND=VERSION)))"
PROTOCOL = Protocol(
    "an Oracle listener",
    rb"[\s\S]{2}\0\0(?:[\x02\x0b]\0[\s\S]{2}|\x05\0[\s\S]{2}|\x04\0[\s\S]{6}\()",
    (58 + len(_VERSION)).to_bytes(2)
    + bytes.fromhex("0000 01 00 0000 0136 012c 0000 0800 7fff 7f08 0000 0001")
    + len(_VERSION).to_bytes(2)
    + bytes.fromhex("003a 00000000 00 00")
    + bytes(24)
    + _VERSION,
    type="oracle",
    within_tls=True,
)
# What stands in parentheses is a part of a descriptor: another address, another wallet.
SERVICE = Chars(r"[A-Za-z0-9_.$#-]+", "letters, digits and . _ - $ #")
# All bind: by the service's name, or the SID, a listener sends the login on to another machine.
PARAMS = (
    *tls_params(),
    Param("service_name", str, "the service to connect to (our choice of name)"),
    Param("sid", str, "the SID of the instance, where there is no service"),
    Param(
        "protocol",
        str,
        "of the listener: TCPS speaks TLS; by default TCPS when ssl_mode is verify or require, else TCP (our choice of name)",
        choices=("TCP", "TCPS"),
    ),
)


def implied(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the protocol that the mode of TLS stands for."""
    return {"protocol": "TCPS" if values["parameters"]["ssl_mode"] in {"verify", "require"} else "TCP"}


def requires(values: Mapping[str, Any], _secrets: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Yield what is missing or at odds: a service or a SID, and TLS where the protocol has it."""
    parameters = values.get("parameters") or {}
    named = [name for name in ("service_name", "sid") if parameters.get(name)]
    if not named:
        yield "parameters.service_name", "is needed for oracle", "give the service's name, or sid"
    if len(named) > 1:
        yield "parameters.sid", "stands beside service_name", "keep one of them"
    protocol, mode = parameters.get("protocol"), parameters.get("ssl_mode")
    if protocol == "TCPS" and mode == "disable":
        yield "parameters.ssl_mode", "is disable, but the protocol is TCPS", "remove one of them"
    if protocol == "TCP" and mode in {"verify", "require"}:
        yield (
            "parameters.protocol",
            f"is TCP, but ssl_mode is {mode}",
            'give "protocol": "TCPS" and the port of that listener',
        )


def is_encrypted(target: Target) -> bool:
    """Say whether TLS is spoken: as the protocol says, else when ssl_mode demands it; a TCP port offers none."""
    protocol = target.parameters.get("protocol")
    return protocol == "TCPS" or (protocol is None and target.tls.mode in {"verify", "require"})


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of oracledb.connect; what names this machine and its user is not sent."""
    options: dict[str, Any] = {
        "user": target.username,
        "password": target.password_text,
        "host": target.dialled,
        "port": target.port,
        "protocol": "tcp",
        "tcp_connect_timeout": target.timeout_s,
        "retry_count": 0,
        "config_dir": target.directory,  # an empty one: no tnsnames.ora, no sqlnet.ora
        "externalauth": False,
        **dict.fromkeys(("program", "machine", "terminal", "osuser"), "qualytics"),
    }
    for name in ("service_name", "sid"):
        if name in target.parameters:
            options[name] = target.parameters[name]
    if is_encrypted(target):
        # The certificate is checked against the name.
        options |= {
            "host": target.host,
            "protocol": "tcps",
            "ssl_context": target.tls.context,
            "ssl_server_dn_match": target.tls.verified,
        }
    return options


_SERVICE = Verdict(
    "unknown_db",
    "the listener knows no such service or SID",
    "check service_name or sid in --parameters; lsnrctl services lists them",
)
_WALLET = Verdict("tls")
_STARTING = Verdict("transient", "the database is starting, stopping or not open", stage="login")
_FULL = Verdict("quota", "the database is at its limit of sessions or processes")
_GONE = Verdict("network")
_OTHER_PROTOCOL = Verdict("config", "the server does not speak Oracle Net", "check host and port")

_LOGIN = Verdict("auth", stage="login")
_LOCKED = Verdict("auth", "the account is locked", "run on the server: alter user … account unlock")
_EXPIRED = Verdict("auth", "the password has expired", "set a new password on the server")
_ADMINS = Verdict("permission", "the database is open to administrators only")
_NAME = Verdict(
    "config", "the name of the connection cannot be resolved or read", "give --host, --port and service_name"
)
_OLD = Verdict("config", "the database is older than 12.1, which this driver does not speak to")
_VERIFIER = Verdict(
    "config", "the user's password is kept in a form from before Oracle 12c", "set the password anew on the server"
)
_ENDED = Verdict("network", "the server ended the session")
_OTHER_NAME = Verdict(
    "tls",
    "the server's certificate is for another host name",
    "check --host; the driver compares names alone, no addresses",
)
_NO_CLIENT = Verdict(
    "driver_missing",
    "the tool that said this did not find Oracle's client libraries",
    "install Oracle Instant Client there, or use its thin mode",
)
# docs.oracle.com/error-help/db, one page a number; Oracle Net writes the same numbers with TNS in front.
_ORA = {
    "1004 1005 1017 1040 988 1988 9925 28003 28007 28030 12638": _LOGIN,
    "28000": _LOCKED,
    "28001": _EXPIRED,
    "1045": Verdict("permission", "the user may not log in", "run on the server: grant create session to the user"),
    "1035 12526": _ADMINS,
    "942 1031 1039 1720 1749 1924 24247 28201 41900 12546 12529": Verdict("permission"),
    "12505 12514 12521": _SERVICE,
    "1435 1918 65011": Verdict("unknown_db", stage="database"),
    "1033 1034 1089 1090 1109 1219 12527 12528 27101 65054": _STARTING,
    "54 60 1092 1147 8177 4021 12513 25408": Verdict("transient"),
    "18 19 20 2391 12516 12518 12519 12520 12540": _FULL,
    "257 1000 1536 1555 1652 1653 1654 2020 4030 4031 27102": Verdict("quota"),
    "28 31 1012 2396 2399": _ENDED,
    "3113 3114 3135 12537 12543 12547 12564 12570 12571 12583 12592 12637 25401": _GONE,
    "1013 3136 12170 12525 12535 12606 12608 12609": Verdict("timeout"),
    "12541": Verdict("refused"),
    "12545": Verdict("dns"),
    "12154 12162 12504 12533 12538 12557": _NAME,
    "28040 3134": Verdict("config", "the server accepts no login of this driver's version", "see SQLNET.ALLOWED_LOGON_VERSION_SERVER on the server"),
    "12660": Verdict("config", "the server demands Oracle's native network encryption, which this driver has not", "use a TCPS listener: protocol=TCPS in --parameters"),
    "6413 900 904 911 923 933 936 1756 3106 12532 12542 12544 12566 12569 12599 12649 12650 28009 28547 17957 17067": Verdict("config"),
    "28750 28759 28791 28857 28858 28859 28860 28862 28864 28865 29002 29003 29019 29024 29034 29106 17965": _WALLET,
    "600 7445 4045": SERVER_FAULT,
}  # fmt: skip
# The driver's own numbers (oracledb/errors.py), those of ODPI-C (dpiErrorMessages.h) and of Node.js' driver (errors.js).
_DRIVERS = {
    "DPY-4001 NJS-101": Verdict("auth", "no password is set", "give one with --password"),
    "DPY-2033 NJS-084 NJS-087": _LOGIN,
    "DPY-1001 DPY-4011 DPY-4033 DPI-1010 DPI-1080 NJS-003 NJS-500 NJS-501 NJS-521": _GONE,
    "NJS-530": Verdict("dns"),
    "DPY-4024 DPI-1067 NJS-040 NJS-123 NJS-510": Verdict("timeout"),
    "DPY-4005 NJS-076": Verdict("quota"),
    "DPY-6001 DPY-6003 NJS-518 NJS-519": _SERVICE,
    "DPY-6002": Verdict("tls", "the server's certificate is for another name"),
    "DPY-6006 NJS-507 NJS-508": _OTHER_NAME,
    "DPY-4032 DPY-6009 NJS-505 NJS-506": _WALLET,
    "DPY-6008": Verdict("auth", "the server did not prove that it knows the password"),
    "NJS-511": Verdict("refused"),
    "DPY-3010 NJS-138": _OLD,
    "DPY-3015 NJS-116": _VERIFIER,
    "DPY-4000 DPY-4017 DPY-4018 DPY-4021 DPY-4026 DPY-4027 NJS-125 NJS-512 NJS-514 NJS-515 NJS-516 NJS-520": _NAME,
    "DPY-3016 DPI-1047 DPI-1050 DPI-1072 NJS-045 NJS-067 NJS-069": _NO_CLIENT,
    "DPY-3001 DPY-4019 DPY-4022 DPY-4028 DPY-6004 NJS-089 NJS-504": Verdict("config"),
    "DPY-1000 DPY-4035 DPY-5010 DPY-5012 DPY-5013 DPY-5014 DPY-5016 DPY-5000 DPY-5001 DPY-5002 DPY-5003 DPY-5004 DPY-5005 DPY-5006 DPY-5009 NJS-099 NJS-102 NJS-103 NJS-111 NJS-112 NJS-113 NJS-509": _OTHER_PROTOCOL,
}  # fmt: skip


def _numbered(prefix: str) -> dict[str, Verdict]:
    # Five digits, as servers write them.
    return {f"{prefix}-{number:0>5}": verdict for number, verdict in by_code(_ORA).items()}


def _spelled(code: str) -> str:
    prefix, _, number = (code if "-" in code else f"ORA-{code}").upper().partition("-")  # "errorNum: 1017" of Node.js
    return f"{prefix}-{number:0>5}" if prefix in {"ORA", "TNS"} else f"{prefix}-{number}"


# Umbrellas: no connection (DPY-6005, NJS-503; of Java 17002, 17410, 17800), within a recursion, and of the protocol.
ERRORS = ErrorTable(
    codes={**_numbered("ORA"), **_numbered("TNS"), **by_code(_DRIVERS)},
    umbrellas=by_code({
        "DPY-6005 NJS-503 ORA-12560 TNS-12560 ORA-17002 ORA-17008 ORA-17410 ORA-17800 ORA-17820 ORA-17868": _GONE,
        "DPY-6000": Verdict("config", "the listener refused the connection"),
        "NJS-517": _NAME,  # of an alias; in earlier versions of a SID
    }),
    words=(
        (r"not registered with the listener", _SERVICE),
        (r"timed out|timeout", Verdict("timeout")),
        (r"(DPY|DPI|NJS)-[\s\S]*certificate", _WALLET),
        (r"DPY-[123]\d{3}\b|NJS-[01]\d\d\b", Verdict("config")),  # the first digits of what a program did wrong
    ),
    inside=r"\b((?:ORA|TNS)-\d{1,5}|DP[YI]-\d{4}|NJS-\d{3})\b|\berrorNum\W{1,3}(?P<weak>\d{1,5})\b",
    alone=r"\d{3,5}|(?:ORA|TNS)-\d{1,5}|DP[YI]-\d{4}|NJS-\d{3}",
    spell=_spelled,
)  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the first number of the database or the driver that says something, last by words."""
    text = str(exc)
    return ERRORS.explain(text) if re.search(r"\b(ORA|DPY|DPI)-\d", text) else None


def select(handle: Any, target: Target) -> None:
    """Check that the schema, which is a user of the database, exists."""
    require_schema(handle, target, "select 1 from all_users where username = :1")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """List the users of the database; those that Oracle maintains are its own."""
    for name, own in rows(
        handle, "select username, oracle_maintained from all_users order by username", size=target.fetch_size
    ):
        yield Item(name, "schema", own == "Y")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """List the tables and views of a schema."""
    # Oracle takes an empty text for null.
    sql = "select object_name, object_type, oracle_maintained from all_objects where owner = :1 and object_type in ('TABLE', 'VIEW') and (:2 is null or instr(object_name, :3) = 1) order by object_name"
    for name, kind, own in rows(handle, sql, (target.schema, prefix, prefix), target.fetch_size):
        yield Item(name, kind.lower(), own == "Y")


def connect(target: Target) -> Any:
    """Log in to the service."""
    import oracledb

    target.tls.active = is_encrypted(target)
    leave_to_driver(target, "Oracle Net")
    handle = oracledb.connect(**arguments(target))
    handle.call_timeout = max(1, int(target.timeout_s * 1_000))
    return handle


def check(handle: Any, target: Target) -> Server:
    """Read one row; the server told its version at login."""
    next(rows(handle, "select 1 from dual", size=target.fetch_size))
    return Server("Oracle Database", handle.version)


def lift_limits(handle: Any, _target: Target) -> None:
    """Take the time limit from each call."""
    handle.call_timeout = 0


CONNECTOR = Connector(
    type="oracle",
    title="Oracle",
    default_port=1521,
    driver="oracledb",
    params=PARAMS,
    grammar={"service_name": SERVICE, "sid": SERVICE},
    scope=("schema",),
    example="--host db.example.com --username '${DB_USER}' --password '${DB_PASSWORD}' --parameters '{\"service_name\": \"ORCLPDB1\"}'",
    verified="driver only: refusals come from a stub of the listener; login and discovery never run",
    protocols=(PROTOCOL,),
    tls="own",
    requires=requires,
    implied=implied,
    open=connect,
    select=select,
    check=check,
    lift_limits=lift_limits,
    classify=classify,
    explain=ERRORS.explain,
    signature=r"(?i)\b(?:(?:ORA|TNS)-\d{1,5}|DP[YI]-\d{4}|NJS-\d{3})\b|oracledb|\boracle\.jdbc",
    schemas=schemas,
    tables=tables,
    authentication=(("BASIC", "username and password"),),
    # Oracle Database Security Guide, "CREATE SESSION"; Database Reference, "ALL_USERS" and "ALL_OBJECTS".
    privileges=(
        "GRANT CREATE SESSION TO reader",
        "GRANT READ ON finance.orders TO reader, for each table that is to be found: ALL_OBJECTS shows no others",
    ),
    # A listener may redirect, and the driver follows; those names and addresses, too, go through Python's look-ups.
    pinned="resolver",
    reads="oracle",
    foreign=FOREIGN,
)
