"""Amazon Redshift through redshift_connector; IAM_ROLE gets its login from AWS first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Param, Server, tls_params
from qualytics.connectors.shared import aws_role
from qualytics.connectors.shared.grammar import AWS_REGION, SEGMENT
from qualytics.connectors.shared.preamble import postgresql_offers_tls
from qualytics.connectors.types import _redshift_iam
from qualytics.connectors.types._redshift_catalog import catalogs, schemas, select, tables
from qualytics.connectors.types._redshift_errors import classify
from qualytics.connectors.types._redshift_login import connect

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target


def check(handle: Any, target: Target) -> Server:
    """Read the version: "PostgreSQL 8.0.2 on …, Redshift 1.0.12103"."""
    with handle.cursor() as cursor:
        cursor.execute("select version()")
        text = cursor.fetchmany(target.fetch_size)[0][0]
    found = re.search(r"Redshift ([\d.]+)", text)
    return Server("Redshift", found[1]) if found else Server("PostgreSQL", text.split()[1])


CONNECTOR = Connector(
    type="redshift",
    title="Amazon Redshift",
    kind="jdbc",
    default_port=5439,
    extra="redshift",
    driver="redshift_connector",
    distribution="redshift-connector",
    params=(
        *tls_params(("auto", "verify", "disable")),
        *_redshift_iam.PARAMS,
        Param(
            "application_name",
            str,
            "name shown in the server's list of sessions (our choice)",
            max_length=63,
            harmless="a name shown in the list of sessions; nobody receives the secret because of it",
        ),
    ),
    grammar=dict.fromkeys(("cluster_identifier", "serverless_work_group"), SEGMENT) | {"region": AWS_REGION},
    scope=("database", "schema"),
    example="--host analytics.abc123.eu-west-1.redshift.amazonaws.com --username '${DB_USER}' --password '${DB_PASSWORD}'",
    tls="preamble",
    greet=postgresql_offers_tls,
    requires=_redshift_iam.requires,
    implied=_redshift_iam.implied,
    default_credentials=aws_role.default_credentials("username", "password"),
    open=connect,
    select=select,
    check=check,
    classify=classify,
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="sibling: PostgreSQL behind pgbouncer; IAM_ROLE against an emulator of AWS",
    authentication=(
        ("BASIC", "username and password"),
        (
            "IAM_ROLE",
            "role_arn; an AWS access key id in username and its secret key in password, which assume it; a control plane may lend its keys to roles with an external_id",
        ),
    ),
    # Amazon Redshift Database Developer Guide, "GRANT" and "SVV_TABLES"; Management Guide, "Using IAM authentication".
    privileges=(
        "GRANT USAGE ON SCHEMA finance TO reader, for a datastore with that schema; the catalogs are open to everybody",
        "IAM_ROLE: sts:AssumeRole for the keys; for the role redshift:GetClusterCredentialsWithIAM, with db_user redshift:GetClusterCredentials, on Serverless redshift-serverless:GetCredentials",
    ),
    pinned="resolver",
)
