"""What other tools call the fields of Snowflake."""

from __future__ import annotations

KEY_FILES = ("private_key_path", "private_key_file")
KEY_TEXTS = ("private_key", "private_key_content", "private_key_raw")
PASSPHRASES = dict.fromkeys(("private_key_passphrase", "private_key_file_pwd", "priv_key_file_pwd"), "passphrase")
_DOMAIN = ".snowflakecomputing."
# Ways of logging in that are the two we have, as the connector for Python calls them.
_MODES = {"snowflake": None, "username_password": None, "snowflake_jwt": "KEYPAIR", "keypair": "KEYPAIR"}


def complete(values: dict[str, str]) -> None:
    """Make a host of the account and its region, and see a login by key."""
    account, region = values.pop("account", ""), values.pop("region", "")
    host = values.get("host") or account
    if host:
        if region and "." not in host:
            host = f"{host}.{region}"
        values["host"] = host if _DOMAIN in host.lower() or host in _LOCAL else f"{host}.snowflakecomputing.com"
    has_key = any(values.get(name) for name in (*KEY_FILES, *KEY_TEXTS))
    if values.get("authenticator", "").lower() in _MODES:
        has_key = _MODES[values.pop("authenticator").lower()] is not None or has_key
    if has_key:
        values["authentication_type"] = "KEYPAIR"


_LOCAL = ("localhost", "127.0.0.1")
