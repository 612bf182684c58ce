"""What other tools call the fields of Snowflake."""

from __future__ import annotations

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
