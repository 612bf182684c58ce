"""What object stores, their driver and STS say, as verdicts."""

from __future__ import annotations

import dataclasses
import re

from qualytics.connectors.contract import Verdict, by_text


def verdict_of(exc: BaseException, keys_hint: str) -> Verdict | None:
    """Return the verdict on an error of the driver, of the store behind it or of STS."""
    text = str(exc)
    verdict = by_text(text, _MESSAGES)
    if verdict is None and (status := re.search(r"(?:non-2xx status code: |error occurred \()(\d)(\d\d)\b", text)):
        verdict = _STATUS.get(status[1] + status[2]) or _STATUS.get(status[1])
    if verdict is not None and verdict.failure_class == "auth":
        cause = verdict.cause or "the store refused the access key or the secret key"
        return dataclasses.replace(verdict, cause=cause, hint=verdict.hint or keys_hint)
    return verdict


_REGION = Verdict("config", "the bucket is in another region", 'give its region in --parameters, as in {"region": "eu-west-1"}', "list")  # fmt: skip
_NO_BUCKET = Verdict("unknown_db", "there is no such bucket or container", "check --uri", "list")
_STRANGER = Verdict(
    "config", "the server does not speak the protocol of this store", "check endpoint_url in --parameters"
)

# Codes: Amazon S3 "Error responses", AWS STS "Common errors", Azure "Blob service error codes" and "Common REST API
# error codes", Microsoft Entra "AADSTS error codes", Google Cloud Storage "HTTP status and error codes (XML)".
# The rest are the driver's words (object_store, reqwest, rustls) with its dump of the inner error.
_MESSAGES = (
    (r"InvalidAccessKeyId|InvalidClientTokenId|UnrecognizedClientException", Verdict("auth", "the access key does not exist")),
    (r"SignatureDoesNotMatch|IncompleteSignature|InvalidSecurity\b", Verdict("auth", "the secret key does not belong to the access key")),
    (r"ExpiredToken|InvalidToken|TokenRefreshRequired", Verdict("auth", "the temporary credentials are no longer valid")),
    (r"RequestTimeTooSkewed|is too far in the past|Token used too (early|late)", Verdict("config", "the clock of this machine is wrong", "set the clock; signed requests are good for minutes only")),
    (r"Server failed to authenticate the request|AuthenticationFailed|InvalidAuthenticationInfo|AuthenticationRequired", Verdict("auth")),
    (r"AADSTS7000222|AADSTS7000215", Verdict("auth", "the client secret is wrong or has expired", "check --secret-key: it is the secret's value, not its id")),
    (r"AADSTS700016|AADSTS700027", Verdict("auth", "there is no such application in this tenant", "check --access-key, the client id, and tenant_id in --parameters")),
    (r"AADSTS90002|AADSTS900023", Verdict("auth", "there is no such tenant", "check tenant_id in --parameters")),
    (r"invalid_grant|invalid_client|InvalidAuthentication\b", Verdict("auth")),
    (r"KeyBasedAuthenticationNotPermitted", Verdict("config", "the account takes no shared keys", 'use a service principal: {"authentication_type": "SERVICE_PRINCIPAL"}')),
    (r"Invalid Access Key: ", Verdict("config", "the secret key is not an account key, which is base64 text", "check --secret-key")),
    (r"Invalid RSA key|No RSA key found|Error reading pem file|service account file|InvalidKey \{", Verdict("config", "the private key in the service account's JSON cannot be read", 'give the key file as Google made it, as in --secret-key "$(cat key.json)"')),
    (r"sts:AssumeRole|AssumeRole operation: .*AccessDenied|\(AccessDenied\) when calling the AssumeRole", Verdict("permission", "these keys may not assume the role", "check role_arn and external_id, and the trust policy of the role", "login")),
    (r"RegionDisabledException", Verdict("config", "STS is not active in this region", "activate the region, or choose another in --parameters")),
    (r"lacked the necessary privileges to complete for path", Verdict("permission", "objects can be listed here, but not read", "grant the right to read objects: s3:GetObject, storage.objects.get or Storage Blob Data Reader", "list")),
    (r"AccountProblem|AccountIsDisabled|AccountDisabled|AllAccessDisabled|NotSignedUp", Verdict("permission", "the account is disabled", "ask the owner of the account", "list")),
    (r"UserProjectMissing", Verdict("config", "the bucket wants the caller's project to pay", "use a bucket without requester pays", "list")),
    (r"AccessDenied|AuthorizationFailure|AuthorizationPermissionMismatch|InsufficientAccountPermissions|AuthorizationSourceIPMismatch|PublicAccessNotPermitted|UnauthorizedBlobOverwrite", Verdict("permission", "these keys may not list the path", "grant the right to list: s3:ListBucket, storage.objects.list or Storage Blob Data Reader", "list")),
    (r"NoSuchBucket|ContainerNotFound|FilesystemNotFound|ContainerBeingDeleted|no bucket named|specified bucket does not exist", _NO_BUCKET),
    (r"PermanentRedirect|TemporaryRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint|redirect without LOCATION", _REGION),
    (r"InvalidBucketName|InvalidResourceName|InvalidUri|UnsupportedHeader", Verdict("config", "the store does not take this name", "check --uri", "list")),
    (r"SlowDown|RequestLimitExceeded|Throttling|TooManyRequests|rateLimitExceeded|EgressIsOverAccountLimit", Verdict("quota", stage="list")),
    (r"ServerBusy|ServiceUnavailable|InternalError|OperationTimedOut|RequestTimeout\b", Verdict("transient", stage="list")),
    (r"InvalidCertificate\(|invalid peer certificate|certificate verify failed", Verdict("tls")),
    (r"InvalidContentType|UnexpectedMessage|hyper::Error\(\s*Parse\(|invalid list response|BadStatusLine|Unable to parse response", _STRANGER),
    (r"BadScheme|URL scheme is not allowed|TunnelUnsuccessful", Verdict("config", "the server sends its callers to another host", "check endpoint_url and region in --parameters")),
    (r"dns error|failed to lookup address", Verdict("dns")),
    (r"ConnectionRefused|Connection refused", Verdict("refused")),
    (r"kind: Timeout|TimedOut|operation timed out|[Tt]imeout on endpoint", Verdict("timeout")),
    (r"IncompleteMessage|ConnectionReset|BrokenPipe|UnexpectedEof|ConnectionAborted|Unreachable|Connection was closed|connection was not ready", Verdict("network")),
)  # fmt: skip
_STATUS = {
    "401": Verdict("auth"),
    "403": Verdict("permission", stage="list"),
    "404": _NO_BUCKET,
    "429": Verdict("quota", stage="list"),
    "3": _REGION,
    "4": Verdict("config"),
    "5": Verdict("transient"),
}
