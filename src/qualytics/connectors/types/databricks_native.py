"""Databricks Unity Catalog through Databricks' SDK: metadata over REST, without a warehouse."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Chars, Connector, Server, Target, refuse
from qualytics.connectors.foreign import Foreign
from qualytics.connectors.shared import databricks
from qualytics.connectors.shared.http import ENDPOINT_URL, HTTP, base_url, endpoint_of, pin, roots_of, segment
from qualytics.model import Item
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

# A name of Unity Catalog is a part of a URL's path (Databricks SQL reference, "Names").
NAME = Chars(r"[^./ \x00-\x1f\x7f]+", "everything but dots, slashes, blanks and control characters")


class Catalogs(Struct, eq=True):
    """The parts of the SDK that are used, over one session of HTTPS."""

    session: Any
    catalogs: Any
    schemas: Any
    tables: Any


def arguments(target: Target, token: str) -> dict[str, Any]:
    """Return the keyword arguments of databricks.sdk's Config: a token alone, so that no other login is tried."""
    return {
        "host": base_url(target),
        "token": token,
        "auth_type": "pat",
        "http_timeout_seconds": target.timeout_s,
        "retry_timeout_seconds": 1,  # 0 would mean the default, minutes
        "product": "qualytics",
        "product_version": "0",
    }


def connect(target: Target) -> Catalogs:
    """Log in, and ask who that is: any principal of the workspace may."""
    from qualytics.connectors.shared.preamble import expect_silence

    expect_silence(target)
    token = databricks.bearer(target)
    os.environ["DATABRICKS_CONFIG_FILE"] = os.devnull
    from databricks.sdk.clock import RealClock
    from databricks.sdk.core import ApiClient, Config
    from databricks.sdk.service import catalog

    api: Any = catalog  # the SDK's own constructors are untyped

    class PlainConfig(Config):
        attributes = Config.attributes  # which looks for them in its own class alone

        def _resolve_host_metadata(self) -> None:
            """Ask the host for nothing: it could name another host to log in at."""

    class NoWaiting(RealClock):
        slept = 0.0

        def time(self) -> float:
            """Count the pauses before retries, none of which is made: so the first failure is the last."""
            return super().time() + self.slept

        def sleep(self, seconds: float) -> None:
            """Let the time of a pause have passed."""
            self.slept += seconds

    client = ApiClient(PlainConfig(clock=NoWaiting(), **arguments(target, token)))
    session = pin(client._api_client._session, base_url(target), roots=roots_of(target))  # noqa: SLF001 - no other way in
    client.do("GET", "/api/2.0/preview/scim/v2/Me")
    return Catalogs(session, api.CatalogsAPI(client), api.SchemasAPI(client), api.TablesAPI(client))


def select(handle: Catalogs, target: Target) -> None:
    """Check that the catalog exists, and the schema in it."""
    if target.catalog is not None:
        handle.catalogs.get(segment(target.catalog))
    if target.schema is not None:
        handle.schemas.get(segment(f"{_catalog(target)}.{target.schema}"))


def _catalog(target: Target) -> str:
    name = target.catalog or target.database
    if name is None:
        raise refuse("config", "the connection has no catalog", "give one with --catalog", stage="database")
    return name


def catalogs(handle: Catalogs, _target: Target) -> Iterator[Item]:
    """Yield the catalogs that this user may see."""
    for catalog in handle.catalogs.list():
        kind = getattr(catalog.catalog_type, "value", "")
        yield Item(catalog.name, "catalog", kind in {"SYSTEM_CATALOG", "INTERNAL_CATALOG"} or catalog.name == "system")


def schemas(handle: Catalogs, target: Target) -> Iterator[Item]:
    """Yield the schemas of the catalog."""
    for schema in handle.schemas.list(_catalog(target)):
        yield Item(schema.name, "schema", schema.name == "information_schema")


def tables(handle: Catalogs, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a schema whose names begin with a prefix."""
    for table in handle.tables.list(_catalog(target), target.schema or "", omit_columns=True, omit_properties=True):
        if table.name.startswith(prefix):
            yield Item(table.name, "view" if "VIEW" in getattr(table.table_type, "value", "") else "table")


def check(handle: Catalogs, target: Target) -> Server:
    """List the first of what the connection is for: schemas of its catalog, or catalogs; there is no version."""
    if target.catalog is not None:
        next(iter(handle.schemas.list(target.catalog, max_results=1)), None)
    else:
        next(iter(handle.catalogs.list(max_results=1)), None)
    return Server("Databricks Unity Catalog", None)


CONNECTOR = Connector(
    type="databricks_native",
    title="Databricks Unity Catalog",
    kind="native",
    default_port=443,
    driver="databricks.sdk",
    distribution="databricks-sdk",
    fields=("host", "catalog", "catalog_type", "username", "password"),
    identity="client id",
    proof="the access token",
    username_optional=True,
    params=(ENDPOINT_URL, *databricks.PARAMS),
    grammar=databricks.GRAMMAR | dict.fromkeys(("catalog", "database", "schema"), NAME),
    scope=("schema",),
    example="--host dbc-1234.cloud.databricks.com --catalog main --password '${DATABRICKS_TOKEN}'",
    endpoint=lambda values: endpoint_of(values, values.get("host") or ""),
    requires=databricks.requires,
    protocols=(HTTP,),
    tls="direct",
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle.session.close(),
    classify=databricks.classify,
    signature=r"(?i)databricks|\berror_code\b",
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="emulator: minilake, which takes any token",
    authentication=databricks.AUTHENTICATION,
    privileges=databricks.PRIVILEGES,
    pinned="resolver",  # requests; tokens for service principals come from the workspace itself
    foreign=Foreign(
        names=("databricks-workspace",),
        keys=databricks.FOREIGN_KEYS | {"account_id": ""},
        complete=databricks.complete,
        environment=databricks.ENVIRONMENT,
    ),
)
