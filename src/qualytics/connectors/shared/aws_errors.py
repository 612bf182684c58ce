"""What AWS services and botocore say, as verdicts."""

from __future__ import annotations

import re

from qualytics.connectors.contract import Verdict
from qualytics.connectors.shared.requests import by_class

_KEY = Verdict("auth", "AWS does not know the access key", "check --username, the access key id", "login")
_SECRET = Verdict("auth", "the secret access key is wrong", "check --password, the secret access key", "login")
_EXPIRED = Verdict(
    "auth", "the keys have expired", "give keys that do not expire, or IAM_ROLE with a role_arn", "login"
)
_CLOCK = Verdict("config", "the clock of this machine is wrong", "set the clock")
# AWS General Reference, "Common error types"; AWS STS API Reference, "AssumeRole".
CODES = {
    "UnrecognizedClientException": _KEY,
    "InvalidClientTokenId": _KEY,
    "InvalidAccessKeyId": _KEY,
    "InvalidSignatureException": _SECRET,
    "SignatureDoesNotMatch": _SECRET,
    "IncompleteSignature": _SECRET,
    "IncompleteSignatureException": _SECRET,
    "MissingAuthenticationToken": _KEY,
    "MissingAuthenticationTokenException": _KEY,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestExpired": _CLOCK,
    "RequestTimeTooSkewed": _CLOCK,
    "AccessDenied": Verdict("permission", "AWS does not allow it: the role's trust policy, its external id, or a policy", "ask the owner of the role or account for the action named in detail"),
    "AccessDeniedException": Verdict("permission", hint="ask the owner of the account for the action named in detail"),
    "UnauthorizedOperation": Verdict("permission"),
    "OptInRequired": Verdict("permission", "the account is not signed up for this service or region"),
    "RegionDisabledException": Verdict("config", "STS is not active in this region", "check region in --parameters"),
    "InvalidAction": Verdict("config", "the server is another service of AWS", "check endpoint_url in --parameters"),
    "UnknownOperationException": Verdict("config", "the server is another service of AWS", "check endpoint_url in --parameters"),
    "ValidationError": Verdict("config"),
    "ValidationException": Verdict("config"),
    "LimitExceededException": Verdict("quota"),
    "RequestLimitExceeded": Verdict("quota"),
    "Throttling": Verdict("quota"),
    "ThrottlingException": Verdict("quota"),
    "TooManyRequestsException": Verdict("quota"),
    "InternalFailure": Verdict("transient"),
    "InternalServerException": Verdict("transient"),
    "InternalServerError": Verdict("transient"),
    "ServiceUnavailable": Verdict("transient"),
    "ServiceUnavailableException": Verdict("transient"),
}  # fmt: skip
_ANOTHER = Verdict("config", "the server does not speak the protocol of AWS", "check host, port and endpoint_url")
# botocore/exceptions.py; those that wrap another exception are judged by that one first.
_CLASSES = {
    "ResponseParserError": _ANOTHER,
    "UnsupportedProtocolError": _ANOTHER,
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
        return _CLOCK
    if code in CODES:
        return CODES[code]
    if code.isdigit():  # botocore's own, where the answer held no error document
        return Verdict("transient") if int(code) >= 500 else _ANOTHER
    return None


def explain(text: str) -> Verdict | None:
    """Judge by the first of AWS's error codes in a text."""
    return next((CODES[found] for found in re.findall(r"\b[A-Z][A-Za-z]+\b", text) if found in CODES), None)
