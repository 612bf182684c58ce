"""A role of AWS that a connection assumes with its own keys; nothing of this machine's identity is used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from qualytics.connectors.contract import Param, Target
from qualytics.connectors.shared.objects import base_url, secret_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PARAMS = (
    Param("role_arn", str, "role to assume, for IAM_ROLE", max_length=2_048),
    Param("external_id", str, "external id that the role's trust policy asks for", max_length=1_224),
)
_ARN = re.compile(r"arn:aws[a-z-]{0,20}:iam::[0-9]{12}:role/[\w+=,.@/-]+\Z", re.ASCII)
# AWS STS "AssumeRole", ExternalId: 2 to 1224 of these characters.
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}\Z", re.ASCII)
# As endpoints of AWS are called, and those of a VPC; no load balancer or service of a customer has such a name.
_AWS_HOST = re.compile(
    r"([a-z0-9-]+\.){1,4}redshift(-serverless)?\.amazonaws\.com(\.cn)?"
    r"|([a-z0-9-]+\.)?athena(-fips)?\.[a-z0-9-]+\.(vpce\.)?amazonaws\.com(\.cn)?"
)
_ARGUMENTS = {"role_arn": "RoleArn", "external_id": "ExternalId"}


def is_role(parameters: Mapping[str, Any]) -> bool:
    """Say whether a role is to be assumed."""
    return parameters.get("authentication_type") == "IAM_ROLE"


def default_credentials(*fields: str) -> Callable[[Mapping[str, Any]], tuple[str, ...]]:
    """Return what says whether a role may be assumed with the keys of a control plane in place of `fields`.

    The external id keeps one customer's role from being assumed for another (AWS: "confused deputy"), and
    no other endpoint than AWS's own is called with those keys, or with what they get: a login to a warehouse
    would be anybody's who names a host of their own.
    """

    def allowed(values: Mapping[str, Any]) -> tuple[str, ...]:
        parameters = values.get("parameters") or {}
        host = str(values.get("host") or "").lower().removesuffix(".")
        is_aws = "endpoint_url" not in parameters and (not host or _AWS_HOST.fullmatch(host) is not None)
        may = is_role(parameters) and "external_id" in parameters and is_aws
        return fields if may else ()

    return allowed


def lacking(parameters: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield what IAM_ROLE lacks, or what is of no use without it."""
    if not is_role(parameters):
        for name in parameters.keys() & _ARGUMENTS:
            yield f"parameters.{name}", "is for IAM_ROLE alone", 'add "authentication_type": "IAM_ROLE"'
    elif "role_arn" not in parameters:
        yield "parameters.role_arn", "is needed for IAM_ROLE", "as in arn:aws:iam::123456789012:role/reader"
    else:
        if not _ARN.match(parameters["role_arn"]):
            yield "parameters.role_arn", "is not the ARN of a role", "as in arn:aws:iam::123456789012:role/reader"
        if not _EXTERNAL_ID.match(parameters.get("external_id", "none")):
            yield "parameters.external_id", "is not an external id", "2 or more letters, digits and +=,.@:/_- alone"


def sts_arguments(target: Target, region: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the arguments of boto3's session, of its client and of assume_role.

    With an `endpoint_url` STS is asked there: stores that speak S3's protocol keep both in one place.
    """
    session = {
        "aws_access_key_id": secret_of(target, "access_key"),
        "aws_secret_access_key": secret_of(target, "secret_key"),
        "region_name": region,
    }
    client: dict[str, Any] = {
        "verify": target.tls.ca_file if target.tls is not None and target.tls.verified else False,
    }
    if "endpoint_url" in target.parameters:
        client["endpoint_url"] = base_url(target)
    return session, client, role_call(target.parameters)


def role_call(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the arguments of assume_role."""
    given = {name: parameters[key] for key, name in _ARGUMENTS.items() if key in parameters}
    return {"RoleSessionName": "qualytics", **given}


def host_of(client: Any) -> str:
    """Return the host that a client of AWS calls, and its port where that is none of HTTPS."""
    return urlsplit(str(client.meta.endpoint_url)).netloc


def client_config(timeout_s: float) -> Any:
    """Return the configuration of a client of AWS: the deadline, no retry, no proxy."""
    import botocore.config

    return botocore.config.Config(
        retries={"total_max_attempts": 1},
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        proxies={},  # none, instead of those of the environment
    )


def assume(target: Target, region: str) -> dict[str, str]:
    """Return the temporary keys of the role: access_key_id, secret_access_key, session_token."""
    import boto3.session

    session, client, _ = sts_arguments(target, region)
    sts = boto3.session.Session(**session).client("sts", config=client_config(target.timeout_s), **client)
    return assumed(sts, target)


def assumed(sts: Any, target: Target) -> dict[str, str]:
    """Return what `assume` does, from a client of STS."""
    with target.asking(host_of(sts), "AWS lends the keys of the role"):
        found = sts.assume_role(**role_call(target.parameters))["Credentials"]
    return {
        "access_key_id": found["AccessKeyId"],
        "secret_access_key": found["SecretAccessKey"],
        "session_token": found["SessionToken"],
    }
