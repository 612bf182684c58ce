"""What Oracle's numbers mean: ORA of the database and its listener, DPY of the driver."""

from __future__ import annotations

import re

from qualytics.connectors.contract import Verdict, by_text

_SERVICE = Verdict(
    "unknown_db",
    "the listener knows no such service or SID",
    "check service_name or sid in --parameters; lsnrctl services lists them",
)
_WALLET = Verdict("tls")
_STARTING = Verdict("transient", "the database is starting, stopping or not open", stage="login")
_FULL = Verdict("quota", "the database is at its limit of sessions or processes")
_GONE = Verdict("network")
_STRANGER = Verdict("config", "the server does not speak Oracle Net", "check host and port")

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
    **dict.fromkeys((4035, 5000, 5001, 5002, 5004, 5005, 5006), _STRANGER),
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
