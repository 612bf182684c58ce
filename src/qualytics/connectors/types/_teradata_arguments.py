"""What teradatasql is told, and which port means TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Chars, Endpoint, Param, refuse, tls_params

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.connectors.contract import Target

PLAIN_PORT, _TLS_PORT = 1025, 443
# The driver reads such a text as the names of two files (its documentation, "Stored Password Protection").
_FILES = "ENCRYPTED_PASSWORD("

# It stands in quotes behind user and password (docs.teradata.com, "Account String Expansion").
ACCOUNT = Chars(r"[A-Za-z0-9_ $#&@%./+:-]+", "letters, digits, blanks and _ $ # & @ % . / + : -")

PARAMS = (
    *tls_params(),
    Param(
        "logmech",
        str,
        "who checks the password (the driver's name)",
        choices=("TD2", "LDAP", "TDNEGO"),
        default="TD2",
    ),
    Param("encryptdata", bool, "encrypt what is sent without TLS (the driver's name)", default="false"),
    Param(
        "tmode",
        str,
        "transaction mode (the driver's name)",
        choices=("DEFAULT", "ANSI", "TERA"),
        default="DEFAULT",
        harmless="how transactions end, once the user has logged in",
    ),
    Param("account", str, "account to charge (the driver's name)", max_length=128),
)


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return where the gateway listens: TLS has a port of its own."""
    mode = (values.get("parameters") or {}).get("ssl_mode")
    default = _TLS_PORT if mode in {"verify", "require"} else PLAIN_PORT
    return Endpoint(values.get("host") or "", values.get("port") or default)


def sslmode(target: Target) -> str:
    """Return the driver's mode; under auto the port says whether TLS is offered."""
    mode = target.tls.mode if target.tls is not None else "disable"
    if mode == "auto":
        mode = "verify" if target.port == _TLS_PORT else "disable"
    return {"verify": "VERIFY-FULL", "require": "REQUIRE", "disable": "DISABLE"}[mode]


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of teradatasql.connect; it takes every value as a text.

    Raises:
        Refusal: the driver would take user or password for something else.

    """
    mode = sslmode(target)
    port = "dbs_port" if mode == "DISABLE" else "https_port"
    found: dict[str, Any] = {
        "host": target.host if mode == "VERIFY-FULL" else target.address or target.host,
        port: str(target.port),
        "user": target.username,
        "password": target.password.reveal() if target.password is not None else "",
        "sslmode": mode,
        "logmech": target.parameters.get("logmech", "TD2"),
        "encryptdata": "true" if target.parameters.get("encryptdata") else "false",
        "tmode": target.parameters.get("tmode", "DEFAULT"),
        "cop": "false",  # no second host by name
        "sslcrc": "DISABLE",  # no request to an address that the certificate names
        "connect_timeout": str(int(target.timeout_s * 1_000)),
        "logon_timeout": str(max(1, int(target.timeout_s))),
    }
    if mode == "VERIFY-FULL" and target.tls is not None and target.tls.ca_file:
        found["sslca"] = target.tls.ca_file
    if "account" in target.parameters:
        found["account"] = target.parameters["account"]
    if any(str(found[name]).startswith(_FILES) for name in ("user", "password")):
        raise refuse(
            "config",
            "the driver takes a user name or password that begins so for the names of files",
            "choose another password",
        )
    return found
