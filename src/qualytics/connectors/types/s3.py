"""Amazon S3, and stores that speak its protocol, through obstore; roles are assumed through boto3."""

from __future__ import annotations

from typing import Any

from qualytics.connectors.contract import Connector, Param, Target
from qualytics.connectors.shared import aws_role, objects
from qualytics.connectors.shared.grammar import AWS_KEY_ID, AWS_REGION, HEADER
from qualytics.connectors.shared.https import ENDPOINT_URL
from qualytics.connectors.shared.object_errors import verdict_of
from qualytics.connectors.shared.object_uris import clean_bucket, split_bucket
from qualytics.connectors.types._s3_place import endpoint, region_of, requires


def arguments(target: Target) -> dict[str, Any]:
    """Return the arguments of obstore's S3Store with the connection's own keys."""
    config = {
        "bucket": split_bucket(target.uri or "", "s3")[0],
        "endpoint": objects.base_url(target),
        "region": region_of({"parameters": target.parameters}),
        "virtual_hosted_style_request": False,
        "skip_signature": False,
        "access_key_id": objects.secret_of(target, "access_key"),
        "secret_access_key": objects.secret_of(target, "secret_key"),
    }
    return {"config": config, **objects.driver_options(target)}


def connect(target: Target) -> objects.Opened:
    """Assume the role where there is one, build the store and list its first page."""
    from obstore.store import S3Store

    found = objects.fenced(arguments(target), target)
    if aws_role.is_role(target.parameters):
        found["config"] |= aws_role.assume(target, found["config"]["region"])
    return objects.opened(S3Store, found, target)


CONNECTOR = Connector(
    type="s3",
    title="Amazon S3",
    kind="dfs",
    extra="s3",
    driver="obstore",
    distribution="obstore",
    fields=("uri", "access_key", "secret_key"),
    proof="the access key",
    required=("uri",),
    params=(
        Param("authentication_type", str, "SHARED_KEY: the keys themselves; IAM_ROLE: a role that the keys may assume", choices=("SHARED_KEY", "IAM_ROLE"), default="SHARED_KEY"),
        *aws_role.PARAMS,
        Param("region", str, "region of the bucket (our choice of name)", default="us-east-1", max_length=63),
        ENDPOINT_URL,
        *objects.TLS_PARAMS,
    ),
    grammar={"access_key": AWS_KEY_ID, "secret_key": HEADER, "region": AWS_REGION},
    scope=("root_path",),
    example="--uri s3://bucket/path --access-key '${AWS_ACCESS_KEY_ID}' --secret-key '${AWS_SECRET_ACCESS_KEY}'",
    clean_uri=lambda uri: clean_bucket(uri, "s3"),
    endpoint=endpoint,
    requires=requires,
    default_credentials=aws_role.default_credentials("access_key", "secret_key"),
    tls="direct",
    open=connect,
    check=lambda handle, target: objects.check(handle, target, "Amazon S3"),
    close=lambda _handle: None,
    classify=lambda exc: verdict_of(exc, "check --access-key and --secret-key"),
    tables=objects.tables,
    verified="emulator: moto, which checks keys, signatures and policies of users; role_arn is assumed unchecked",
    authentication=(
        ("SHARED_KEY", "access_key and secret_key of a user of IAM"),
        ("IAM_ROLE", "the same keys, and role_arn in parameters; external_id where the role's trust policy asks for it; a control plane may lend its keys to roles with one"),
    ),
    privileges=(
        "s3:ListBucket on arn:aws:s3:::BUCKET and s3:GetObject on arn:aws:s3:::BUCKET/PATH/*",
        "IAM_ROLE: sts:AssumeRole on the role for the user, and the two above for the role",
    ),
    pinned="proxy",  # STS, at a name of AWS, through look-ups in Python
    forks=False,  # Rust's tokio
)  # fmt: skip
