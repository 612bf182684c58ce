"""Amazon Athena through PyAthena, with the connection's own keys or a role that they assume."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from typing import TYPE_CHECKING, Any

from qualytics.connectors import _aws_errors, _aws_role
from qualytics.connectors._athena_errors import classify, explain
from qualytics.connectors._base import Connector, Endpoint, Item, Param, Server, Target
from qualytics.connectors._https import ENDPOINT_URL, endpoint_of
from qualytics.connectors._objects import TLS_PARAMS, base_url
from qualytics.connectors._requests import roots_of
from qualytics.connectors._sql import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CATALOG = "AwsDataCatalog"
_PAGE = 1_000  # the most rows that one answer of Athena holds
_POLL_S = 0.2
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]{1,12}){1,3}-\d{1,2}\Z")
# "Amazon Athena endpoints and quotas", and interface endpoints of a VPC: athena.REGION.vpce.amazonaws.com.
_HOST = re.compile(r"(?:\A|\.)athena(?:-fips)?\.(?P<region>[a-z0-9-]+)\.")
_OUTPUT = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s?#\\]*)?\Z")


def region_of(values: Mapping[str, Any]) -> str | None:
    """Return the region in the parameters, else the one in the host's name; None when neither tells."""
    found = _HOST.search(values.get("host") or "")
    return (values.get("parameters") or {}).get("region") or (found and found["region"])


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return the host, else the region's endpoint; `endpoint_url` stands for both."""
    region = region_of(values) or "us-east-1"
    suffix = ".cn" if region.startswith("cn-") else ""
    return endpoint_of(values, values.get("host") or f"athena.{region}.amazonaws.com{suffix}")


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for both keys, a region and a place for results."""
    found = values.get("parameters") or {}
    if not values.get("username"):
        yield "username", "is needed for athena: the access key id", "no profile or role of this machine is used"
    if "password" not in secrets_set:
        yield "password", "is needed for athena: the secret access key", "no profile or role of this machine is used"
    if not _REGION.match(region_of(values) or ""):
        yield "parameters.region", "is needed, as the host does not tell it", "as in eu-west-1"
    if "endpoint_url" in found and (values.get("host") or values.get("port")):
        yield "parameters.endpoint_url", "stands for host and port, which are set too", "keep one of them"
    if "output" not in found and "work_group" not in found:
        yield "parameters.output", "is needed: where Athena puts results", "as in s3://bucket/results/, or a work_group"
    if not _OUTPUT.match(found.get("output", "s3://any")):
        yield "parameters.output", "must be s3://bucket or s3://bucket/path", "as in s3://bucket/results/"
    yield from _aws_role.lacking(found)


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of pyathena.connect with the connection's own keys, but for two objects.

    Empty texts keep the driver from its environment variables.
    """
    given = target.parameters
    return {
        "aws_access_key_id": target.username,
        "aws_secret_access_key": target.password.reveal() if target.password is not None else "",
        "region_name": region_of({"host": target.host, "parameters": given}),
        "endpoint_url": base_url(target),
        "verify": roots_of(target),
        "s3_staging_dir": given.get("output", ""),
        "work_group": given.get("work_group", ""),
        "catalog_name": target.database or _CATALOG,
        "schema_name": target.schema or "default",
        "poll_interval": _POLL_S,
        "kill_on_interrupt": False,
        "glue_metadata_fallback": False,
        "cursor_kwargs": {"arraysize": min(target.fetch_size, _PAGE)},
    }


def environment() -> dict[str, str]:
    """Return the variables that keep botocore from files and the instance's metadata, in the child alone."""
    return {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    }


def connect(target: Target) -> Any:
    """Take a role where one is asked for, and ask about the work group, which shows whether the keys are good."""
    os.environ.update(environment())
    for name in ("fsspec", "pandas", "pyarrow"):  # for results as data frames
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # the import system's own word for "absent"
    import botocore.exceptions
    import pyathena
    from botocore.config import Config
    from pyathena.util import RetryConfig

    given = arguments(target)
    if _aws_role.is_role(target.parameters):
        given |= _role(target, given["region_name"])
    patience = {"connect_timeout": target.timeout_s, "read_timeout": target.timeout_s}
    config = Config(**patience, retries={"total_max_attempts": 1}, proxies={})
    handle = pyathena.connect(**given, config=config, retry_config=RetryConfig(attempt=1))
    try:
        handle.client.get_work_group(WorkGroup=given["work_group"] or "primary")
    except botocore.exceptions.ClientError as exc:
        if _aws_errors.code_of(exc) not in {"AccessDenied", "AccessDeniedException"}:  # let in, if not allowed to ask
            raise
    return handle


def _role(target: Target, region: str) -> dict[str, str]:
    from qualytics.secret import Secret

    keys = dataclasses.replace(target, access_key=Secret(target.username or ""), secret_key=target.password)
    return {f"aws_{name}": value for name, value in _aws_role.assume(keys, region).items()}


def select(handle: Any, target: Target) -> None:
    """Check that the data catalog exists, and the database in it."""
    catalog = target.database or _CATALOG
    if target.schema is not None:
        handle.client.get_database(CatalogName=catalog, DatabaseName=target.schema)
    else:
        handle.client.list_databases(CatalogName=catalog, MaxResults=1)


def check(handle: Any, _target: Target) -> Server:
    """Run a query that reads no data, and read its result and the version of the engine."""
    with handle.cursor() as cursor:
        if cursor.execute("select 1").fetchone() is None:
            raise refuse("internal", "Athena ran the query and returned no row")
        version = cursor.effective_engine_version
    return Server("Amazon Athena", (version or "").rpartition(" ")[2] or None)


def _pages(handle: Any, operation: str, key: str, **given: Any) -> Iterator[dict[str, Any]]:
    for page in handle.client.get_paginator(operation).paginate(**given):
        yield from page.get(key, ())


def catalogs(handle: Any, _target: Target) -> Iterator[Item]:
    """Yield the data catalogs of the account and region."""
    for found in _pages(handle, "list_data_catalogs", "DataCatalogsSummary"):
        yield Item(found["CatalogName"], "catalog")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the databases of a data catalog."""
    for found in _pages(handle, "list_databases", "DatabaseList", CatalogName=target.database or _CATALOG):
        yield Item(found["Name"], "schema", found["Name"] == "information_schema")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a database whose names begin with a prefix; names are in lower case."""
    scope = {"CatalogName": target.database or _CATALOG, "DatabaseName": target.schema or "default"}
    for found in _pages(handle, "list_table_metadata", "TableMetadataList", **scope):
        if found["Name"].startswith(prefix.lower()):
            yield Item(found["Name"], "view" if found.get("TableType") == "VIRTUAL_VIEW" else "table")


CONNECTOR = Connector(
    type="athena",
    title="Amazon Athena",
    kind="jdbc",
    default_port=443,
    extra="athena",
    driver="pyathena",
    distribution="PyAthena",
    fields=("host", "port", "username", "password"),
    params=(
        Param("output", str, "where Athena puts results, as s3://bucket/results/", max_length=1_024),
        Param("region", str, "region of AWS, where the host does not tell it (our choice)", max_length=63),
        Param("work_group", str, "work group that queries run in (our choice)", max_length=128),
        Param(
            "authentication_type",
            str,
            "BASIC: the access key in username and password; IAM_ROLE: a role that it assumes",
            choices=("BASIC", "IAM_ROLE"),
            default="BASIC",
        ),
        *_aws_role.PARAMS,
        ENDPOINT_URL,
        *TLS_PARAMS,
    ),
    scope=("database", "schema"),
    example="""--username '${AWS_KEY_ID}' --password '${AWS_SECRET}' --parameters '{"region": "eu-west-1", "output": "s3://bucket/results/"}'""",
    endpoint=endpoint,
    requires=requires,
    tls="direct",
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle.close(),
    classify=classify,
    explain=explain,
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="emulator: ministack, which checks keys and roles and runs the SQL",
)
