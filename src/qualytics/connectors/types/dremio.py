"""Dremio through ADBC's driver for Arrow Flight SQL, on its low level: results come as Arrow, read by nanoarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Param, Server, Target, tls_params
from qualytics.connectors.shared.grammar import BASIC_USER, HEADER, SEGMENT, TOKEN
from qualytics.connectors.types import _dremio_client, _dremio_errors, _dremio_listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Say what an authentication type lacks, and which parameters contradict each other."""
    parameters = values.get("parameters") or {}
    token = parameters.get("authentication_type") == "ACCESS_TOKEN"
    if token and "password" not in secrets_set:
        yield "password", "is needed: the personal access token", "give it with --password"
    if token and "password" in values and not TOKEN.fit(values["password"]):
        yield "password", "must be a token", f"it may have {TOKEN.words}"
    if not token and not values.get("username"):
        yield "username", "is needed for authentication_type BASIC", "give it with --username"
    if "ssl" in parameters and "ssl_mode" in parameters:
        yield "parameters", "hold both ssl and ssl_mode", "keep one of them"


def check(handle: Any, _target: Target) -> Server:
    """Run a query and ask for name and version as Flight SQL's SqlInfo 0 and 1."""
    import nanoarrow

    next(_dremio_listing.rows(handle, "select 1"))
    info = {row["info_name"]: row["info_value"] for row in nanoarrow.ArrayStream(handle.get_info([0, 1])).to_pylist()}
    return Server(info.get(0) or "Dremio", info.get(1))


CONNECTOR = Connector(
    type="dremio",
    title="Dremio",
    kind="jdbc",
    default_port=32_010,
    extra="dremio",
    driver="adbc_driver_flightsql",
    distribution="adbc-driver-flightsql",
    fields=("host", "port", "username", "password"),
    proof="the access token",
    required=("host",),
    username_optional=True,
    params=(
        *tls_params(),
        Param("ssl", bool, "true: as ssl_mode verify; false: as ssl_mode disable"),
        Param("authentication_type", str, "BASIC: user and password; ACCESS_TOKEN: a personal access token as password (our choice)", choices=("BASIC", "ACCESS_TOKEN"), default="BASIC"),
        # It binds: the server hands the login on by it.
        Param("project_id", str, "project of Dremio Cloud, when not the default one"),
    ),
    grammar={"password": HEADER, "username": BASIC_USER, "project_id": SEGMENT},
    scope=("schema",),
    example="--host dremio.example.com --port 32010 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    tls="direct",
    greet=_dremio_client.greet,
    requires=requires,
    implied=lambda values: {"ssl": values["parameters"]["ssl_mode"] == "verify"},
    open=_dremio_client.connect,
    select=_dremio_listing.select,
    check=check,
    close=lambda handle: handle.close(),
    classify=_dremio_errors.classify,
    explain=_dremio_errors.explain,
    schemas=_dremio_listing.schemas,
    tables=_dremio_listing.tables,
    verified="driver only: login and discovery never run; TLS and refusals against another server of gRPC",
    authentication=(
        ("BASIC", "username and password of a user of Dremio Software"),
        ("ACCESS_TOKEN", "password: a personal access token; no username"),
    ),
    privileges=(
        'Dremio Enterprise: GRANT READ METADATA ON SOURCE lake TO USER "reader", or ON SPACE, or ON FOLDER',
        'Dremio Cloud: GRANT USAGE, SELECT ON PROJECT TO USER "reader@example.com"',
        "Dremio Community: none, every user sees everything",
    ),
    pinned="address",
    forks=False,  # Go, and gRPC in it
)  # fmt: skip
