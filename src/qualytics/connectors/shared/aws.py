"""What types of AWS share: a role assumed with the connection's own keys, clients of AWS, and its errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from qualytics.connectors.codes import ErrorTable, by_code, spelled_as
from qualytics.connectors.contract import Chars, Param, Target, Verdict
from qualytics.connectors.foreign import Environment
from qualytics.connectors.shared.http import base_url, by_class, roots_of
from qualytics.errors import UsageError
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

# The id of a key stands between commas and slashes in the header Authorization (AWS, "Signature Version 4").
KEY_ID = Chars(r"[!-+\--.0-~]+", "letters, digits and signs of ASCII, but no comma, slash, blank or line end")
# Without a dot: a region stands in host names of AWS.
REGION = Chars(r"[a-z0-9]+(-[a-z0-9]+)*", "lower-case letters, digits and single hyphens, as in eu-west-1")
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
_ROLE_ARGUMENTS = {"role_arn": "RoleArn", "external_id": "ExternalId"}


def host_in(region: str, service: str) -> str:
    """Return the public endpoint of a service in a region."""
    return f"{service}.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


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


def role_problems(parameters: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield what IAM_ROLE lacks, or what is of no use without it."""
    if not is_role(parameters):
        for name in parameters.keys() & _ROLE_ARGUMENTS:
            yield f"parameters.{name}", "is for IAM_ROLE alone", 'add "authentication_type": "IAM_ROLE"'
    elif "role_arn" not in parameters:
        yield "parameters.role_arn", "is needed for IAM_ROLE", "as in arn:aws:iam::123456789012:role/reader"
    else:
        if not _ARN.match(parameters["role_arn"]):
            yield "parameters.role_arn", "is not the ARN of a role", "as in arn:aws:iam::123456789012:role/reader"
        if not _EXTERNAL_ID.match(parameters.get("external_id", "none")):
            yield "parameters.external_id", "is not an external id", "2 or more letters, digits and +=,.@:/_- alone"


def client(service: str, region: str, keys: Mapping[str, str], timeout_s: float, **options: Any) -> Any:
    """Return boto3's client of a service, with these keys alone."""
    import boto3.session

    session = boto3.session.Session(region_name=region, **keys)
    return session.client(service, config=client_config(timeout_s), **options)


def client_config(timeout_s: float) -> Any:
    """Return the configuration of a client of AWS: the deadline, no retry, no proxy."""
    import botocore.config

    return botocore.config.Config(
        retries={"total_max_attempts": 1},
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        proxies={},  # none, instead of those of the environment
    )


def sts_client(target: Target, region: str, key_id: str, secret: str) -> Any:
    """Return a client of STS for a type that is a service of AWS itself.

    With an `endpoint_url` STS is asked there: stores that speak S3's protocol keep both in one place.
    """
    keys = {"aws_access_key_id": key_id, "aws_secret_access_key": secret}
    endpoint = base_url(target) if "endpoint_url" in target.parameters else None
    return client("sts", region, keys, target.timeout_s, endpoint_url=endpoint, verify=roots_of(target))


def assume_role(sts: Any, target: Target) -> dict[str, str]:
    """Return the temporary keys of the target's role, as boto3 names them."""
    with asking(sts, target, "AWS issues the keys of the role"):
        keys = sts.assume_role(**role_call(target.parameters))["Credentials"]
    return {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }


def role_call(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the arguments of assume_role."""
    role = {name: parameters[key] for key, name in _ROLE_ARGUMENTS.items() if key in parameters}
    return {"RoleSessionName": "qualytics", **role}


def asking(client: Any, target: Target, purpose: str) -> AbstractContextManager[None]:
    """Ask the host that a client calls, as `Target.asking`: with its port where that is none of HTTPS."""
    return target.asking(urlsplit(str(client.meta.endpoint_url)).netloc, purpose)


_KEY = Verdict("auth", "AWS does not know the access key", "check --username, the access key id", "login")
_SECRET = Verdict("auth", "the secret access key is wrong", "check --password, the secret access key", "login")
_EXPIRED = Verdict(
    "auth", "the keys have expired", "give keys that do not expire, or IAM_ROLE with a role_arn", "login"
)
_CLOCK = Verdict("config", "the clock of this machine is wrong", "set the clock")
_ANOTHER = Verdict("config", "the server is another service of AWS", "check endpoint_url in --parameters")
_ACTION = "ask the owner of the account for the action named in detail"
# AWS General Reference, "Common error types"; API references of STS ("AssumeRole"), Redshift and its Serverless, and Athena.
_CODES = by_code({
    "UnrecognizedClientException InvalidClientTokenId InvalidAccessKeyId MissingAuthenticationToken MissingAuthenticationTokenException": _KEY,
    "InvalidSignatureException SignatureDoesNotMatch IncompleteSignature IncompleteSignatureException": _SECRET,
    "ExpiredToken ExpiredTokenException ExpiredTradeInTokenException InvalidToken TokenRefreshRequired": _EXPIRED,
    "AuthFailure NotAuthorized InvalidIdentityToken IDPRejectedClaim UnauthorizedException": Verdict("auth", stage="login"),
    "RequestExpired RequestTimeTooSkewed": _CLOCK,
    "AccessDenied": Verdict("permission", "AWS does not allow it: the role's trust policy, its external id, or a policy", "ask the owner of the role or account for the action named in detail"),
    "AccessDeniedException": Verdict("permission", hint=_ACTION),
    "UnauthorizedOperation SessionDurationEscalationException NotAuthorizedException KMSAccessDeniedException": Verdict("permission"),
    "OptInRequired SubscriptionRequiredException": Verdict("permission", "the account is not signed up for this service or region"),
    "ClusterNotFound ClusterNotFoundFault": Verdict("unknown_db", "there is no such cluster in this region", "check cluster_identifier and region in --parameters"),
    "ResourceNotFoundException": Verdict("unknown_db", "there is no such workgroup or resource in this region", "check the names and the region in --parameters"),
    "EntityNotFoundException NoSuchBucket": Verdict("unknown_db"),
    "RegionDisabledException": Verdict("config", "STS is not active in this region", "check region in --parameters"),
    "InvalidAction UnknownOperationException": _ANOTHER,
    "DryRunException Ipv6CidrBlockNotFoundException TooManyTagsException PackedPolicyTooLarge InvalidPaginationException InvalidAuthorizationMessageException ValidationError ValidationException InvalidParameterValue InvalidParameterException InvalidParameterCombination MalformedPolicyDocument MalformedQueryString MissingParameter MissingAction SerializationException": Verdict("config"),
    "LimitExceededException RequestLimitExceeded Throttling ThrottlingException ThrottledException TooManyRequestsException SlowDown ServiceQuotaExceededException ProvisionedThroughputExceededException PriorRequestNotComplete": Verdict("quota"),
    "IDPCommunicationError InsufficientCapacityException InternalFailure InternalServerException InternalServerError InternalError InternalServiceException ServiceUnavailable ServiceUnavailableException ClusterNotAvailable InvalidClusterState InvalidClusterStateFault ConflictException": Verdict("transient"),
    "RequestTimeout RequestTimeoutException": Verdict("timeout"),
})  # fmt: skip
ERRORS = ErrorTable(
    codes=_CODES,
    words=(
        (r"(unable to locate|could not load|no valid providers|partial) credentials|NoCredentialProviders|NoCredentials|PartialCredentials|CredentialsProviderError|SSO (token|session)", Verdict("auth", "no keys were found, or they have expired", "give the access key and its secret")),
        (r"Access Key Id you provided does not exist", _KEY),
        (r"ParamValidationError|InvalidRegion|NoRegion|must specify a region|MissingRegion|incorrect region", Verdict("config")),
    ),
    inside=r"(?-i:An error occurred \((\w+)\)|\b(?:ErrorCode|error_code|Error Code|Code)\W{1,3}([A-Z][a-z]+[A-Z]\w+)|\b(?P<weak>[A-Z][A-Za-z]+)\b)",
    alone=r"[A-Za-z][A-Za-z0-9]{5,59}",
    spell=spelled_as(_CODES),
)  # fmt: skip
_NOT_AWS = Verdict("config", "the server does not speak the protocol of AWS", "check host, port and endpoint_url")
# botocore/exceptions.py; those that wrap another exception are judged by that one first.
_CLASSES = {
    "ResponseParserError": _NOT_AWS,
    "UnsupportedProtocolError": _NOT_AWS,
    "EndpointConnectionError": Verdict("network"),
    "ConnectionClosedError": Verdict("network"),
    "ConnectTimeoutError": Verdict("timeout"),
    "ReadTimeoutError": Verdict("timeout"),
    "SSLError": Verdict("tls"),
    "InvalidRegionError": Verdict("config", "this is not a region", "check region in --parameters"),
    "NoCredentialsError": Verdict("config", "no keys are set", "give them with --username and --password"),
}


def code_of(exc: BaseException) -> str:
    """Return the error code of botocore's ClientError, "" when it is none."""
    response = getattr(exc, "response", None)
    return str((response.get("Error") or {}).get("Code") or "") if isinstance(response, dict) else ""


def classify(exc: BaseException) -> Verdict | None:
    """Judge by AWS's error code, the HTTP status, the class of botocore or urllib3."""
    code = code_of(exc)
    if not code:
        return _CLASSES.get(type(exc).__name__) or by_class(exc)
    if "Signature expired" in str(exc) or "Signature not yet current" in str(exc):  # under the codes of a wrong key
        return replace(_CLOCK, code=code)
    if code.isdigit():  # botocore's own, where the answer held no error document
        return Verdict(
            "transient" if int(code) >= 500 else "config", None if int(code) >= 500 else _NOT_AWS.cause, code=code
        )
    return ERRORS.judge([code], "")


def explain(text: str) -> Verdict | None:
    """Judge by the first of AWS's error codes in a text, and by botocore's words."""
    verdict = ERRORS.explain(text)
    return (
        replace(_CLOCK, code=verdict.code) if verdict and re.search(r"Signature (expired|not yet)", text) else verdict
    )


def require_keys(values: dict[str, str]) -> None:
    """Raise UsageError where the stored keys are not those that a command logs in with, but assume a role."""
    if values.get("role_arn"):
        raise UsageError(
            "the connection assumes a role of AWS, which no variables can say",
            "give the command a profile of ~/.aws/config with role_arn, or a connection with keys of its own",
        )


# AWS SDKs and Tools Reference Guide, "Environment variables"; keys of another profile or session never mix with these.
ENVIRONMENT = Environment(
    texts={
        "AWS_ACCESS_KEY_ID": "{access_key}",
        "AWS_SECRET_ACCESS_KEY": "{secret_key}",
        "AWS_REGION": "{region}",
        "AWS_DEFAULT_REGION": "{region}",
        "AWS_ENDPOINT_URL": "{endpoint_url}",
        "AWS_CA_BUNDLE": "{ssl_root_cert_file}",
    },
    files={"AWS_CA_BUNDLE": "ssl_root_cert"},
    cleared=("AWS_*",),
    complete=require_keys,
)
