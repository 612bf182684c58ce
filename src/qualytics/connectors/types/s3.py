"""Amazon S3, and stores that speak its protocol, through obstore; roles are assumed through boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Endpoint, Param, Target
from qualytics.connectors.foreign import Foreign, Form
from qualytics.connectors.shared import aws, object_store
from qualytics.connectors.shared.http import ENDPOINT_URL, HEADER, TLS_PARAMS, base_url, endpoint_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEFAULT_REGION = "us-east-1"  # the first one of AWS


def region_of(parameters: Mapping[str, Any]) -> str:
    """Return the region in the parameters, else the default one."""
    return str(parameters.get("region") or _DEFAULT_REGION)


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return the region's endpoint, else `endpoint_url`."""
    return endpoint_of(values, aws.host_in(region_of(values.get("parameters") or {}), "s3"))


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for both keys in each mode, and for a role with IAM_ROLE alone."""
    for field in ("access_key", "secret_key"):
        if field not in secrets_set:
            option = f"--{field.replace('_', '-')}"
            yield field, "is needed for s3", f"give it with {option}; no profile or role of this machine is used"
    yield from aws.role_problems(values.get("parameters") or {})


def config(target: Target) -> dict[str, Any]:
    """Return the settings of obstore's S3Store with the connection's own keys."""
    return {
        "bucket": object_store.split_bucket(target.uri, "s3")[0],
        "endpoint": base_url(target),
        "region": region_of(target.parameters),
        "virtual_hosted_style_request": False,
        "skip_signature": False,
        "access_key_id": object_store.secret_of(target, "access_key"),
        "secret_access_key": object_store.secret_of(target, "secret_key"),
    }


def connect(target: Target) -> object_store.OpenStore:
    """Assume the role where there is one, build the store and list its first page."""
    from obstore.store import S3Store

    arguments = object_store.arguments(config(target), target)
    if aws.is_role(target.parameters):
        settings = arguments["config"]
        sts = aws.sts_client(target, settings["region"], settings["access_key_id"], settings["secret_access_key"])
        role = aws.assume_role(sts, target)
        settings |= {name.removeprefix("aws_"): key for name, key in role.items()}
    return object_store.open_store(S3Store, arguments, target)


def complete(values: dict[str, str]) -> None:
    """Make the uri of a bucket, or of the scope of a DuckDB secret."""
    place = values.pop("bucket", "") or values.pop("scope", "")
    if place and "uri" not in values:
        values["uri"] = place if "://" in place else f"s3://{place}"


# apache-airflow-providers-amazon, "Amazon Web Services Connection"; Hadoop's documentation of S3A.
FORMS = {
    "airflow": Form(
        "aws",
        {"access_key": "login", "secret_key": "password", "region": "region_name", "endpoint_url": "endpoint_url"},
        complete=aws.require_keys,
    ),
    "spark": Form(
        "s3a",
        {
            "uri": "path",
            "access_key": "spark.hadoop.fs.s3a.access.key",
            "secret_key": "spark.hadoop.fs.s3a.secret.key",
            "endpoint_url": "spark.hadoop.fs.s3a.endpoint",
            "region": "spark.hadoop.fs.s3a.endpoint.region",
        },
        place=lambda values: values.pop("uri").replace("s3://", "s3a://", 1),
        complete=aws.require_keys,
    ),
}

CONNECTOR = object_store.OBJECT_STORE(
    type="s3",
    title="Amazon S3",
    fields=("uri", "access_key", "secret_key"),
    proof="the access key",
    params=(
        Param("authentication_type", str, "SHARED_KEY: the keys themselves; IAM_ROLE: a role that the keys may assume", choices=("SHARED_KEY", "IAM_ROLE"), default="SHARED_KEY"),
        *aws.PARAMS,
        Param("region", str, "region of the bucket (our choice of name)", default="us-east-1", max_length=63),
        ENDPOINT_URL,
        *TLS_PARAMS,
    ),
    grammar={"access_key": aws.KEY_ID, "secret_key": HEADER, "region": aws.REGION},
    example="--uri s3://bucket/path --access-key '${AWS_ACCESS_KEY_ID}' --secret-key '${AWS_SECRET_ACCESS_KEY}'",
    clean_uri=lambda uri: object_store.clean_bucket(uri, "s3"),
    endpoint=endpoint,
    requires=requires,
    default_credentials=aws.default_credentials("access_key", "secret_key"),
    open=connect,
    check=lambda handle, target: object_store.check(handle, target, "Amazon S3"),
    classify=object_store.classify("check --access-key and --secret-key"),
    signature=r"(?i)\bs3[:.]|s3fs|ListObjectsV2|\bNoSuchBucket\b",
    verified="emulator: moto, which checks keys, signatures and policies of users; role_arn is assumed unchecked",
    authentication=(
        ("SHARED_KEY", "access_key and secret_key of a user of IAM"),
        ("IAM_ROLE", "the same keys, and role_arn in parameters; external_id where the role's trust policy asks for it; a control plane may have keys for roles with one"),
    ),
    privileges=(
        "s3:ListBucket on arn:aws:s3:::BUCKET and s3:GetObject on arn:aws:s3:::BUCKET/PATH/*",
        "IAM_ROLE: sts:AssumeRole on the role for the user, and the two above for the role",
    ),
    foreign=Foreign(
        names=("s3", "aws"),
        keys={
            **dict.fromkeys(("username", "login", "aws_access_key_id", "access_key_id", "key_id"), "access_key"),
            **dict.fromkeys(("password", "aws_secret_access_key", "secret_access_key", "secret"), "secret_key"),
            "region_name": "region",
            "endpoint": "endpoint_url",
        },
        complete=complete,
        environment=aws.ENVIRONMENT,
        forms=FORMS,
    ),
)  # fmt: skip
