"""Amazon Athena through PyAthena, with the connection's own keys or a role that they assume."""

from __future__ import annotations

from typing import Any

from qualytics.connectors.contract import Chars, Connector, Param, Server, Target, refuse
from qualytics.connectors.shared import aws_role
from qualytics.connectors.shared.grammar import AWS_KEY_ID, AWS_REGION, HEADER
from qualytics.connectors.shared.https import ENDPOINT_URL
from qualytics.connectors.shared.objects import TLS_PARAMS
from qualytics.connectors.types import _athena_listing, _athena_place
from qualytics.connectors.types._athena_client import connect
from qualytics.connectors.types._athena_errors import classify, explain

# Athena API Reference, "StartQueryExecution".
WORK_GROUP = Chars(r"[A-Za-z0-9._-]{1,128}", "letters, digits and . _ -")


def check(handle: Any, _target: Target) -> Server:
    """Run a query that reads no data, and read its result and the version of the engine."""
    with handle.cursor() as cursor:
        if cursor.execute("select 1").fetchone() is None:
            raise refuse("internal", "Athena ran the query and returned no row")
        version = cursor.effective_engine_version
    return Server("Amazon Athena", (version or "").rpartition(" ")[2] or None)


CONNECTOR = Connector(
    type="athena",
    title="Amazon Athena",
    kind="jdbc",
    default_port=443,
    extra="athena",
    driver="pyathena",
    distribution="PyAthena",
    fields=("host", "port", "username", "password"),
    required=(),
    identity="access key id",
    params=(
        # Output and work group bind: they decide in whose bucket lies what the keys may read.
        Param("output", str, "where Athena puts results, as s3://bucket/results/", max_length=1_024),
        Param("region", str, "region of AWS, where the host does not tell it (our choice)", max_length=63),
        Param("work_group", str, "work group that queries run in (our choice)", max_length=128),
        Param("authentication_type", str, "BASIC: the access key in username and password; IAM_ROLE: a role that it assumes", choices=("BASIC", "IAM_ROLE"), default="BASIC"),
        *aws_role.PARAMS,
        ENDPOINT_URL,
        *TLS_PARAMS,
    ),
    grammar={"username": AWS_KEY_ID, "password": HEADER, "region": AWS_REGION, "work_group": WORK_GROUP},
    scope=("database", "schema"),
    example="""--username '${AWS_KEY_ID}' --password '${AWS_SECRET}' --parameters '{"region": "eu-west-1", "output": "s3://bucket/results/"}'""",
    endpoint=_athena_place.endpoint,
    requires=_athena_place.requires,
    implied=_athena_place.implied,
    default_credentials=aws_role.default_credentials("username", "password"),
    tls="direct",
    open=connect,
    select=_athena_listing.select,
    check=check,
    close=lambda handle: handle.close(),
    classify=classify,
    explain=explain,
    catalogs=_athena_listing.catalogs,
    schemas=_athena_listing.schemas,
    tables=_athena_listing.tables,
    verified="emulator: ministack, which checks keys and roles and runs the SQL",
    authentication=(
        ("BASIC", "username: the access key id; password: the secret access key"),
        ("IAM_ROLE", "the same keys, and role_arn in parameters; external_id where the role's trust policy asks for it; a control plane may lend its keys to roles with one"),
    ),
    privileges=(
        "athena:GetWorkGroup, StartQueryExecution, GetQueryExecution and GetQueryResults on the work group",
        "athena:ListDataCatalogs, and GetDataCatalog, GetDatabase, ListDatabases and ListTableMetadata on the catalog",
        "glue:GetDatabase, GetDatabases and GetTables on the catalog's databases and tables",
        "s3:GetBucketLocation, GetObject, ListBucket and PutObject on the bucket and path in output",
        "IAM_ROLE: sts:AssumeRole on the role for the user, and the above for the role",
    ),
    pinned="resolver",  # botocore, for STS too, which has a fixed name in the region
)  # fmt: skip
