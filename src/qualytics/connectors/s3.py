"""Amazon S3, and stores that speak its protocol, through obstore; roles are assumed through boto3."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors import _aws_role, _objects
from qualytics.connectors._base import Connector, Endpoint, Param, Target
from qualytics.connectors._https import ENDPOINT_URL, endpoint_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REGION = re.compile(r"[a-z0-9](-?[a-z0-9]){1,40}\Z")


def clean_uri(uri: str) -> str:
    """Return s3://bucket or s3://bucket/path."""
    return "s3://" + "/".join(filter(None, _objects.split_bucket(uri, "s3")))


def region_of(values: Mapping[str, Any]) -> str:
    """Return the region in the parameters, else the first one of AWS."""
    return str((values.get("parameters") or {}).get("region") or "us-east-1")


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return the region's endpoint, else `endpoint_url`."""
    region = region_of(values)
    return endpoint_of(values, f"s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}")


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for both keys in each mode, and for a role with IAM_ROLE alone."""
    found = values.get("parameters") or {}
    for field in ("access_key", "secret_key"):
        if field not in secrets_set:
            yield (
                field,
                "is needed for s3",
                f"give it with --{field.replace('_', '-')}; no profile or role of this machine is used",
            )
    if not _REGION.match(region_of(values)):
        yield "parameters.region", "is not a region", "as in eu-west-1"
    yield from _aws_role.lacking(found)


def arguments(target: Target) -> dict[str, Any]:
    """Return the arguments of obstore's S3Store with the connection's own keys."""
    bucket, _ = _objects.split_bucket(target.uri or "", "s3")
    config = {
        "bucket": bucket,
        "endpoint": _objects.base_url(target),
        "region": region_of({"parameters": target.parameters}),
        "virtual_hosted_style_request": False,
        "skip_signature": False,
        "access_key_id": _objects.secret_of(target, "access_key"),
        "secret_access_key": _objects.secret_of(target, "secret_key"),
    }
    return {"config": config, **_objects.driver_options(target)}


def connect(target: Target) -> _objects.Opened:
    """Assume the role where there is one, build the store and list its first page."""
    from obstore.store import S3Store

    found = _objects.fenced(arguments(target), target)
    if _aws_role.is_role(target.parameters):
        found["config"] |= _aws_role.assume(target, found["config"]["region"])
    return _objects.first_page(S3Store(**found), target, _objects.split_bucket(target.uri or "", "s3")[1])


CONNECTOR = Connector(
    type="s3",
    title="Amazon S3",
    kind="dfs",
    extra="s3",
    driver="obstore",
    distribution="obstore",
    fields=("uri", "access_key", "secret_key"),
    required=("uri",),
    params=(
        Param("authentication_type", str, "SHARED_KEY: the keys themselves; IAM_ROLE: a role that the keys may assume", choices=("SHARED_KEY", "IAM_ROLE"), default="SHARED_KEY"),
        *_aws_role.PARAMS,
        Param("region", str, "region of the bucket (our choice of name)", default="us-east-1", max_length=63),
        ENDPOINT_URL,
        *_objects.TLS_PARAMS,
    ),
    scope=("root_path",),
    example="--uri s3://bucket/path --access-key '${AWS_ACCESS_KEY_ID}' --secret-key '${AWS_SECRET_ACCESS_KEY}'",
    clean_uri=clean_uri,
    endpoint=endpoint,
    requires=requires,
    tls="direct",
    open=connect,
    check=lambda handle, target: _objects.check(handle, target, "Amazon S3"),
    close=lambda _handle: None,
    classify=lambda exc: _objects.verdict_of(exc, "check --access-key and --secret-key"),
    tables=_objects.tables,
    verified="emulator: moto, which checks keys, signatures and policies of users; role_arn is assumed unchecked",
)  # fmt: skip
