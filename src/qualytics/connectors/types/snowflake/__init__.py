"""Snowflake through its own connector for Python: HTTPS to one host, and to no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Param, tls_params
from qualytics.connectors.foreign import Foreign, Shell
from qualytics.connectors.shared.http import HTTP
from qualytics.connectors.shared.pem import key_fault
from qualytics.connectors.types.snowflake import catalog
from qualytics.connectors.types.snowflake.errors import ERRORS, classify
from qualytics.connectors.types.snowflake.login import connect, lift_limits
from qualytics.connectors.types.snowflake.names import ENVIRONMENT, FORMS, KEY_FILES, KEY_TEXTS, PASSPHRASES, complete

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


def requires(values: Mapping[str, Any], _secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Refuse a new key of KEYPAIR that cannot be one, before it is stored."""
    mode = (values.get("parameters") or {}).get("authentication_type")
    if mode == "KEYPAIR" and (fault := key_fault(values.get("password"))):
        yield ("password", *fault)


CONNECTOR = Connector(
    type="snowflake",
    title="Snowflake",
    default_port=443,
    driver="snowflake.connector",
    distribution="snowflake-connector-python",
    fields=("host", "port", "username", "password", "passphrase"),
    params=PARAMS,
    session_params=("role", "warehouse"),
    scope=("database", "schema"),
    example="--host '${SNOWFLAKE_ACCOUNT}.snowflakecomputing.com' --username '${SNOWFLAKE_USER}' "
    """--password '${SNOWFLAKE_PASSWORD}' --parameters '{"role": "ANALYST", "warehouse": "COMPUTE_WH"}'""",
    requires=requires,
    protocols=(HTTP,),
    tls="direct",
    open=connect,
    lift_limits=lift_limits,
    select=catalog.select,
    check=catalog.check,
    classify=classify,
    explain=ERRORS.explain,
    signature=r"(?i)snowflake|\A(?:25|26|29|39)\d{4}\Z|\b\d{6} \(\w{5}\): ",
    catalogs=catalog.catalogs,
    schemas=catalog.schemas,
    tables=catalog.tables,
    verified="emulator: fakesnow, which takes any login, role and warehouse; refusals from a server of the tests",
    authentication=(
        ("BASIC", "username and password"),
        ("KEYPAIR", "username; a PEM private key in password, its passphrase in passphrase"),
    ),
    # docs.snowflake.com, "Access control privileges" and "SHOW OBJECTS".
    privileges=(
        "GRANT ROLE analyst TO USER reader",
        "GRANT USAGE ON DATABASE sales TO ROLE analyst, GRANT USAGE ON SCHEMA sales.raw TO ROLE analyst",
        "GRANT REFERENCES ON ALL TABLES IN SCHEMA sales.raw TO ROLE analyst, and ON ALL VIEWS, to list them; SELECT does as well",
        "GRANT USAGE ON WAREHOUSE compute_wh TO ROLE analyst, if a warehouse is given; test and discovery need none",
    ),
    pinned="resolver",
    reads="snowflake",
    foreign=Foreign(
        names=("snowflake", "snowflake-connections"),
        odbc=("snowflake",),
        ado=frozenset(("account", "warehouse", "role")),
        keys={"account": "host", "db": "database", **dict.fromkeys(KEY_TEXTS, "password"), **PASSPHRASES},
        files=dict.fromkeys(KEY_FILES, "password"),
        path=("database", "schema"),
        complete=complete,
        environment=ENVIRONMENT,
        shells=(Shell("snow", ("sql", "--temporary-connection")),),
        forms=FORMS,
    ),
)
