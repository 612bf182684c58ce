"""What other tools call the fields of Snowflake."""

from __future__ import annotations

from typing import Any

from qualytics.connectors.foreign import USUAL_JDBC, USUAL_ODBC, USUAL_URL, Environment, Form
from qualytics.errors import UsageError

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


def complete_form(values: dict[str, Any]) -> None:
    """Name the account of the host, and the key of a login by key; TLS is always verified."""
    complete_environment(values)
    del values["host"]
    for name in ("authentication_type", "authenticator", "ssl_mode"):
        values.pop(name, None)


def _require_password(values: dict[str, Any]) -> None:
    if values.get("authentication_type") == "KEYPAIR":
        raise UsageError(
            "this tool takes a private key from a file alone",
            "qualytics run gives a command the key as a file in memory",
        )
    values.pop("authentication_type", None)
    values.pop("ssl_mode", None)


def _complete_account(values: dict[str, Any]) -> None:
    _require_password(values)
    complete_form(values)


def _complete_url(values: dict[str, Any]) -> None:
    _complete_account(values)
    values["host"] = values.pop("account")


def _complete_adbc(values: dict[str, Any]) -> None:
    complete_form(values)
    if "private_key" in values:
        values["auth_type"] = "auth_jwt"


_ADBC, _JWT = "adbc.snowflake.sql.", "adbc.snowflake.sql.client_option.jwt_private_key_pkcs8_"
_OPTIONS = {"role": "role", "warehouse": "warehouse"}
_PLACE = {"database": "database", "schema": "schema"}
# docs.getdbt.com, "Snowflake setup"; apache-airflow-providers-snowflake, "Snowflake Connection"; docs.snowflake.com,
# "Using the Snowflake SQLAlchemy toolkit", "JDBC Driver connection parameters" and "ODBC configuration".
FORMS = {
    # arrow.apache.org/adbc, "Snowflake Driver", Client Options.
    "adbc": Form(
        "snowflake",
        {
            **{name: name for name in ("username", "password")},
            **{name: _ADBC + name for name in ("account", "schema", "warehouse", "role", "auth_type")},
            "database": _ADBC + "db",
            "private_key": _JWT + "value",
            "passphrase": _JWT + "password",
        },
        complete=_complete_adbc,
    ),
    "airflow": Form(
        "snowflake",
        {
            "username": "login",
            "password": "password",
            "schema": "schema",
            "account": "account",
            "database": "database",
            **_OPTIONS,
        },
        complete=_complete_account,
    ),
    "dbt": Form(
        "snowflake",
        {
            "account": "account",
            "username": "user",
            "password": "password",
            "private_key": "private_key",
            "passphrase": "private_key_passphrase",
            **_PLACE,
            **_OPTIONS,
        },
        needs=("database", "schema"),
        complete=complete_form,
    ),
    "jdbc": Form(
        "jdbc:snowflake",
        {**USUAL_JDBC, "database": "db", "schema": "schema", **_OPTIONS},
        path=(),
        driver="net.snowflake.client.jdbc.SnowflakeDriver",
        complete=_require_password,
    ),
    "odbc": Form(
        "odbc",
        {**USUAL_ODBC, "host": "Server", "schema": "Schema", "role": "Role", "warehouse": "Warehouse"},
        fixed={"Driver": "SnowflakeDSIIDriver"},
        complete=_require_password,
    ),
    "sqlalchemy": Form(
        "snowflake", {**USUAL_URL, "schema": "schema", **_OPTIONS}, path=("database", "schema"), complete=_complete_url
    ),
}
