"""Snowflake through its own connector for Python: HTTPS to one host, and to no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Server
from qualytics.connectors.shared.pem import key_fault
from qualytics.connectors.types.snowflake.arguments import PARAMS
from qualytics.connectors.types.snowflake.errors import ERRORS, classify
from qualytics.connectors.types.snowflake.login import connect
from qualytics.connectors.types.snowflake.names import catalogs, schemas, tables
from qualytics.connectors.types.snowflake.session import run, select

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics.connectors.contract import Target


def requires(values: Mapping[str, Any], _secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Refuse a new key of KEYPAIR that cannot be one, before it is stored."""
    mode = (values.get("parameters") or {}).get("authentication_type")
    if mode == "KEYPAIR" and (fault := key_fault(values.get("password"))):
        yield ("password", *fault)


def check(handle: Any, target: Target) -> Server:
    """Ask for the version, which needs no warehouse."""
    version = str(run(handle, "select current_version()", target.fetch_size)[0][0])
    return Server("Snowflake", version.split(maxsplit=1)[0])


CONNECTOR = Connector(
    type="snowflake",
    title="Snowflake",
    kind="jdbc",
    default_port=443,
    extra="snowflake",
    driver="snowflake.connector",
    distribution="snowflake-connector-python",
    fields=("host", "port", "username", "password", "passphrase"),
    params=PARAMS,
    session_params=("role", "warehouse"),
    scope=("database", "schema"),
    example="--host '${SNOWFLAKE_ACCOUNT}.snowflakecomputing.com' --username '${SNOWFLAKE_USER}' "
    """--password '${SNOWFLAKE_PASSWORD}' --parameters '{"role": "ANALYST", "warehouse": "COMPUTE_WH"}'""",
    requires=requires,
    tls="direct",
    open=connect,
    select=select,
    check=check,
    classify=classify,
    explain=ERRORS.explain,
    signature=r"(?i)snowflake|\A(?:25|26|29|39)\d{4}\Z|\b\d{6} \(\w{5}\): ",
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
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
)
