"""What Teradata's numbers and the words of its driver mean."""

from __future__ import annotations

import re

from qualytics.connectors.contract import Verdict, by_text

# docs.teradata.com, "Analytics Database Messages", one page a number.
_NUMBERS: dict[int, Verdict] = {
    **dict.fromkeys((3002, 8017), Verdict("auth", stage="login")),
    3032: Verdict("auth", "the password has expired", "set a new password on the server"),
    3055: Verdict("permission", "the server takes no logons of this user now", "ask for logons to be enabled"),  # as a user reported it
    **dict.fromkeys((3523, 3524, 5315), Verdict("permission")),
    3802: Verdict("unknown_db", stage="database"),
    3807: Verdict("unknown_db"),
    **dict.fromkeys((2646, 3149, 3151, 8024), Verdict("quota")),
    **dict.fromkeys((2631, 2825, 2826, 2828, 3111, 3120, 3598, 3897), Verdict("transient")),
    **dict.fromkeys((3110, 3156), Verdict("timeout")),
    **dict.fromkeys((3706, 3707), Verdict("config")),
}  # fmt: skip
# The driver is written in Go: below its own umbrellas (444 not connected, 446 not connected to an address, 395 no answer,
# 301 connection lost, 441 another server's HTTP) stand the words of Go's net, crypto/tls and crypto/x509.
_MESSAGES = (
    (r"Invalid (user )?password", Verdict("auth", stage="login")),  # Security Administration, "Using Logon Error Handling Options"
    (r"Error 493\]|no such host", Verdict("dns")),
    (r"connection refused", Verdict("refused")),
    (r"i/o timeout|deadline exceeded|timed out", Verdict("timeout")),
    (r"does not match any SANs|cannn?ot match missing Subject CN|x509:|certificate verification failed", Verdict("tls")),
    (r"first record does not look like a TLS handshake|Error 441\]|unexpected .*HTTP response", Verdict("config", "the server is another kind of server", "check host and port; TLS is on port 443, plain on 1025")),
    (r"tls: |remote error", Verdict("tls")),
    (r"Error (301|395)\]|connection reset|broken pipe|\bEOF\b", Verdict("network")),
)  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the database's number, else by the words of the driver and of Go below them."""
    text = str(exc)
    number = re.search(r"\[Teradata Database\] \[Error (\d+)\]", text)
    known = _NUMBERS.get(int(number[1])) if number else None
    return known or (by_text(text, _MESSAGES) if "[Teradata " in text else None)


def explain(text: str) -> Verdict | None:
    """Judge by the number as BTEQ ("Failure 8017") and the drivers ("[Error 8017]") write it, else by the driver's words."""
    numbers = re.findall(r"\b(?:Failure|Error|Code)\W{1,3}(\d{4})\b", text, re.IGNORECASE)
    return next((_NUMBERS[int(one)] for one in numbers if int(one) in _NUMBERS), None) or by_text(text, _MESSAGES)
