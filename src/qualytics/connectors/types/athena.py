"""Amazon Athena through PyAthena, with the connection's own keys or a role that they assume."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Chars, Connector, Endpoint, Param, Server, Target, Verdict, by_text, refuse
from qualytics.connectors.foreign import SEMICOLONS, USUAL_URL, Foreign, Form
from qualytics.connectors.shared import aws
from qualytics.connectors.shared.http import ENDPOINT_URL, HEADER, HTTP, TLS_PARAMS, base_url, endpoint_of, roots_of
from qualytics.model import Item
from qualytics.module_path import leave_out
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CATALOG = "AwsDataCatalog"
_PAGE = 1_000  # the most rows that one answer of Athena holds
_POLL_S = 0.2
# Athena API Reference, "StartQueryExecution".
WORK_GROUP = Chars(r"[A-Za-z0-9._-]{1,128}", "letters, digits and . _ -")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]{1,12}){1,3}-\d{1,2}\Z")
# "Amazon Athena endpoints and quotas", and interface endpoints of a VPC: athena.REGION.vpce.amazonaws.com.
_HOST = re.compile(r"(?:\A|\.)athena(?:-fips)?\.(?P<region>[a-z0-9-]+)\.")
_OUTPUT = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s?#\\]*)?\Z")


def region_of(values: Mapping[str, Any]) -> str | None:
    """Return the region in the parameters, else the one in the host's name; None when neither tells."""
    host = _HOST.search(values.get("host") or "")
    return (values.get("parameters") or {}).get("region") or (host and host["region"])


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return the host, else the region's endpoint; `endpoint_url` stands for both."""
    return endpoint_of(values, values.get("host") or aws.host_in(region_of(values) or "us-east-1", "athena"))


def implied(values: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the region that the host's name tells, and the host that the region has."""
    region = region_of(values)
    if "endpoint_url" in values["parameters"]:
        return {"region": region}
    return {"region": region, "host": aws.host_in(region or "", "athena")}


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for both keys, a region and a place for results."""
    parameters = values.get("parameters") or {}
    if not values.get("username"):
        yield "username", "is needed for athena: the access key id", "no profile or role of this machine is used"
    if "password" not in secrets_set:
        yield "password", "is needed for athena: the secret access key", "no profile or role of this machine is used"
    if not _REGION.match(region_of(values) or ""):
        yield "parameters.region", "is needed, as the host does not tell it", "as in eu-west-1"
    if "endpoint_url" in parameters and (values.get("host") or values.get("port")):
        yield "parameters.endpoint_url", "stands for host and port, which are set too", "keep one of them"
    if "output" not in parameters and "work_group" not in parameters:
        yield "parameters.output", "is needed: where Athena puts results", "as in s3://bucket/results/, or a work_group"
    if not _OUTPUT.match(parameters.get("output", "s3://any")):
        yield "parameters.output", "must be s3://bucket or s3://bucket/path", "as in s3://bucket/results/"
    yield from aws.role_problems(parameters)


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of pyathena.connect with the connection's own keys, but for two objects.

    Empty texts keep the driver from its environment variables.
    """
    parameters = target.parameters
    return {
        "aws_access_key_id": target.username,
        "aws_secret_access_key": target.password_text,
        "region_name": region_of({"host": target.host, "parameters": parameters}),
        "endpoint_url": base_url(target),
        "verify": roots_of(target),
        "s3_staging_dir": parameters.get("output", ""),
        "work_group": parameters.get("work_group", ""),
        "catalog_name": target.database or CATALOG,
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
    from qualytics.connectors.shared.preamble import expect_silence

    expect_silence(target)
    os.environ.update(environment())
    leave_out("fsspec", "pandas", "pyarrow")  # for results as data frames
    import botocore.exceptions
    import pyathena
    from pyathena.util import RetryConfig

    options = arguments(target)
    if aws.is_role(target.parameters):
        keys = options["aws_access_key_id"] or "", options["aws_secret_access_key"]
        options |= aws.assume_role(aws.sts_client(target, options["region_name"], *keys), target)
    config = aws.client_config(target.timeout_s)
    handle = pyathena.connect(**options, config=config, retry_config=RetryConfig(attempt=1))
    try:
        handle.client.get_work_group(WorkGroup=options["work_group"] or "primary")
    except botocore.exceptions.ClientError as exc:
        if aws.code_of(exc) not in {"AccessDenied", "AccessDeniedException"}:  # let in, if not allowed to ask
            raise
    return handle


_MISSING = Verdict("unknown_db", "there is no such catalog or database", "check --database (the data catalog) and --schema (the database)", "database")  # fmt: skip
_RESULTS = Verdict("permission", "Athena may not write its results to the place in output", "check output in --parameters, and the right to s3:GetBucketLocation and s3:PutObject there")  # fmt: skip
# Words of Athena, from its user guide's "Troubleshooting in Athena" and its API's answers.
_MESSAGES = (
    (r"no output location provided", Verdict("config", "no place for results is set", "give output or work_group in --parameters")),
    (r"workgroup .*(is )?not found", Verdict("unknown_db", "there is no such work group in this region", "check work_group and region in --parameters", "database")),
    (r"(unable to verify/create output bucket|access denied when writing|invalid output location|output location)", _RESULTS),
    (r"NoSuchBucket|bucket does not exist", Verdict("config", "the bucket in output does not exist", "check output in --parameters")),
    (r"\b(database|schema|catalog|datacatalog)\b.*(not found|does not exist|was not found)|(SCHEMA|CATALOG)_NOT_FOUND", _MISSING),
    (r"insufficient permissions|insufficient lake formation|PERMISSION_DENIED|access denied|not authorized", Verdict("permission")),
    (r"exhausted resources|limit was exceeded|exceeded the limit|throttl|slow ?down|rate exceeded|too many", Verdict("quota")),
    (r"query timeout|timed out", Verdict("timeout")),
    (r"ParseException|SemanticException|HIVE_(BAD_DATA|METASTORE_ERROR|PARTITION_SCHEMA_MISMATCH|INVALID_METADATA|UNSUPPORTED_FORMAT)|NOT_SUPPORTED|SYNTAX_ERROR|TYPE_MISMATCH|INVALID_(FUNCTION|CAST)_ARGUMENT|(TABLE|COLUMN|FUNCTION)_NOT_FOUND", Verdict("config")),
    (r"INTERNAL_ERROR|GENERIC_INTERNAL_ERROR", Verdict("transient")),
)  # fmt: skip


# Codes that Athena has for many faults: its words decide.
_UMBRELLAS = ("InvalidRequestException", "MetadataException")


def classify(exc: BaseException) -> Verdict | None:
    """Judge by AWS's code; requests that Athena calls invalid, and failed queries, by their words."""
    code = aws.code_of(exc)
    verdict = None if code in _UMBRELLAS else aws.classify(exc)
    if (verdict is None or verdict.failure_class == "unknown") and (code or type(exc).__module__ == "pyathena.error"):
        verdict = by_text(str(exc), _MESSAGES) or (Verdict("config") if code else None)
        return verdict and replace(verdict, code=code or None)
    return verdict


def explain(text: str) -> Verdict | None:
    """Judge by AWS's code, else by Athena's words."""
    verdict = aws.explain(text)
    if verdict is not None and verdict.failure_class != "unknown":
        return verdict
    by_words = by_text(text, _MESSAGES) or (Verdict("config") if verdict and verdict.code in _UMBRELLAS else None)
    return replace(by_words, code=verdict.code if verdict else None) if by_words else verdict


def select(handle: Any, target: Target) -> None:
    """Check that the data catalog exists, and the database in it."""
    catalog = target.database or CATALOG
    if target.schema is not None:
        handle.client.get_database(CatalogName=catalog, DatabaseName=target.schema)
    else:
        handle.client.list_databases(CatalogName=catalog, MaxResults=1)


def _pages(handle: Any, operation: str, key: str, **scope: Any) -> Iterator[dict[str, Any]]:
    for page in handle.client.get_paginator(operation).paginate(**scope):
        yield from page.get(key, ())


def catalogs(handle: Any, _target: Target) -> Iterator[Item]:
    """Yield the data catalogs of the account and region."""
    for catalog in _pages(handle, "list_data_catalogs", "DataCatalogsSummary"):
        yield Item(catalog["CatalogName"], "catalog")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the databases of a data catalog."""
    for database in _pages(handle, "list_databases", "DatabaseList", CatalogName=target.database or CATALOG):
        yield Item(database["Name"], "schema", database["Name"] == "information_schema")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a database whose names begin with a prefix; names are in lower case."""
    scope = {"CatalogName": target.database or CATALOG, "DatabaseName": target.schema or "default"}
    for table in _pages(handle, "list_table_metadata", "TableMetadataList", **scope):
        if table["Name"].startswith(prefix.lower()):
            yield Item(table["Name"], "view" if table.get("TableType") == "VIRTUAL_VIEW" else "table")


def check(handle: Any, _target: Target) -> Server:
    """Run a query that reads no data, and read its result and the version of the engine."""
    with handle.cursor() as cursor:
        if cursor.execute("select 1").fetchone() is None:
            raise refuse("internal", "Athena ran the query and returned no row")
        version = cursor.effective_engine_version
    return Server("Amazon Athena", (version or "").rpartition(" ")[2] or None)


def complete(values: dict[str, str]) -> None:
    """Take the database beside a catalog, as Athena has the two, for the schema."""
    if "catalog" in values and "database" in values:
        values["schema"] = values.pop("database")


def complete_environment(values: dict[str, str]) -> None:
    """Name the keys as those of S3."""
    aws.require_keys(values)
    values["access_key"], values["secret_key"] = values.get("username", ""), values.get("password", "")


def _complete_url(values: dict[str, Any]) -> None:
    """Name the host, which PyAthena reads the region from."""
    aws.require_keys(values)
    values.setdefault("host", f"athena.{values.get('region', 'us-east-1')}.amazonaws.com")


_KEYS = {"username": "aws_access_key_id", "password": "aws_secret_access_key"}
_OPTIONS = {"output": "s3_staging_dir", "work_group": "work_group", "region": "region_name"}
# docs.getdbt.com, "Athena setup"; apache-airflow-providers-amazon, "AthenaSQLHook"; the README of PyAthena; Amazon
# Athena User Guide, "JDBC 3.x driver connection parameters" and "ODBC 2.x".
FORMS = {
    "airflow": Form("athena", {"username": "login", "password": "password", **_OPTIONS}, complete=aws.require_keys),
    "dbt": Form(
        "athena",
        {**_OPTIONS, "database": "database", "schema": "schema", **_KEYS},
        needs=("database", "schema"),
        complete=aws.require_keys,
    ),
    "jdbc": Form(
        "jdbc:athena:",
        {
            "region": "Region",
            "output": "OutputLocation",
            "work_group": "WorkGroup",
            "database": "Catalog",
            "schema": "Database",
            "username": "User",
            "password": "Password",
        },
        place=lambda _values: "//",
        properties=replace(SEMICOLONS, opening=""),
        driver="com.amazon.athena.jdbc.AthenaDriver",
        complete=aws.require_keys,
    ),
    "odbc": Form(
        "odbc",
        {
            "region": "AwsRegion",
            "output": "S3OutputLocation",
            "work_group": "Workgroup",
            "database": "Catalog",
            "schema": "Schema",
            "username": "UID",
            "password": "PWD",
        },
        fixed={"Driver": "Amazon Athena ODBC (x64)", "AuthenticationType": "IAM Credentials"},
        complete=aws.require_keys,
    ),
    "sqlalchemy": Form(
        "awsathena+rest", {**USUAL_URL, **_OPTIONS, "schema": "schema"}, path=("schema",), complete=_complete_url
    ),
}


CONNECTOR = Connector(
    type="athena",
    title="Amazon Athena",
    default_port=443,
    driver="pyathena",
    distribution="PyAthena",
    required=(),
    identity="access key id",
    params=(
        # Output and work group bind: they decide in whose bucket lies what the keys may read.
        Param("output", str, "where Athena puts results, as s3://bucket/results/", max_length=1_024),
        Param("region", str, "region of AWS, where the host does not tell it (our choice)", max_length=63),
        Param("work_group", str, "work group that queries run in (our choice)", max_length=128),
        Param("authentication_type", str, "BASIC: the access key in username and password; IAM_ROLE: a role that it assumes", choices=("BASIC", "IAM_ROLE"), default="BASIC"),
        *aws.PARAMS,
        ENDPOINT_URL,
        *TLS_PARAMS,
    ),
    grammar={"username": aws.KEY_ID, "password": HEADER, "region": aws.REGION, "work_group": WORK_GROUP},
    scope=("database", "schema"),
    example="""--username '${AWS_KEY_ID}' --password '${AWS_SECRET}' --parameters '{"region": "eu-west-1", "output": "s3://bucket/results/"}'""",
    endpoint=endpoint,
    requires=requires,
    implied=implied,
    default_credentials=aws.default_credentials("username", "password"),
    protocols=(HTTP,),
    tls="direct",
    open=connect,
    select=select,
    check=check,
    classify=classify,
    explain=explain,
    signature=r"(?i)athena|botocore|An error occurred \(\w+\)|\A(?:InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClientException)\Z",
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="emulator: ministack, which checks keys and roles and runs the SQL",
    authentication=(
        ("BASIC", "username: the access key id; password: the secret access key"),
        ("IAM_ROLE", "the same keys, and role_arn in parameters; external_id where the role's trust policy asks for it; a control plane may have keys for roles with one"),
    ),
    privileges=(
        "athena:GetWorkGroup, StartQueryExecution, GetQueryExecution and GetQueryResults on the work group",
        "athena:ListDataCatalogs, and GetDataCatalog, GetDatabase, ListDatabases and ListTableMetadata on the catalog",
        "glue:GetDatabase, GetDatabases and GetTables on the catalog's databases and tables",
        "s3:GetBucketLocation, GetObject, ListBucket and PutObject on the bucket and path in output",
        "IAM_ROLE: sts:AssumeRole on the role for the user, and the above for the role",
    ),
    pinned="resolver",  # botocore, for STS too, which has a fixed name in the region
    reads="athena",
    snapshots="none",
    foreign=Foreign(
        names=("athena", "awsathena"),
        odbc=("athena",),
        keys={
            **dict.fromkeys(("s3_staging_dir", "s3outputlocation", "outputlocation"), "output"),
            **dict.fromkeys(("region_name", "awsregion"), "region"),
            "workgroup": "work_group",
            "catalog": "database",
            **dict.fromkeys(("aws_access_key_id", "access_key_id", "accesskeyid"), "username"),
            **dict.fromkeys(("aws_secret_access_key", "secret_access_key", "secretaccesskey"), "password"),
        },
        path=("schema",),
        complete=complete,
        environment=replace(aws.ENVIRONMENT, complete=complete_environment),
        forms=FORMS,
    ),
)  # fmt: skip
