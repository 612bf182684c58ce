"""What HiveServer2 and impyla say, as verdicts."""

from __future__ import annotations

import struct

from qualytics.connectors.contract import Verdict, by_text

_STRANGER = Verdict(
    "config",
    "the server does not speak Hive's protocol as these settings say",
    "check host and port, then transport, http_path and auth_mechanism in --parameters",
)
_MECHANISM = Verdict(
    "config",
    "the server asks for another way of logging in than auth_mechanism says, such as Kerberos, which is not offered here",
    "set auth_mechanism in --parameters to what the server has, or ask for an HiveServer2 that takes a password (LDAP)",
)
_HUNG_UP = Verdict(
    "network", None, "check host and port, then that transport and auth_mechanism in --parameters are the server's"
)

# Words of impyla, thrift_sasl and Thrift (their sources), of HiveServer2 (its runs), and of Spark's.
_MESSAGES = (
    (r"SCHEMA_NOT_FOUND|database .* (does not exist|not found)|NoSuchDatabaseException", Verdict("unknown_db", stage="database")),
    (r"HTTP code 401|Error validating the login|Peer indicated failure|Bad status.*(auth|login|valid)", Verdict("auth")),
    (r"HTTP code 403|permission denied|PERMISSION_DENIED|HiveAccessControlException|INSUFFICIENT_PRIVILEGES", Verdict("permission")),
    (r"HTTP code (404|405)", Verdict("config", "there is no HiveServer2 under this http_path", "check http_path in --parameters")),
    (r"HTTP code 429|too many (connections|sessions)|limit.* reached|Connection limit", Verdict("quota")),
    (r"HTTP code 50[234]|not.*active passive|server is (starting|shutting)", Verdict("transient")),
    (r"Unsupported mechanism|Bad status.*(GSS|Kerberos)", _MECHANISM),
    (r"Bad SASL|invalid status|SASL", _STRANGER),
    (r"HTTP code 4", _STRANGER),
    (r"read 0 bytes|Connection reset|unexpected exception|closed|EOF", _HUNG_UP),
    (r"timed out|read timeout", Verdict("timeout")),
)  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by class, then by words, last by the number of Thrift's exception (TTransport.py)."""
    if isinstance(exc, struct.error) or type(exc).__name__ in {"TProtocolException", "BadStatusLine"}:
        return _STRANGER
    if type(exc).__module__.startswith(("impala", "thrift", "puresasl")):
        number = getattr(exc, "type", None)
        return by_text(str(exc), _MESSAGES) or {3: Verdict("timeout"), 4: _HUNG_UP}.get(number or 0)
    return None


def explain(text: str) -> Verdict | None:
    """Judge by words."""
    return by_text(text, _MESSAGES)
