"""What Dremio and ADBC's driver for Flight SQL say, as verdicts."""

from __future__ import annotations

from qualytics.connectors._base import Verdict
from qualytics.connectors._sql import by_text

# Words of grpc-go (internal/transport, credentials) and of Go's crypto/tls inside "connection error: desc = …".
_MESSAGES = (
    (r"certificate|tls: (?!first record)|x509", Verdict("tls")),
    (r"frame too large|first record does not look like|unexpected HTTP status|server preface: (?!connection|EOF)", Verdict("config", "the server does not speak Arrow Flight", "check host and port; Dremio's own JDBC port is another one")),
    (r"connection refused", Verdict("refused")),
    (r"zero addresses|no such host", Verdict("dns")),
    (r"i/o timeout|deadline exceeded", Verdict("timeout")),
    (r"reset by peer|EOF|broken pipe|closing", Verdict("network")),
)  # fmt: skip
_UNAVAILABLE = 14
# gRPC's status codes (grpc.io, "Status Codes"), which the driver passes on as the vendor code.
_CODES = {
    3: Verdict("config"),
    4: Verdict("timeout"),
    5: Verdict("unknown_db", stage="database"),
    7: Verdict("permission"),
    8: Verdict("quota"),
    10: Verdict("transient"),
    12: Verdict("config", "the server does not know the call", "check that this is Dremio's Arrow Flight endpoint"),
    _UNAVAILABLE: Verdict("transient"),
    16: Verdict("auth", stage="login"),
}


def classify(exc: BaseException) -> Verdict | None:
    """Judge a broken connection by its words, all else by gRPC's status code."""
    if not type(exc).__module__.startswith("adbc_driver_manager"):
        return None
    code = getattr(exc, "vendor_code", None) or 0
    found = by_text(str(exc), _MESSAGES) if code == _UNAVAILABLE else None
    return found or _CODES.get(code)


# The names of the codes, as clients write them.
_NAMES = {
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "ABORTED": 10,
    "UNIMPLEMENTED": 12,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}


def explain(text: str) -> Verdict | None:
    """Judge a broken connection by its words, all else by the name of gRPC's status code."""
    wanted = text.upper().replace(" ", "_")
    code = next((_CODES[code] for name, code in _NAMES.items() if name in wanted), None)
    broken = by_text(text, _MESSAGES) if code is None or code is _CODES[14] else None
    return broken or code
