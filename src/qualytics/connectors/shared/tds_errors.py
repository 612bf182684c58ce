"""What the words of SQL Server, of its ODBC driver and of Microsoft Entra mean."""

from __future__ import annotations

import re

from qualytics.connectors.contract import Verdict, by_text
from qualytics.connectors.shared.sql import by_sqlstate

_RETRY = "try again in a moment; paused databases take about a minute to wake"
_FIREWALL = "allow the local_address of this report, as the service sees it, in the server's firewall"

# mssql-python passes neither the server's error number nor, after login, a SQLSTATE: the words decide. They are those of
# sys.messages (learn.microsoft.com, "Database engine events and errors", number in the comment), of "Troubleshoot
# transient connection errors in SQL Database" (40xxx, 49xxx, 10928), and of the ODBC driver itself (msodbcsqlr18.rll).
_MESSAGES = (
    (r"is not allowed to access the server", Verdict("permission", "the server's firewall does not let this address in", _FIREWALL)),  # 40615
    (r"Deny Public Network Access", Verdict("permission", "the server takes no connections from public networks", "use its private endpoint")),  # 47073
    (r"password of the account has expired", Verdict("auth", "the password has expired", "set a new password on the server")),  # 18487
    (r"password of the account must be changed", Verdict("auth", "the password must be changed", "set a new password on the server")),  # 18488
    (r"account is currently locked out", Verdict("auth", "the account is locked", "run on the server: alter login … with password = … unlock")),  # 18486
    (r"account is disabled", Verdict("auth", "the account is disabled", "run on the server: alter login … enable")),  # 18470
    (r"Only one administrator can connect|maximum number of .* user connections", Verdict("quota")),  # 18461, 17809
    (r"server .* requested by the login", Verdict("config", "the service knows no server of this name", "check --host")),  # 40532
    (r"database .* requested by the login", Verdict("unknown_db", "the database does not exist, or this user may not open it", stage="database")),  # 4060
    (r"Cannot open user default database", Verdict("unknown_db", "the user's default database cannot be opened", "name one with --database", "database", authenticated=True)),  # 4064
    (r"Database .* does not exist", Verdict("unknown_db", stage="database")),  # 911
    (r"is not able to access the database", Verdict("permission", stage="database")),  # 916
    (r"is not currently available|service is currently busy|encountered an error processing your request", Verdict("transient", None, _RETRY)),  # 40613, 40501, 40197
    (r"service has been paused|is (shutting down|being recovered)|in recovery", Verdict("transient")),  # 17142, 6005, 922
    (r"(limit|quota) .*has been reached|Not enough resources to process|Too many (create|operations)", Verdict("quota")),  # 10928, 40544, 49918-49920
    (r"untrusted domain|Windows logins are not supported", Verdict("auth", "the server takes no login of this kind")),  # 18452, 40607
    (r"Login failed", Verdict("auth", None, "check --username and --password; a user of one database alone needs --database", "login")),  # 18456
    (r"permission was denied|permission denied", Verdict("permission")),  # 229, 262
    (r"deadlocked on lock", Verdict("transient")),  # 1205
    (r"certificate|Encryption not supported|SSL Provider|SSL Security error|The target principal name is incorrect", Verdict("tls")),
    (r"Error code 0x2AF9", Verdict("dns")),  # WSAHOST_NOT_FOUND
    (r"Error code 0x(2749|274D)\b", Verdict("refused")),  # WSAENOTCONN, WSAECONNREFUSED
    (r"Timeout error \[258\]|Login timeout expired|Query timeout expired|Error code 0x274C", Verdict("timeout")),
    (r"error was encountered during handshakes before login|Communication link failure|Error code 0x(2746|68|20)\b", Verdict("network")),
    (r"Protocol error in TDS stream|Unknown token received", Verdict("config", "the server does not speak the TDS protocol", "check host and port")),
    (r"Failed to load the driver", Verdict("driver_missing", "a library that mssql-python needs is not installed", "apt-get install libltdl7 libgssapi-krb5-2")),
)  # fmt: skip
# Of a SQLSTATE the driver leaves its own English (mssql_python/exceptions.py); the server's words may be in any language.
_STATES = {
    "Invalid authorization specification": "28000",
    "Server rejected the connection": "08004",
    "Communication link failure": "08S01",
    "Connection failure during transaction": "08007",
    "Timeout expired": "HYT00",
    "Connection timeout expired": "HYT01",
}

# learn.microsoft.com, "Microsoft Entra authentication and authorization error codes".
ENTRA = (
    (r"AADSTS(90002|900021|900023)\b", Verdict("auth", "there is no tenant with this tenant_id", "check tenant_id in --parameters")),
    (r"AADSTS700016\b", Verdict("auth", "the tenant has no application with this client id", "check --username and tenant_id")),
    (r"AADSTS7000222\b", Verdict("auth", "the client secret has expired", "make a new client secret")),
    (r"AADSTS7000215\b", Verdict("auth", "the client secret is wrong", "give the secret's value with --password, not its id")),
    (r"AADSTS7000112\b", Verdict("auth", "the application is disabled in its tenant")),
    (r"AADSTS53003\b", Verdict("permission", "a conditional access policy blocks this sign-in")),
    (r"AADSTS", Verdict("auth", "Microsoft Entra refused the service principal")),
)  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the words, else by the SQLSTATE that the driver's inner error starts with."""
    text = str(exc)
    state = re.match(r"SQLSTATE:(\w{5}):", text)
    known = state[1] if state else _STATES.get(str(getattr(exc, "driver_error", "")))
    return by_text(text, _MESSAGES) or by_sqlstate(known)


def explain(text: str) -> Verdict | None:
    """Judge by the words of Microsoft Entra, too."""
    return by_text(text, ENTRA) or classify(Exception(text))
