"""What Snowflake's connector is told, by arguments and by variables."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Param, refuse, tls_params
from qualytics.connectors.shared.pem import private_key_der
from qualytics.connectors.types.snowflake.names import PLAIN, identifier

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target

PARAMS = (
    *tls_params(("auto", "verify")),
    Param(
        "role",
        str,
        "role of the session",
        harmless="what the user may do once logged in, of what the account has granted; the login is the same",
    ),
    Param(
        "warehouse",
        str,
        "warehouse of the session",
        harmless="what computes queries, once the user has logged in",
    ),
    Param(
        "authentication_type",
        str,
        "BASIC: a password; KEYPAIR: a PEM private key in password, its passphrase in passphrase",
        choices=("BASIC", "KEYPAIR"),
        default="BASIC",
    ),
)


def environment(target: Target) -> dict[str, str]:
    """Return the variables that the connector needs in the child process, where they end with the test."""
    found = {
        "SNOWFLAKE_HOME": target.directory,  # no connections.toml, config.toml or log settings of the user
        "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",  # it asks the metadata services of three clouds
        "SNOWFLAKE_DISABLE_MINICORE": "true",  # a library of its own that only reports a version
        "MAX_CON_RETRY_ATTEMPTS": "0",  # the first failure is the verdict
        "JWT_CNXN_RETRY_ATTEMPTS": "0",
        "JWT_CNXN_WAIT_TIME": str(_patience_s(target)),
        "NO_PROXY": "*",
    }
    if target.tls is not None and target.tls.ca_file is not None:
        # 4.x reads the first, the Rust core of 5.x the second.
        found |= {"REQUESTS_CA_BUNDLE": target.tls.ca_file, "SSL_CERT_FILE": target.tls.ca_file}
    return found


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of snowflake.connector.connect 4.x; all but one also suit 5.x.

    The role is part of the login, as a user's default role may be one that was since taken away.
    Warehouse, database and schema are left to `select`: a login passes over a wrong one in silence.
    """
    patience_s = _patience_s(target)
    found: dict[str, Any] = {
        "account": account(target.host),
        "host": target.host,
        "port": target.port,
        "protocol": "https",
        "user": target.username,
        "application": "qualytics",
        "login_timeout": patience_s,
        "network_timeout": patience_s,
        "socket_timeout": patience_s,
        "disable_ocsp_checks": True,  # OCSP, and lists of revoked certificates, are fetched from other hosts
        "cert_revocation_check_mode": "DISABLED",
        "platform_detection_timeout_seconds": 0.0,
        "client_session_keep_alive": False,
        "client_store_temporary_credential": False,
        "log_imported_packages_in_telemetry": False,
        "session_parameters": {"CLIENT_TELEMETRY_ENABLED": False},
    }
    if role := target.parameters.get("role"):
        found["role"] = role if PLAIN.fullmatch(role) else identifier(role)
    if target.max_parallelization is not None:
        found["client_prefetch_threads"] = target.max_parallelization
    return found | _credentials(target)


def account(host: str) -> str:
    """Return the account of a host: what stands before .snowflakecomputing.com, else the first label."""
    name = host.removesuffix(".")
    stem = re.sub(r"\.snowflakecomputing\.com\Z", "", name, flags=re.IGNORECASE)
    return stem if stem != name else name.partition(".")[0]


def _patience_s(target: Target) -> int:
    # One second more than the whole test: the deadline is the parent's to keep.
    return math.ceil(target.timeout_s) + 1


def _credentials(target: Target) -> dict[str, Any]:
    if target.password is None or not target.password.reveal():
        raise refuse("config", "no password is set", "give the password, or a key pair's private key, with --password")
    if target.parameters.get("authentication_type", "BASIC") == "BASIC":
        return {"authenticator": "SNOWFLAKE", "password": target.password.reveal()}
    passphrase = target.passphrase.reveal() if target.passphrase is not None else ""
    return {"authenticator": "SNOWFLAKE_JWT", "private_key": private_key_der(target.password.reveal(), passphrase)}
