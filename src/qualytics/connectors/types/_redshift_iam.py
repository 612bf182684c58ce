"""Redshift's IAM_ROLE: the connection's own AWS keys assume a role, which gets a short-lived database login."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Param, Verdict
from qualytics.connectors.shared import aws_role
from qualytics.connectors.shared.https import ENDPOINT_URL, endpoint_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics.connectors.contract import Target

# Amazon Redshift Management Guide, "Finding your cluster connection string" and "Connecting to Amazon Redshift Serverless".
_CLUSTER = re.compile(
    r"(?P<name>[a-z][a-z0-9-]*)\.[a-z0-9]+\.(?P<region>[a-z0-9-]+)\.redshift\.amazonaws\.com(\.cn)?\Z"
)
_WORKGROUP = re.compile(
    r"(?P<name>[a-z0-9-]+)\.\d{12}\.(?P<region>[a-z0-9-]+)\.redshift-serverless\.amazonaws\.com(\.cn)?\Z"
)

PARAMS = (
    Param("authentication_type", str, "BASIC: user and password; IAM_ROLE: the AWS keys in username and password assume role_arn", choices=("BASIC", "IAM_ROLE"), default="BASIC"),
    *aws_role.PARAMS,
    Param("db_user", str, "database user to log in as, with IAM_ROLE on a cluster; else the role's own (our choice: the driver's name)", max_length=127),
    Param("region", str, "AWS region, when the host name does not tell it (our choice: the driver's name)", max_length=63),
    Param("cluster_identifier", str, "cluster, when the host name does not tell it (our choice: the driver's name)", max_length=63),
    Param("serverless_work_group", str, "workgroup of Redshift Serverless, when the host name does not tell it (our choice: the driver's name)", max_length=128),
    replace(ENDPOINT_URL, help="endpoint of STS and Redshift's API, with IAM_ROLE; plain http only on this machine"),
)  # fmt: skip
_OF_A_ROLE = frozenset(param.name for param in PARAMS) - {"authentication_type"}

# botocore's error codes: AWS STS API Reference, "Common Errors" and "AssumeRole"; Redshift API Reference.
_CODES = {
    "InvalidClientTokenId": Verdict("auth", "AWS does not know the access key", "check --username, the access key id"),
    "SignatureDoesNotMatch": Verdict("auth", "the secret access key is wrong", "check --password, the secret access key"),
    "IncompleteSignature": Verdict("auth"),
    "ExpiredToken": Verdict("auth", "the access key has expired"),
    "RegionDisabledException": Verdict("config", "STS is not active in this region"),
    "AccessDenied": Verdict("permission", "AWS does not allow it: the role's trust policy, its external id, or a policy", "ask the owner of role_arn to trust these keys with this external_id, and to allow redshift:GetClusterCredentials"),
    "AccessDeniedException": Verdict("permission"),
    "ClusterNotFound": Verdict("unknown_db", "there is no such cluster in this region", "check cluster_identifier and region in --parameters"),
    "ClusterNotFoundFault": Verdict("unknown_db", "there is no such cluster in this region", "check cluster_identifier and region in --parameters"),
    "ResourceNotFoundException": Verdict("unknown_db", "there is no such workgroup in this region", "check serverless_work_group and region in --parameters"),
    "ValidationError": Verdict("config"),
    "ValidationException": Verdict("config"),
    "Throttling": Verdict("quota"),
    "ThrottlingException": Verdict("quota"),
    "RequestTimeTooSkewed": Verdict("config", "the clock of this machine is wrong", "set the clock"),
    "ServiceUnavailable": Verdict("transient"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Which warehouse a login is for: a cluster, or a workgroup when `serverless`."""

    name: str
    region: str
    serverless: bool


def place_of(host: str, parameters: Mapping[str, Any]) -> Place | None:
    """Return the warehouse that the parameters name, else the one in the host name; None when neither tells."""
    cluster, workgroup = _CLUSTER.match(host), _WORKGROUP.match(host)
    found = workgroup or cluster
    group = parameters.get("serverless_work_group")
    name = group or parameters.get("cluster_identifier") or (found and found["name"])
    region = parameters.get("region") or (found and found["region"])
    serverless = bool(group or (workgroup and not parameters.get("cluster_identifier")))
    return Place(name, region, serverless) if name and region else None


def implied(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the warehouse and the region that the host's name tells."""
    place = place_of(values.get("host") or "", values.get("parameters") or {})
    if place is None:
        return {}
    return {"region": place.region, ("serverless_work_group" if place.serverless else "cluster_identifier"): place.name}


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Say what IAM_ROLE lacks, and which of its parameters stand there without it."""
    parameters = values.get("parameters") or {}
    yield from aws_role.lacking(parameters)
    if not aws_role.is_role(parameters):
        for name in sorted((parameters.keys() & _OF_A_ROLE) - {param.name for param in aws_role.PARAMS}):
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
    if place_of(values.get("host") or "", parameters) is None:
        hint = "give region, and cluster_identifier or serverless_work_group"
        yield "parameters.region", "is needed with this host", hint
    if parameters.get("cluster_identifier") and parameters.get("serverless_work_group"):
        yield "parameters", "hold both cluster_identifier and serverless_work_group", "keep one of them"
    if parameters.get("ssl_mode") == "disable":
        yield "parameters.ssl_mode", "must not be disable with IAM_ROLE", "Redshift takes such logins over TLS only"


def login_call(target: Target, place: Place, database: str) -> tuple[str, str, dict[str, Any]]:
    """Return service, operation and arguments of the call that gives a database login."""
    if place.serverless:
        return "redshift-serverless", "get_credentials", {"workgroupName": place.name, "dbName": database}
    given: dict[str, Any] = {"ClusterIdentifier": place.name, "DbName": database}
    if user := target.parameters.get("db_user"):
        return "redshift", "get_cluster_credentials", {**given, "DbUser": user, "AutoCreate": False}
    return "redshift", "get_cluster_credentials_with_iam", given


def login(target: Target, database: str) -> tuple[str, str]:
    """Return user and password for a database: valid for minutes, asked anew each time."""
    import boto3

    place = place_of(target.host, target.parameters)
    if place is None or target.password is None:
        raise ValueError("IAM_ROLE lacks a region, a warehouse or a key")
    common = {
        "region_name": place.region,
        "config": aws_role.client_config(target.timeout_s),
        "endpoint_url": target.parameters.get("endpoint_url"),
    }
    keys = {"aws_access_key_id": target.username, "aws_secret_access_key": target.password.reveal()}
    role = aws_role.assumed(boto3.client("sts", **keys, **common), target)
    service, operation, given = login_call(target, place, database)
    client = boto3.client(service, **{f"aws_{name}": key for name, key in role.items()}, **common)
    with target.asking(aws_role.host_of(client), "AWS gives logins to Redshift"):
        found = getattr(client, operation)(**given)
    folded = {key.lower(): value for key, value in found.items()}  # the two services write the keys differently
    return folded["dbuser"], folded["dbpassword"]


def classify(exc: BaseException) -> Verdict | None:
    """Judge by AWS's error code, else by botocore's class."""
    response = getattr(exc, "response", None)
    if isinstance(response, dict):
        return _CODES.get(str((response.get("Error") or {}).get("Code")))
    return None
