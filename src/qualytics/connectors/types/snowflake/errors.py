"""What Snowflake's errors mean: by number, by words, and by what hides inside the connector's umbrella errors."""

from __future__ import annotations

from qualytics.connectors.codes import ErrorTable, by_code, by_sqlstate
from qualytics.connectors.contract import Verdict
from qualytics.structs import replace

_POLICY_HINT = "ask for the public address of this machine to be allowed by the network policy"
_HOST_HINT = "check --host: <account>.snowflakecomputing.com or <account>.<region>.snowflakecomputing.com"
_KEY_HINT = "compare the user's RSA_PUBLIC_KEY with this key, the account in --host, and this machine's clock"
_FACTOR_HINT = 'use a key pair: a PEM private key in --password and "authentication_type": "KEYPAIR" in --parameters'
_WAREHOUSE_HINT = 'give one: --parameters \'{"warehouse": "…"}\''

_NOT_SNOWFLAKE = Verdict("config", "the server answers HTTPS, but not as Snowflake does", _HOST_HINT)
_NO_ACCOUNT = Verdict("config", "Snowflake knows no account of this host name", _HOST_HINT)
_MISSING = Verdict("unknown_db", stage="database")
_RETRY = Verdict("transient", "Snowflake did not take the login request for now")

_SESSION = Verdict("transient", "the session ended")
_KEY_PAIR = Verdict("auth", "Snowflake refused the key pair", _KEY_HINT)
_ROLE = Verdict("permission", "the role does not exist or is not granted to this user", stage="database")
_NO_WAREHOUSE = Verdict("config", "no warehouse is active", _WAREHOUSE_HINT)
_POLICY = Verdict("permission", "a network policy keeps this machine out", _POLICY_HINT)

# Numbers of the connector (its errorcode.py) and of the service, which has no complete public list:
# these are from the connector's network.py and from messages that users report.
_CODES = by_code({
    "390100 390101 390102 390106 390110 390195 390303 390318 290401 251014 251015 251017 251018": Verdict("auth"),
    "390144 394300 394301 394302 394303 394304 394305 394306": _KEY_PAIR,
    "003001 003003 003013 003007 003041": Verdict("permission"),
    "390186 390189": _ROLE,
    "390422": _POLICY,
    "390913": Verdict("permission", "the account is suspended", "ask the account's administrator"),
    "002003 002043": _MISSING,
    "000606": _NO_WAREHOUSE,
    "090073": Verdict("quota"),
    "000604 000014 000630 251010 251016": Verdict("timeout"),
    "390103 390104 390111 390112 390113 390114 390115 250002 252007": _SESSION,
    "251001 251009 260008 290403 290404 390190": _NO_ACCOUNT,
    "251005 251006": Verdict("auth", "no username or no password is set"),
    "251008": Verdict("config", "the private key is of a kind that Snowflake does not take", "use an RSA key"),
    "260000 260001 260002 260003 260004 260005 404001 404002 404003 404004 251019 251021 250004 250007 250008 250009 250012 251007 251013 251020 001003 000904 390400": Verdict("config"),
    "251002 251003 255002 255004 255006": Verdict("driver_missing"),
    "290429 290500 290502 290503 290504": _RETRY,
    "250011 " + " ".join(map(str, range(254001, 254021))): Verdict("tls"),
})  # fmt: skip

# Where the number is an umbrella (250001, 250003, 390201 …) the words decide.
_MESSAGES = (
    (r"is not allowed to access Snowflake|network policy", _POLICY),
    (r"JWT token", _KEY_PAIR),
    (r"multi-?factor|\bMFA\b|\bDuo\b|single-factor|authentication policy", Verdict("auth", "the account's policy does not take a password alone", _FACTOR_HINT)),
    (r"OCSP|certificate .{0,40}did not match", Verdict("tls")),
    (r"SAML|IDP|external ?browser|OAuth .{0,40}(expired|invalid)", Verdict("auth")),
    (r"does not have a current (database|schema)|account must be specified", Verdict("config")),
    (r"statement or warehouse timeout|execution canceled", Verdict("timeout")),
    (r"incorrect username or password|temporarily locked|user access disabled|password (has )?expired", Verdict("auth")),
    (r"account .*(locked|suspended|disabled)|trial has ended", Verdict("permission", "the account is suspended", "ask the account's administrator")),
    (r"role .*(connect string|is not granted|is not assigned)", _ROLE),
    (r"requested (warehouse|database|schema) does not exist", _MISSING),
    (r"no active warehouse", _NO_WAREHOUSE),
    (r"resource monitor .* exceeded|exceeded its quota", Verdict("quota")),
    (r"verify the account name|403:? Forbidden|404:? Not Found|does not contain a valid payload", _NO_ACCOUNT),
    (r"invalid snowflake response|missing response field", _NOT_SNOWFLAKE),
    (r"certificate verify failed|hostname .* doesn't match|non-retryable SSL", Verdict("tls")),
    (r"(access |oauth |id )token .{0,20}(invalid|expired)|differs from the user|authenticat\w+ (failed|error)", Verdict("auth")),
    (r"service is unavailable|Service Unavailable|try again later", _RETRY),
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

ERRORS = ErrorTable(
    codes=_CODES,
    # Of the connector, for when nothing inside says more; 390201 is of the service.
    umbrellas=by_code({"250001 250003 250005 250006 251011 251004 252010 290000": Verdict("network"), "261000 261001 261004 261005 261006 401001 407001 407002": Verdict("network"), "401002": Verdict("timeout"), "251012": _RETRY, "390201": _MISSING}),
    words=_MESSAGES,
    inside=r"(?<![\w.-])(\d{6})(?= \(\w{5}\)|: )|(?<![\w.-])(?P<weak>\d{6})\b",
    alone=r"0*(\d{3,6})",
    spell=lambda code: code.zfill(6),
)  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the number, then by the words, then by SQLSTATE; umbrella numbers count last."""
    if named := getattr(exc, "verdict", None) or _INNER.get(type(exc).__name__):
        return named  # set by `select` alone
    errno = getattr(exc, "errno", None)
    if not type(exc).__module__.startswith("snowflake.") or not isinstance(errno, int):
        return None
    code = str(errno) if errno >= 0 else None
    verdict = ERRORS.judge([code], str(exc))
    if verdict is None or verdict.failure_class == "unknown":
        verdict = by_sqlstate(getattr(exc, "sqlstate", None)) or verdict
    return verdict and replace(verdict, code=code.zfill(6) if code else verdict.code)
