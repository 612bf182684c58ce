"""Oracle Database through oracledb in thin mode: no client libraries, no wallets, no tnsnames.ora."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Chars, Connector, Param, Server, Target, Verdict, by_text, refuse, tls_params
from qualytics.connectors.shared.preamble import leave_to_driver
from qualytics.connectors.shared.sql import one_row, rows
from qualytics.model import Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    return protocol == "TCPS" or (
        protocol is None and target.tls is not None and target.tls.mode in {"verify", "require"}
    )


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of oracledb.connect; what names this machine and its user is not sent."""
    options: dict[str, Any] = {
        "user": target.username,
        "password": target.password.reveal() if target.password is not None else "",
        "host": target.address or target.host,
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
    if is_encrypted(target) and target.tls is not None:
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

# docs.oracle.com/error-help/db, one page a number.
_ORA: dict[int, Verdict] = {
    **dict.fromkeys((1004, 1005, 1017, 1040), Verdict("auth", stage="login")),
    28000: Verdict("auth", "the account is locked", "run on the server: alter user … account unlock"),
    28001: Verdict("auth", "the password has expired", "set a new password on the server"),
    28003: Verdict("auth"),
    1045: Verdict("permission", "the user may not log in", "run on the server: grant create session to the user"),
    1035: Verdict("permission", "the database is open to administrators only"),
    12526: Verdict("permission", "the database is open to administrators only"),
    **dict.fromkeys((942, 1031, 1924), Verdict("permission")),
    **dict.fromkeys((12505, 12514), _SERVICE),
    1435: Verdict("unknown_db", stage="database"),
    1918: Verdict("unknown_db", stage="database"),
    **dict.fromkeys((1033, 1034, 1089, 1090, 1109, 1219, 12527, 12528, 27101), _STARTING),
    **dict.fromkeys((18, 20, 2391, 12516, 12518, 12519, 12520, 12540), _FULL),
    **dict.fromkeys((28, 31, 2396), Verdict("network", "the server ended the session")),
    **dict.fromkeys((3113, 3114, 3135, 12537, 12547, 12560, 12570, 12571, 12583), _GONE),
    **dict.fromkeys((1013, 12170, 12535, 12606, 12609), Verdict("timeout")),
    12541: Verdict("refused"),
    12545: Verdict("dns"),
    28040: Verdict("config", "the server accepts no login of this driver's version", "see SQLNET.ALLOWED_LOGON_VERSION_SERVER on the server"),
    12660: Verdict("config", "the server demands Oracle's native network encryption, which this driver has not", "use a TCPS listener: protocol=TCPS in --parameters"),
    **dict.fromkeys((28759, 28860, 29002, 29024), _WALLET),
}  # fmt: skip
# The driver's own numbers (oracledb/errors.py). 6005 and 6000 are umbrellas: what they were raised from decides.
_DPY: dict[int, Verdict] = {
    4001: Verdict("auth", "no password is set", "give one with --password"),
    4011: _GONE,
    4024: Verdict("timeout"),
    6000: Verdict("config", "the listener refused the connection"),
    6001: _SERVICE,
    6002: Verdict("tls", "the server's certificate is for another name"),
    6003: _SERVICE,
    6006: Verdict("tls", "the server's certificate is for another host name", "check --host; the driver compares names alone, no addresses"),
    3010: Verdict("config", "the database is older than 12.1, which this driver does not speak to"),
    3015: Verdict("config", "the user's password is kept in a form from before Oracle 12c", "set the password anew on the server"),
    **dict.fromkeys((4035, 5000, 5001, 5002, 5004, 5005, 5006), _OTHER_PROTOCOL),
}  # fmt: skip
_MESSAGES = (
    (r"timed out|timeout", Verdict("timeout")),
    (r"certificate", _WALLET),
    (r"DPY-6005", _GONE),
)


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the database's number, then by the driver's, last by words."""
    text = str(exc)
    for pattern, table in ((r"ORA-(\d{5})", _ORA), (r"DPY-(\d{4})", _DPY)):
        for number in re.findall(pattern, text):
            if int(number) in table:
                return table[int(number)]
    return by_text(text, _MESSAGES) if "DPY-" in text else None


def select(handle: Any, target: Target) -> None:
    """Check that the schema, which is a user of the database, exists."""
    if target.schema is not None and not one_row(
        handle, "select 1 from all_users where username = :1", (target.schema,)
    ):
        raise refuse(
            "unknown_db",
            f"there is no schema {target.schema!r}",
            "check --schema; names are in upper case unless they were quoted",
        )


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

    if target.tls is not None:
        target.tls.active = is_encrypted(target)
    leave_to_driver(target, "Oracle Net")
    handle = oracledb.connect(**arguments(target))
    handle.call_timeout = max(1, int(target.timeout_s * 1_000))
    return handle


def check(handle: Any, target: Target) -> Server:
    """Read one row; the server told its version at login."""
    next(rows(handle, "select 1 from dual", size=target.fetch_size))
    return Server("Oracle Database", handle.version)


CONNECTOR = Connector(
    type="oracle",
    title="Oracle",
    kind="jdbc",
    default_port=1521,
    extra="oracle",
    driver="oracledb",
    distribution="oracledb",
    params=PARAMS,
    grammar={"service_name": SERVICE, "sid": SERVICE},
    scope=("schema",),
    example="--host db.example.com --username '${DB_USER}' --password '${DB_PASSWORD}' --parameters '{\"service_name\": \"ORCLPDB1\"}'",
    verified="driver only: refusals come from a stub of the listener; login and discovery never run",
    tls="own",
    requires=requires,
    implied=implied,
    open=connect,
    select=select,
    check=check,
    classify=classify,
    signature=r"\b(?:ORA|TNS)-\d{5}\b|\bDP[YI]-\d{4}\b",
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
)
