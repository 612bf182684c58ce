"""What other tools call the fields of Snowflake."""

from __future__ import annotations

from qualytics.connectors.foreign import Environment

KEY_FILES = ("private_key_path", "private_key_file", "jwt_private_key")
KEY_TEXTS = ("private_key", "private_key_content", "private_key_raw")
PASSPHRASES = dict.fromkeys(("private_key_passphrase", "private_key_file_pwd", "priv_key_file_pwd"), "passphrase")
_DOMAIN = ".snowflakecomputing."
# Ways of logging in that are the two we have, as the connectors for Python and for ADBC call them.
_BASIC = ("snowflake", "username_password", "auth_snowflake")
_KEYPAIR = ("snowflake_jwt", "keypair", "auth_jwt")


def complete(values: dict[str, str]) -> None:
    """Make a host of the account and its region, and see a login by key."""
    account, region = values.pop("account", ""), values.pop("region", "")
    host = values.get("host") or account
    if host:
        if region and "." not in host:
            host = f"{host}.{region}"
        values["host"] = host if _DOMAIN in host.lower() or host in _LOCAL else f"{host}.snowflakecomputing.com"
    has_key = any(values.get(name) for name in (*KEY_FILES, *KEY_TEXTS))
    for name in ("authenticator", "auth_type"):
        mode = values.get(name, "").lower()
        if mode in (*_BASIC, *_KEYPAIR):
            del values[name]
            has_key = has_key or mode in _KEYPAIR
    if has_key:
        values["authentication_type"] = "KEYPAIR"


_LOCAL = ("localhost", "127.0.0.1")


def complete_environment(values: dict[str, str]) -> None:
    """Name the account of the host, and the key of a login by key."""
    host = values["host"]
    values["account"] = host[: host.lower().index(_DOMAIN)] if _DOMAIN in host.lower() else host
    if values.get("authentication_type") == "KEYPAIR":
        values["private_key"] = values.pop("password", "")
        values["authenticator"] = "SNOWFLAKE_JWT"


# Snowflake documentation, "Managing Snowflake connections" of the Snowflake CLI: what a connection of variables takes.
ENVIRONMENT = Environment(
    texts={
        "SNOWFLAKE_ACCOUNT": "{account}",
        "SNOWFLAKE_HOST": "{host}",
        "SNOWFLAKE_USER": "{username}",
        "SNOWFLAKE_PASSWORD": "{password}",
        "SNOWFLAKE_AUTHENTICATOR": "{authenticator}",
        "SNOWFLAKE_ROLE": "{role}",
        "SNOWFLAKE_WAREHOUSE": "{warehouse}",
        "SNOWFLAKE_DATABASE": "{database}",
        "SNOWFLAKE_SCHEMA": "{schema}",
        "PRIVATE_KEY_PASSPHRASE": "{passphrase}",
    },
    files=dict.fromkeys(("SNOWFLAKE_PRIVATE_KEY_FILE", "SNOWFLAKE_PRIVATE_KEY_PATH"), "private_key"),
    cleared=("SNOWFLAKE_*",),
    complete=complete_environment,
)
