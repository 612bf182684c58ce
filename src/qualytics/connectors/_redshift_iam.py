"""Redshift's IAM_ROLE: the connection's own AWS keys assume a role, which gets a short-lived database login."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qualytics.connectors._base import Verdict
from qualytics.connectors._https import endpoint_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics.connectors._base import Target

# Amazon Redshift Management Guide, "Finding your cluster connection string" and "Connecting to Amazon Redshift Serverless".
_CLUSTER = re.compile(
    r"(?P<name>[a-z][a-z0-9-]*)\.[a-z0-9]+\.(?P<region>[a-z0-9-]+)\.redshift\.amazonaws\.com(\.cn)?\Z"
)
_WORKGROUP = re.compile(
    r"(?P<name>[a-z0-9-]+)\.\d{12}\.(?P<region>[a-z0-9-]+)\.redshift-serverless\.amazonaws\.com(\.cn)?\Z"
)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+\Z")

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


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Say what IAM_ROLE lacks, and which of its parameters stand there without it."""
    parameters = values.get("parameters") or {}
    if parameters.get("authentication_type") != "IAM_ROLE":
        only = ("role_arn", "external_id", "db_user", "region", "cluster_identifier", "serverless_work_group")
        for key in (*only, "endpoint_url"):
            if key in parameters:
                yield (
                    f"parameters.{key}",
                    "is for authentication_type IAM_ROLE only",
                    "set authentication_type to IAM_ROLE",
                )
        return
    yield from _lacks(values, parameters, secrets_set)
    try:
        endpoint_of(values, "")
    except ValueError as exc:
        yield "parameters.endpoint_url", str(exc), "as in https://vpce-1234.sts.eu-west-1.vpce.amazonaws.com"


def _lacks(
    values: Mapping[str, Any], parameters: Mapping[str, Any], secrets_set: frozenset[str]
) -> Iterator[tuple[str, str, str]]:
    if not _ROLE.match(parameters.get("role_arn") or ""):
        yield "parameters.role_arn", "must be the ARN of a role", "as in arn:aws:iam::123456789012:role/reader"
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


def role_arguments(target: Target) -> dict[str, str]:
    """Return the arguments of STS AssumeRole."""
    given = {"RoleArn": target.parameters["role_arn"], "RoleSessionName": "qualytics"}
    if external := target.parameters.get("external_id"):
        given["ExternalId"] = external
    return given


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
    import botocore.config

    place = place_of(target.host, target.parameters)
    if place is None or target.password is None:
        raise ValueError("IAM_ROLE lacks a region, a warehouse or a key")
    config = botocore.config.Config(
        connect_timeout=target.timeout_s, read_timeout=target.timeout_s, retries={"total_max_attempts": 1}, proxies={}
    )
    common = {"region_name": place.region, "config": config, "endpoint_url": target.parameters.get("endpoint_url")}
    keys = {"aws_access_key_id": target.username, "aws_secret_access_key": target.password.reveal()}
    role = boto3.client("sts", **keys, **common).assume_role(**role_arguments(target))["Credentials"]
    keys = {"aws_access_key_id": role["AccessKeyId"], "aws_secret_access_key": role["SecretAccessKey"]}
    service, operation, given = login_call(target, place, database)
    client = boto3.client(service, **keys, aws_session_token=role["SessionToken"], **common)
    found = getattr(client, operation)(**given)
    folded = {key.lower(): value for key, value in found.items()}  # the two services write the keys differently
    return folded["dbuser"], folded["dbpassword"]


def classify(exc: BaseException) -> Verdict | None:
    """Judge by AWS's error code, else by botocore's class."""
    response = getattr(exc, "response", None)
    if isinstance(response, dict):
        return _CODES.get(str((response.get("Error") or {}).get("Code")))
    return None
