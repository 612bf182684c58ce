"""What Snowflake's errors mean: by number, by words, and by what hides inside the connector's umbrella errors."""

from __future__ import annotations

import re

from qualytics.connectors.codes import by_sqlstate
from qualytics.connectors.contract import Verdict, by_text

_POLICY_HINT = "ask for the public address of this machine to be allowed by the network policy"
_HOST_HINT = "check --host: <account>.snowflakecomputing.com or <account>.<region>.snowflakecomputing.com"
_KEY_HINT = "compare the user's RSA_PUBLIC_KEY with this key, the account in --host, and this machine's clock"
_FACTOR_HINT = 'use a key pair: a PEM private key in --password and "authentication_type": "KEYPAIR" in --parameters'
_WAREHOUSE_HINT = 'give one: --parameters \'{"warehouse": "…"}\''

_NOT_SNOWFLAKE = Verdict("config", "the server answers HTTPS, but not as Snowflake does", _HOST_HINT)
_NO_ACCOUNT = Verdict("config", "Snowflake knows no account of this host name", _HOST_HINT)
_MISSING = Verdict("unknown_db", stage="database")
_RETRY = Verdict("transient", "Snowflake did not take the login request for now")

# Numbers of the connector (its errorcode.py) and of the service, which has no complete public list:
# these are from the connector's network.py and from messages that users report.
_CODES: dict[int, Verdict] = {
    **dict.fromkeys((604, 14), Verdict("timeout")),
    606: Verdict("config", "no warehouse is active", _WAREHOUSE_HINT),
    630: Verdict("timeout"),
    **dict.fromkeys((2003, 2043), _MISSING),
    **dict.fromkeys((3001, 3003, 3013), Verdict("permission")),
    90073: Verdict("quota"),
    **dict.fromkeys((251001, 260008, 290403, 290404), _NO_ACCOUNT),
    **dict.fromkeys((251005, 251006), Verdict("config", "no username or no password is set")),
    251008: Verdict("config", "the private key is of a kind that Snowflake does not take", "use an RSA key"),
    251010: Verdict("timeout"),
    290401: Verdict("auth"),
    **dict.fromkeys((290429, 290500, 290502, 290503, 290504), _RETRY),
    **dict.fromkeys(range(254001, 254021), Verdict("tls")),
    **dict.fromkeys((390100, 390101, 390102, 390106), Verdict("auth")),
    **dict.fromkeys((390103, 390104, 390111, 390112, 390113, 390114, 390115), Verdict("transient", "the session ended")),
    **dict.fromkeys((390144, *range(394300, 394307)), Verdict("auth", "Snowflake refused the key pair", _KEY_HINT)),
    **dict.fromkeys((390186, 390189), Verdict("permission", "the role does not exist or is not granted to this user", stage="database")),
    **dict.fromkeys((390303, 390318), Verdict("auth")),
    390422: Verdict("permission", "a network policy keeps this machine out", _POLICY_HINT),
}  # fmt: skip

# Where the number is an umbrella (250001, 250003, 390201 …) the words decide.
_MESSAGES = (
    (r"is not allowed to access Snowflake|network policy", _CODES[390422]),
    (r"JWT token", _CODES[390144]),
    (r"multi-?factor|\bMFA\b|\bDuo\b|single-factor|authentication policy", Verdict("auth", "the account's policy does not take a password alone", _FACTOR_HINT)),
    (r"incorrect username or password|temporarily locked|user access disabled|password (has )?expired", Verdict("auth")),
    (r"account .*(locked|suspended|disabled)|trial has ended", Verdict("permission", "the account is suspended", "ask the account's administrator")),
    (r"role .*(connect string|is not granted|is not assigned)", _CODES[390189]),
    (r"requested (warehouse|database|schema) does not exist", _MISSING),
    (r"no active warehouse", _CODES[606]),
    (r"resource monitor .* exceeded|exceeded its quota", Verdict("quota")),
    (r"verify the account name|403 Forbidden|404 Not Found|does not contain a valid payload", _NO_ACCOUNT),
    (r"invalid snowflake response|missing response field", _NOT_SNOWFLAKE),
    (r"certificate verify failed|hostname .* doesn't match|non-retryable SSL", Verdict("tls")),
    (r"service is unavailable|try again later", _RETRY),
    (r"timed out|timeout", Verdict("timeout")),
    (r"connection refused", Verdict("refused")),
    (r"insufficient privileges", Verdict("permission")),
    (r"does not exist", _MISSING),
)  # fmt: skip

# Exceptions inside the connector's HTTP client that say more than what they are wrapped in.
_INNER = {
    "TooManyRedirects": Verdict("config", "the server redirects to another address", _HOST_HINT),
    "JSONDecodeError": _NOT_SNOWFLAKE,
    "KeyError": _NOT_SNOWFLAKE,
}

# Umbrellas of the connector, for when nothing inside says more.
_UMBRELLAS = {**dict.fromkeys((250001, 250003, 250005, 251011), Verdict("network")), 251012: _RETRY}


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the number, then by the words, then by SQLSTATE; umbrella numbers count last."""
    if named := getattr(exc, "verdict", None) or _INNER.get(type(exc).__name__):
        return named  # set by `select` alone
    errno = getattr(exc, "errno", None)
    if not type(exc).__module__.startswith("snowflake.") or not isinstance(errno, int):
        return None
    return (
        _CODES.get(errno)
        or by_text(str(exc), _MESSAGES)
        or _UMBRELLAS.get(errno)
        or by_sqlstate(getattr(exc, "sqlstate", None))
    )


def explain(text: str) -> Verdict | None:
    """Judge by the numbers of six digits in a text, then by its words; umbrella numbers count last."""
    numbers = [int(found) for found in re.findall(r"\b(\d{6})\b", text)]
    known, umbrella = (next((table[one] for one in numbers if one in table), None) for table in (_CODES, _UMBRELLAS))
    return known or by_text(text, _MESSAGES) or umbrella
