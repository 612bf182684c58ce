"""What Db2's messages mean: SQLCODE, and below it a reason, a socket's error or a code of the TLS library."""

from __future__ import annotations

import re

from qualytics.connectors.contract import Verdict
from qualytics.connectors.shared.sql import by_sqlstate

OTHER_WAY = Verdict(
    "config",
    "the server does not take a password in the form in which it was sent",
    "turn TLS on with ssl in --parameters, or set ssl_mode=disable to send the password itself",
    "login",
)
_TRUST = "give the certificate's root as ssl_root_cert_file in --parameters"
_STRANGER = Verdict("config", "the server does not speak DRDA, Db2's protocol, as Db2 does", "check host and port")

# ibm.com/docs, "SQL messages", one page a code: SQL30082N is -30082.
_CODES: dict[int, Verdict] = {
    **dict.fromkeys((-204, -332), Verdict("config")),
    **dict.fromkeys((-551, -552), Verdict("permission")),
    -1060: Verdict("permission", "the user may not connect to this database", "run on the server: grant connect on database to the user", "database", authenticated=True),
    **dict.fromkeys((-1013, -1031, -30061), Verdict("unknown_db", stage="database")),
    **dict.fromkeys((-911, -913, -1032, -1224, -20157), Verdict("transient")),
    **dict.fromkeys((-1040, -1226), Verdict("quota")),
    -952: Verdict("timeout"),
    -1336: Verdict("dns"),
    -1598: Verdict("config", "this kind of Db2 wants a Db2 Connect licence in the driver", "ask IBM for one, or for a server-side licence"),
    **dict.fromkeys((-30020, -30021, -30070), _STRANGER),
    -20576: Verdict("tls", "the server's certificate is for another host name", "check --host"),
}  # fmt: skip

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

# The first protocol specific code of SQL30081N: errno of Linux, or of GSKit (ibm.com/docs, "GSKit return codes").
_SOCKET: dict[int, Verdict] = {
    **dict.fromkeys((110, 115), Verdict("timeout")),
    111: Verdict("refused"),
    113: Verdict("network"),
}
_GSKIT: dict[int, Verdict] = {
    401: Verdict("tls", "the server's certificate has expired or is not valid yet", "check its dates, and this machine's clock"),
    **dict.fromkeys((405, 414), Verdict("tls", "the server's certificate is not trusted here", _TRUST)),
    **dict.fromkeys((406, 420), Verdict("network")),
    **dict.fromkeys((410, 415), Verdict("config", "the server does not speak TLS on this port", "check host and port, or remove ssl from --parameters")),
}  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by SQLCODE and what stands below it, else by SQLSTATE."""
    text = str(exc)
    code = re.search(r"SQLCODE=(-?\d+)", text) or re.search(r"SQL(\d{4,5})N\b", text)
    if code is None:
        return None
    number = -abs(int(code[1]))
    if number == -30082:
        reason = re.search(r'reason "(\d+)"', text)
        return _REASONS.get(int(reason[1]) if reason else 0, Verdict("auth", stage="login"))
    if number == -30081:
        return _communication(text)
    state = re.search(r"SQLSTATE=(\w{5})", text)
    return _CODES.get(number) or by_sqlstate(state[1] if state else None)


def _communication(text: str) -> Verdict:
    found = re.search(r'error code\(s\): "(\d+)"', text)
    code = int(found[1]) if found else 0
    if "SSL" in text and code in _GSKIT:
        return _GSKIT[code]
    return _SOCKET.get(code) or Verdict("tls" if "sqlccSSL" in text else "network")
