"""What Dremio and ADBC's driver for Flight SQL say, as verdicts."""

from __future__ import annotations

from qualytics.connectors.contract import Verdict, by_text

# Words of grpc-go (internal/transport, credentials) and of Go's crypto/tls inside "connection error: desc = …".
_MESSAGES = (
    (r"certificate|tls: (?!first record)|x509", Verdict("tls")),
    (r"frame too large|first record does not look like|unexpected HTTP status|server preface: (?!connection|EOF)", Verdict("config", "the server does not speak Arrow Flight", "check host and port; Dremio's own JDBC port is another one")),
    (r"connection refused", Verdict("refused")),
    (r"zero addresses|no such host", Verdict("dns")),
    (r"i/o timeout|deadline exceeded", Verdict("timeout")),
    (r"reset by peer|EOF|broken pipe|closing", Verdict("network")),
)  # fmt: skip
_LOGIN = Verdict("auth", stage="login")
_ABSENT = Verdict("unknown_db", stage="database")
_NO_CALL = Verdict("config", "the server does not know the call", "check that this is Dremio's Arrow Flight endpoint")
_LOST = Verdict("unknown", "the server says that data is lost or damaged", "ask the administrator of the server")
# gRPC's status codes (grpc.io, "Status Codes") by their names; UNKNOWN says nothing.
_STATUS = {
    "CANCELED": (1, Verdict("transient")),
    "INVALID_ARGUMENT": (3, Verdict("config")),
    "DEADLINE_EXCEEDED": (4, Verdict("timeout")),
    "NOT_FOUND": (5, _ABSENT),
    "ALREADY_EXISTS": (6, Verdict("config")),
    "PERMISSION_DENIED": (7, Verdict("permission")),
    "RESOURCE_EXHAUSTED": (8, Verdict("quota")),
    "FAILED_PRECONDITION": (9, Verdict("config")),
    "ABORTED": (10, Verdict("transient")),
    "OUT_OF_RANGE": (11, Verdict("config")),
    "UNIMPLEMENTED": (12, _NO_CALL),
    "INTERNAL": (13, Verdict("transient")),
    "UNAVAILABLE": (14, Verdict("transient")),
    "DATA_LOSS": (15, _LOST),
    "UNAUTHENTICATED": (16, _LOGIN),
}
# The driver passes them on as the vendor code, and always has one of ADBC's own (adbc.h, ADBC_STATUS_…).
_CODES = dict(_STATUS.values())
_ADBC = {
    2: _NO_CALL,
    3: _ABSENT,
    4: Verdict("config"),
    5: Verdict("config"),
    6: Verdict("config"),
    7: _LOST,
    8: _LOST,
    9: Verdict("transient"),
    10: Verdict("network"),
    11: Verdict("transient"),
    12: Verdict("timeout"),
    13: _LOGIN,
    14: Verdict("permission"),
}
# UNKNOWN and INTERNAL, which several codes of gRPC become.
_VAGUE = {0, 1, 9}
# Of both: what broke a connection stands in the words alone.
_UNAVAILABLE, _IO = 14, 10
# As clients write a name: UNAUTHENTICATED, Unauthenticated, PermissionDenied; plain words only where a code stands.
_PLAIN = {"CANCELED", "ABORTED", "INTERNAL", "NOT_FOUND", "ALREADY_EXISTS", "OUT_OF_RANGE", "DATA_LOSS"}
_CODE = r"(?:\bcode\W{1,3}|StatusCode\.|\()"


def _pattern(name: str) -> str:
    return (_CODE if name in _PLAIN else "") + name.replace("_", "[_ ]?").replace("CELED", "CELL?ED")


_NAMES = tuple((_pattern(name), verdict) for name, (_, verdict) in _STATUS.items())


def classify(exc: BaseException) -> Verdict | None:
    """Judge by gRPC's code, by ADBC's where it says as much, by words last; a broken connection by its words first."""
    if not type(exc).__module__.startswith("adbc_driver_manager"):
        return None
    text = str(exc)
    vendor, status = (getattr(exc, name, None) or 0 for name in ("vendor_code", "status_code"))
    if vendor == _UNAVAILABLE or (not vendor and status == _IO):
        return by_text(text, _MESSAGES) or _CODES.get(vendor) or by_text(text, _NAMES) or _ADBC[_IO]
    exact = None if status in _VAGUE else _ADBC.get(status)
    return _CODES.get(vendor) or exact or explain(text) or _ADBC.get(status)


def explain(text: str) -> Verdict | None:
    """Judge a broken connection by its words, all else by the name of gRPC's status code."""
    code = by_text(text, _NAMES)
    broken = by_text(text, _MESSAGES) if code is None or code is _CODES[_UNAVAILABLE] else None
    return broken or code
