"""Amazon Redshift through redshift_connector; IAM_ROLE gets its login from AWS first."""

from __future__ import annotations

import os
import re
import struct
from functools import partial
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import (
    Connector,
    Param,
    Refusal,
    Server,
    Target,
    Verdict,
    refuse,
    tls_params,
)
from qualytics.connectors.foreign import (
    SEMICOLONS,
    USUAL_AIRFLOW,
    USUAL_DBT,
    USUAL_JDBC,
    USUAL_ODBC,
    USUAL_URL,
    Foreign,
    Form,
    Shell,
)
from qualytics.connectors.shared import aws, postgresql
from qualytics.connectors.shared.http import ENDPOINT_URL, SEGMENT, endpoint_of
from qualytics.connectors.shared.postgresql import MESSAGES, PROTOCOL, PROXY, ServerError, at_login, log_in_to_first
from qualytics.connectors.shared.sql import in_transactions, rows
from qualytics.model import Item
from qualytics.structs import Struct, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Amazon Redshift Management Guide, "Finding your cluster connection string" and "Connecting to Amazon Redshift Serverless".
_CLUSTER = re.compile(
    r"(?P<name>[a-z][a-z0-9-]*)\.[a-z0-9]+\.(?P<region>[a-z0-9-]+)\.redshift\.amazonaws\.com(\.cn)?\Z"
)
_WORKGROUP = re.compile(
    r"(?P<name>[a-z0-9-]+)\.\d{12}\.(?P<region>[a-z0-9-]+)\.redshift-serverless\.amazonaws\.com(\.cn)?\Z"
)

PARAMS = (
    Param("authentication_type", str, "BASIC: user and password; IAM_ROLE: the AWS keys in username and password assume role_arn", choices=("BASIC", "IAM_ROLE"), default="BASIC"),
    *aws.PARAMS,
    Param("db_user", str, "database user to log in as, with IAM_ROLE on a cluster; else the role's own (our choice: the driver's name)", max_length=127),
    Param("region", str, "AWS region, when the host name does not tell it (our choice: the driver's name)", max_length=63),
    Param("cluster_identifier", str, "cluster, when the host name does not tell it (our choice: the driver's name)", max_length=63),
    Param("serverless_work_group", str, "workgroup of Redshift Serverless, when the host name does not tell it (our choice: the driver's name)", max_length=128),
    replace(ENDPOINT_URL, help="endpoint of STS and Redshift's API, with IAM_ROLE; plain http only on this machine"),
)  # fmt: skip
_OF_A_ROLE = frozenset(param.name for param in PARAMS) - {"authentication_type"}


class Warehouse(Struct, eq=True):
    """Which warehouse a login is for: a cluster, or a workgroup when `serverless`."""

    name: str
    region: str
    serverless: bool


def warehouse_of(host: str, parameters: Mapping[str, Any]) -> Warehouse | None:
    """Return the warehouse that the parameters name, else the one in the host name; None when neither tells."""
    cluster, workgroup = _CLUSTER.match(host), _WORKGROUP.match(host)
    match = workgroup or cluster
    group = parameters.get("serverless_work_group")
    name = group or parameters.get("cluster_identifier") or (match and match["name"])
    region = parameters.get("region") or (match and match["region"])
    serverless = bool(group or (workgroup and not parameters.get("cluster_identifier")))
    return Warehouse(name, region, serverless) if name and region else None


def implied(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the warehouse and the region that the host's name tells."""
    warehouse = warehouse_of(values.get("host") or "", values.get("parameters") or {})
    if warehouse is None:
        return {}
    return {
        "region": warehouse.region,
        ("serverless_work_group" if warehouse.serverless else "cluster_identifier"): warehouse.name,
    }


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Say what IAM_ROLE lacks, and which of its parameters stand there without it."""
    parameters = values.get("parameters") or {}
    yield from aws.role_problems(parameters)
    if not aws.is_role(parameters):
        for name in sorted((parameters.keys() & _OF_A_ROLE) - {param.name for param in aws.PARAMS}):
            yield f"parameters.{name}", "is for IAM_ROLE alone", 'add "authentication_type": "IAM_ROLE"'
        return
    yield from _lacks(values, parameters, secrets_set)
    try:
        endpoint_of(values, "")
    except ValueError as exc:
        yield "parameters.endpoint_url", str(exc), "as in https://vpce-1234.sts.eu-west-1.vpce.amazonaws.com"


def _lacks(
    values: Mapping[str, Any], parameters: Mapping[str, Any], secrets_set: frozenset[str]
) -> Iterator[tuple[str, str, str]]:
    if not values.get("username"):
        yield "username", "is needed: the AWS access key id that assumes the role", "give it with --username"
    if "password" not in secrets_set:
        yield "password", "is needed: the AWS secret access key", "give it with --password"
    if warehouse_of(values.get("host") or "", parameters) is None:
        hint = "give region, and cluster_identifier or serverless_work_group"
        yield "parameters.region", "is needed with this host", hint
    if parameters.get("cluster_identifier") and parameters.get("serverless_work_group"):
        yield "parameters", "hold both cluster_identifier and serverless_work_group", "keep one of them"
    if parameters.get("ssl_mode") == "disable":
        yield "parameters.ssl_mode", "must not be disable with IAM_ROLE", "Redshift takes such logins over TLS only"


def login_call(target: Target, warehouse: Warehouse, database: str) -> tuple[str, str, dict[str, Any]]:
    """Return service, operation and arguments of the call that gives a database login."""
    if warehouse.serverless:
        return "redshift-serverless", "get_credentials", {"workgroupName": warehouse.name, "dbName": database}
    cluster: dict[str, Any] = {"ClusterIdentifier": warehouse.name, "DbName": database}
    if user := target.parameters.get("db_user"):
        return "redshift", "get_cluster_credentials", {**cluster, "DbUser": user, "AutoCreate": False}
    return "redshift", "get_cluster_credentials_with_iam", cluster


def _role_login(target: Target, database: str) -> tuple[str, str]:
    """Return user and password for a database: valid for minutes, asked anew each time."""
    warehouse = warehouse_of(target.host, target.parameters)
    if warehouse is None or target.password is None:
        raise ValueError("IAM_ROLE lacks a region, a warehouse or a key")
    keys = {"aws_access_key_id": target.username or "", "aws_secret_access_key": target.password.reveal()}
    region, endpoint = warehouse.region, target.parameters.get("endpoint_url")
    role = aws.assume_role(aws.client("sts", region, keys, target.timeout_s, endpoint_url=endpoint), target)
    service, operation, named = login_call(target, warehouse, database)
    client = aws.client(service, region, role, target.timeout_s, endpoint_url=endpoint)
    with aws.asking(client, target, "AWS gives logins to Redshift"):
        answer = getattr(client, operation)(**named)
    folded = {key.lower(): value for key, value in answer.items()}  # the two services write the keys differently
    return folded["dbuser"], folded["dbpassword"]


# Made with every cluster unless another name was asked for; template1 is always there.
_USUAL_DATABASES = ("dev", "template1")


def connect(target: Target) -> Any:
    """Log in to the given database, else to the first that lets this user in."""
    if target.tls.active and target.tls.ca_file:
        os.environ["SSL_CERT_FILE"] = target.tls.ca_file  # the driver has no argument for trusted roots
    if target.database is not None:
        return _log_in(target, target.database)
    return log_in_to_first((*target.login_databases, *_USUAL_DATABASES), lambda database: _log_in(target, database))


def _log_in(target: Target, database: str) -> Any:
    import redshift_connector
    from redshift_connector.error import Error

    try:
        handle = redshift_connector.connect(**arguments(target, database, *login(target, database)))
    except Error as exc:
        verdict = classify(exc)
        if verdict is None:
            raise
        raise Refusal(verdict) from exc
    handle.autocommit = True
    return handle


def lift_limits(handle: Any, _target: Target) -> None:
    """Take the time limit from the socket."""
    handle._usock.settimeout(None)  # noqa: SLF001 - there is no other way


def login(target: Target, database: str) -> tuple[str | None, str | None]:
    """Return user and password for a database: the connection's own, or those that a role gives."""
    if aws.is_role(target.parameters):
        if not target.tls.active:
            raise refuse("tls", "the server offers no TLS, which IAM_ROLE needs")
        return _role_login(target, database)
    return target.username, target.password.reveal() if target.password is not None else None


def arguments(target: Target, database: str, user: str | None, password: str | None) -> dict[str, Any]:
    """Return the keyword arguments of redshift_connector.connect."""
    return {
        "host": target.host,
        "port": target.port,
        "user": user,
        "password": password if password is not None else "",
        "database": database,
        "ssl": bool(target.tls.active),
        "sslmode": "verify-full",
        "timeout": target.timeout_s,
        "application_name": target.parameters.get("application_name", "qualytics"),
        "iam": False,
    }


_POSTGRESQL = Verdict("config", "this is a PostgreSQL server, not Redshift", "use --type postgresql")
_OTHER_PROTOCOL = Verdict("config", "the server does not speak Redshift's protocol", "check host and port")

_NO_SUCH_SETTING = "42704"  # of those that the driver sends at the start of a session


# The driver's own words (core.py, scramp) and a pooler's, before those that Redshift shares with PostgreSQL.
_MESSAGES = (
    (r"unrecognized configuration parameter|unsupported startup parameter", _POSTGRESQL),
    (r"Server refuses SSL", Verdict("tls", "the server does not offer TLS")),
    (r"server socket closed", Verdict("network")),
    (r"no password was provided", Verdict("auth")),
    (r"connection time out", Verdict("timeout")),
    (r"connection limit .* exceeded", Verdict("quota")),
    (r"Invalid connection property setting|must be provided when IAM", Verdict("config")),
)


ERRORS = replace(postgresql.ERRORS, words=(*_MESSAGES, *MESSAGES))


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the fields of the server's error; by words where a proxy says 08P01 to everything, or the driver speaks."""
    if type(exc).__name__ == "ScramException":
        return _POSTGRESQL
    if isinstance(exc, KeyError | struct.error):  # the driver looks up and unpacks what it has read
        return _OTHER_PROTOCOL
    response = getattr(exc, "response", None)  # of AWS, through botocore
    if isinstance(response, dict):
        return aws.classify(exc)
    fields = exc.args[0] if exc.args and isinstance(exc.args[0], dict) else {}
    text, state = fields.get("M") or str(exc), fields.get("C")
    if state == _NO_SUCH_SETTING:
        return _POSTGRESQL
    if state in {None, PROXY}:
        return ERRORS.judge([state], text)
    return at_login(ServerError(state, fields.get("R"), text))


def explain(text: str) -> Verdict | None:
    """Judge by the codes of AWS, of the server, and by words."""
    by_aws = aws.explain(text)
    return by_aws if by_aws and by_aws.failure_class != "unknown" else ERRORS.explain(text)


catalogs = partial(postgresql.catalogs, system=("padb_harvest",))
schemas = partial(postgresql.schemas, system=("information_schema", "catalog_history"))
select = postgresql.select


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield tables, external ones too, and views (Database Developer Guide, "SVV_TABLES")."""
    sql = (
        "select table_name, table_type from svv_tables where table_schema = %s and left(table_name, %s) = %s order by 1"
    )
    system = (target.schema or "").startswith("pg_")
    for name, table_type in rows(handle, sql, (target.schema, len(prefix), prefix), target.fetch_size):
        yield Item(name, "view" if table_type == "VIEW" else "table", system)


def check(handle: Any, target: Target) -> Server:
    """Read the version: "PostgreSQL 8.0.2 on …, Redshift 1.0.12103"."""
    with handle.cursor() as cursor:
        cursor.execute("select version()")
        text = cursor.fetchmany(target.fetch_size)[0][0]
    version = re.search(r"Redshift ([\d.]+)", text)
    return Server("Redshift", version[1]) if version else Server("PostgreSQL", text.split()[1])


def complete(values: dict[str, str]) -> None:
    """Drop dbt's word for a login by password, and switches that are off."""
    if values.get("method") == "database":
        del values["method"]
    if values.get("iam") == "false":
        del values["iam"]


def complete_environment(values: dict[str, str]) -> None:
    """Do as for PostgreSQL; the keys of a role are none of a database's."""
    aws.require_keys(values)
    postgresql.complete_environment(values)


def complete_form(values: dict[str, Any]) -> None:
    """Refuse the keys of a role, which are none of a database's."""
    aws.require_keys(values)


_WORDS = {"ssl_mode": {"disable": "disable", "verify": "verify-full"}}
_TLS = {"ssl_mode": "sslmode"}
# Amazon Redshift Management Guide, "Options for JDBC driver configuration" and "ODBC"; docs.getdbt.com, "Redshift
# setup"; apache-airflow-providers-amazon, "Amazon Redshift Connection"; the README of sqlalchemy-redshift.
FORMS = {
    "airflow": Form("redshift", USUAL_AIRFLOW | _TLS, _WORDS, complete=complete_form),
    "dbt": Form(
        "redshift",
        {**USUAL_DBT, "database": "dbname", "schema": "schema", "ssl_mode": "sslmode"},
        {"ssl_mode": {"disable": "disable", "verify": "verify-full"}},
        needs=("database", "schema"),
        fixed={"method": "database"},
        complete=complete_form,
    ),
    "jdbc": Form(
        "jdbc:redshift",
        USUAL_JDBC | {"ssl_mode": "sslmode", "application_name": "ApplicationName"},
        _WORDS,
        properties=SEMICOLONS,
        driver="com.amazon.redshift.Driver",
        complete=complete_form,
    ),
    "libpq": replace(postgresql.FORMS["libpq"], complete=complete_form),
    "odbc": Form(
        "odbc",
        USUAL_ODBC | {"ssl_mode": "SSLMode"},
        _WORDS,
        fixed={"Driver": "Amazon Redshift ODBC Driver (x64)"},
        complete=complete_form,
    ),
    "sqlalchemy": Form("redshift+redshift_connector", USUAL_URL | _TLS, _WORDS, complete=complete_form),
}


CONNECTOR = Connector(
    type="redshift",
    title="Amazon Redshift",
    default_port=5439,
    driver="redshift_connector",
    distribution="redshift-connector",
    params=(
        *tls_params(("auto", "verify", "disable")),
        *PARAMS,
        Param(
            "application_name",
            str,
            "name shown in the server's list of sessions (our choice)",
            max_length=63,
            harmless="a name shown in the list of sessions; nobody receives the secret because of it",
        ),
    ),
    grammar=dict.fromkeys(("cluster_identifier", "serverless_work_group"), SEGMENT) | {"region": aws.REGION},
    scope=("database", "schema"),
    example="--host analytics.abc123.eu-west-1.redshift.amazonaws.com --username '${DB_USER}' --password '${DB_PASSWORD}'",
    protocols=(PROTOCOL,),
    tls="preamble",
    greet=postgresql.greet,
    requires=requires,
    implied=implied,
    default_credentials=aws.default_credentials("username", "password"),
    open=connect,
    select=select,
    check=check,
    lift_limits=lift_limits,
    hand_over=in_transactions,
    classify=classify,
    explain=explain,
    signature=r"redshift",
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="sibling: PostgreSQL behind pgbouncer; IAM_ROLE against an emulator of AWS",
    authentication=(
        ("BASIC", "username and password"),
        (
            "IAM_ROLE",
            "role_arn; an AWS access key id in username and its secret key in password, which assume it; a control plane may have keys of its own for roles with an external_id",
        ),
    ),
    # Amazon Redshift Database Developer Guide, "GRANT" and "SVV_TABLES"; Management Guide, "Using IAM authentication".
    privileges=(
        "GRANT USAGE ON SCHEMA finance TO reader, for a datastore with that schema; the catalogs are open to everybody",
        "IAM_ROLE: sts:AssumeRole for the keys; for the role redshift:GetClusterCredentialsWithIAM, with db_user redshift:GetClusterCredentials, on Serverless redshift-serverless:GetCredentials",
    ),
    pinned="resolver",
    reads="redshift",
    snapshots="session",
    foreign=Foreign(
        names=("redshift",),
        odbc=("redshift",),
        keys=postgresql.FOREIGN_KEYS
        | {"cluster_id": "cluster_identifier", "dbuser": "db_user", "applicationname": "application_name"},
        files=postgresql.FOREIGN_FILES,
        complete=complete,
        environment=replace(
            postgresql.ENVIRONMENT, defaults={"PGDATABASE": _USUAL_DATABASES[0]}, complete=complete_environment
        ),
        shells=(Shell("psql"),),
        forms=FORMS,
    ),
)
