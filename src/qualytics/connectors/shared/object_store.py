"""What object stores share: their addresses, the driver's options, one page of a listing, discovery and errors."""

from __future__ import annotations

import contextlib
import functools
import re
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from qualytics.connectors.codes import ErrorTable, by_code, spelled_as
from qualytics.connectors.contract import Connector, Server, Target, Verdict, refuse, second_host
from qualytics.connectors.shared.http import ENTRA, HTTP
from qualytics.model import Item
from qualytics.structs import Struct, field, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]\Z")
# As much of a listing as one answer of any of these services holds.
_PAGE = 100
# The driver's word for a server that spoke or closed before the request left: nothing was sent, and only the next
# attempt tells which of the two it was.
_UNSENT = "connection was not ready"
_UNSENT_MAX = 5
# The driver has a limit of its own where it is given none.
_NO_LIMIT = timedelta(days=365)
_ARCHIVED = re.compile(r"InvalidObjectState|BlobArchived")


def split_uri(uri: str, schemes: tuple[str, ...], example: str) -> tuple[str, str, str]:
    """Return scheme, authority and path of a uri; the path has no slash at its ends.

    Raises:
        ValueError: another scheme, credentials, a query or a path that no object can have. The uri
            is never repeated: it may hold a key.

    """
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme not in schemes:
        raise ValueError(f"must be such as {example}")
    if "?" in rest or "#" in rest:
        raise ValueError(f"must not hold ? or #; it must be such as {example}")
    authority, _, path = rest.partition("/")
    return scheme, authority, clean_path(path)


def split_bucket(uri: str, scheme: str) -> tuple[str, str]:
    """Return bucket and path of a uri such as s3://bucket/path.

    Raises:
        ValueError: as `split_uri`, or the bucket's name cannot be one.

    """
    _, bucket, path = split_uri(uri, (scheme,), f"{scheme}://bucket or {scheme}://bucket/path")
    if "@" in bucket or ":" in bucket:
        raise ValueError("must not hold a key or a port; keys have fields of their own")
    if not _BUCKET.match(bucket):
        raise ValueError("must name a bucket of 3 or more letters, digits, dots, hyphens or underscores")
    return bucket, path


def clean_bucket(uri: str, scheme: str) -> str:
    """Return a uri such as s3://bucket/path without slashes at its end; raises as `split_bucket`."""
    return f"{scheme}://" + "/".join(filter(None, split_bucket(uri, scheme)))


def clean_path(path: str) -> str:
    """Return a path inside a bucket without slashes at its ends.

    Raises:
        ValueError: it has a part that is empty, `.` or `..`.

    """
    path = path.strip("/")
    if any(part in {"", ".", ".."} for part in path.split("/")) and path:
        raise ValueError("must not have an empty, . or .. part in its path")
    return path


class OpenStore(Struct, eq=True, frozen=False):
    """A store that answered: `path` is where its connection begins, `page` the first objects under it.

    `arguments` are what its class was called with.
    """

    store: Any
    path: str
    page: tuple[Any, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)


class StoreError(Exception):
    """The driver's words without its dump of Rust structures, for the report's detail."""


def driver_options(target: Target) -> dict[str, Any]:
    """Return the options of the driver's HTTP client: the deadline, no retry, the trusted roots.

    The driver adds roots to those of the system and cannot be told to trust them alone; the stage
    `tls`, which comes first, does trust them alone.
    """
    limit = timedelta(seconds=target.timeout_s)
    client: dict[str, Any] = {"allow_http": target.tls.mode == "disable", "connect_timeout": limit, "timeout": limit}
    if target.tls.mode != "disable":
        client["allow_invalid_certificates"] = not target.tls.verified
        if target.tls.ca_file and target.parameters.keys() & {"ssl_root_cert", "ssl_root_cert_file"}:
            with open(target.tls.ca_file, "rb") as file:
                client["root_certificate"] = file.read()
    return {"client_options": client, "retry_config": {"max_retries": 0, "retry_timeout": limit}}


def secret_of(target: Target, field: str) -> str:
    """Return a key of the connection.

    Raises:
        Refusal: it is not set; no other place is asked for one.

    """
    secret = getattr(target, field)
    if secret is None:
        raise refuse("config", f"no {field} is set", f"give it with --{field.replace('_', '-')}")
    return str(secret.reveal())


def arguments(
    config: dict[str, Any], target: Target, login_hosts: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the driver's arguments, with a proxy of ours: it follows redirects, but reaches no host other than these.

    The proxy dials the address that was checked, whatever the name resolves to by now; `login_hosts` are hosts of the
    vendor that a login needs, with their purposes: each is reached once before the driver starts, which could not say
    what keeps it from one. Over plain http, which only this machine may speak, there is no tunnel and so no
    proxy: the driver gets the address itself.
    """
    from socket import create_connection

    from qualytics.connectors.shared.preamble import expect_silence

    expect_silence(target)
    addresses = {(target.host.lower(), target.port): target.dialled}
    for host, purpose in login_hosts.items():
        with target.asking(host, purpose), create_connection((host, 443), target.timeout_s) as sock:
            addresses[host, 443] = sock.getpeername()[0]
    options = driver_options(target)
    if target.tls.mode != "disable":
        from qualytics.connectors.shared.proxy import start_proxy

        def tell(host: str) -> None:
            target.ask(second_host(host, login_hosts[host]) if host in login_hosts else None)

        options["client_options"]["proxy_url"] = start_proxy(addresses, target.timeout_s, tell)
    return {"config": config, **options}


def open_store(store_class: Any, arguments: dict[str, Any], target: Target) -> OpenStore:
    """Build the driver's store from its arguments and list the first page under the uri's path."""
    with short_errors():
        store = store_class(**arguments)
    prefix = clean_path(target.uri.partition("://")[2].partition("/")[2])
    return replace(first_page(store, target, prefix), arguments=arguments)


def first_page(store: Any, target: Target, prefix: str) -> OpenStore:
    """List one page under the datastore's root path, else under the uri's: that is the login, too."""
    path = prefix if target.root_path is None else _checked("root_path", target.root_path)
    with short_errors():
        return OpenStore(store, path, _page(store, path))


def lift_limits(handle: OpenStore, _target: Target) -> None:
    """Build the driver's store anew: its time limit is one of whole answers, and cannot be changed."""
    client = {**handle.arguments["client_options"], "timeout": _NO_LIMIT}
    with short_errors():
        handle.store = type(handle.store)(**{**handle.arguments, "client_options": client})


def _page(store: Any, path: str) -> tuple[Any, ...]:
    from obstore.exceptions import BaseError

    for _ in range(_UNSENT_MAX):
        try:
            return tuple(next(iter(store.list(path or None, chunk_size=_PAGE)), ()))
        except BaseError as exc:
            if _UNSENT not in str(exc):
                raise
    return tuple(next(iter(store.list(path or None, chunk_size=_PAGE)), ()))


def _checked(name: str, path: str) -> str:
    try:
        return clean_path(path)
    except ValueError as exc:
        raise refuse("config", f"{name} {exc}", f"check --{name.replace('_', '-')}", stage="list") from exc


def check(handle: OpenStore, target: Target, product: str) -> Server:
    """Read a byte of the first object that has one; an empty path says nothing of the right to read."""
    warnings: tuple[str, ...] = ()
    first = next((item for item in handle.page if item["size"]), None)
    if first is None:
        warnings = (f"there is nothing to read under /{handle.path}: whether it may be read is not known",)
    else:
        with short_errors(), _archived_is_readable():
            handle.store.get_range(first["path"], start=0, end=1)
    return Server(None if "endpoint_url" in target.parameters else product, None, warnings)


def tables(handle: OpenStore, _target: Target, prefix: str) -> Iterator[Item]:
    """Yield the prefixes, then the objects one level under a path."""
    path = "/".join(filter(None, (handle.path, _checked("prefix", prefix))))
    with short_errors():
        level = handle.store.list_with_delimiter(path or None)
    yield from (Item(f"{name}/", "prefix") for name in level["common_prefixes"])
    yield from (Item(item["path"], "object") for item in level["objects"])


@contextlib.contextmanager
def short_errors() -> Iterator[None]:
    """Raise what a client of object stores raises without the chain that its SDK hangs behind it."""
    try:
        yield
    except Exception as exc:
        raise StoreError(str(exc).partition("\n\nDebug source:")[0]) from exc


@contextlib.contextmanager
def _archived_is_readable() -> Iterator[None]:
    # What lies in cold storage must be restored first; the right to read it was granted all the same.
    from obstore.exceptions import BaseError

    try:
        yield
    except BaseError as exc:
        if not _ARCHIVED.search(str(exc)):
            raise


_REGION = Verdict("config", "the bucket is in another region", 'give its region in --parameters, as in {"region": "eu-west-1"}', "list")  # fmt: skip
_NO_BUCKET = Verdict("unknown_db", "there is no such bucket or container", "check --uri", "list")
_NOT_A_STORE = Verdict(
    "config", "the server does not speak the protocol of this store", "check endpoint_url in --parameters"
)

_LIST = Verdict("permission", "these keys may not list the path", "grant the right to list: s3:ListBucket, storage.objects.list or Storage Blob Data Reader", "list")  # fmt: skip
_READ = Verdict("permission", "objects can be listed here, but not read", "grant the right to read objects: s3:GetObject, storage.objects.get or Storage Blob Data Reader", "list")  # fmt: skip
_RSA = Verdict("config", "the private key in the service account's JSON cannot be read", 'give the key file as Google made it, as in --secret-key "$(cat key.json)"')  # fmt: skip
_LOGIN = Verdict("auth")
# Amazon S3 "Error responses", AWS STS "Common errors", Azure "Blob service error codes" and "Common REST API error codes",
# Google Cloud Storage "HTTP status and error codes".
_CODES = by_code({
    "InvalidAccessKeyId InvalidClientTokenId UnrecognizedClientException": Verdict("auth", "the access key does not exist"),
    "SignatureDoesNotMatch IncompleteSignature InvalidSecurity InvalidSignatureException": Verdict("auth", "the secret key does not belong to the access key"),
    "ExpiredToken ExpiredTokenException InvalidToken TokenRefreshRequired": Verdict("auth", "the temporary credentials are no longer valid"),
    "AuthenticationFailed InvalidAuthenticationInfo AuthenticationRequired NoAuthenticationInformation InvalidAuthentication AuthFailure CredentialsNotSupported MissingSecurityHeader invalid_grant invalid_client authError": _LOGIN,
    "RequestTimeTooSkewed RequestExpired": Verdict("config", "the clock of this machine is wrong", "set the clock; signed requests are good for minutes only"),
    "KeyBasedAuthenticationNotPermitted": Verdict("config", "the account takes no shared keys", 'use a service principal: {"authentication_type": "SERVICE_PRINCIPAL"}'),
    "RegionDisabledException": Verdict("config", "STS is not active in this region", "activate the region, or choose another in --parameters"),
    "AccountProblem AccountIsDisabled AccountDisabled AllAccessDisabled NotSignedUp": Verdict("permission", "the account is disabled", "ask the owner of the account", "list"),
    "UserProjectMissing UserProjectInconsistent": Verdict("config", "the bucket wants the caller's project to pay", "use a bucket without requester pays", "list"),
    "AccessDenied AccessDeniedException AuthorizationPermissionMismatch InsufficientAccountPermissions AuthorizationSourceIPMismatch AuthorizationProtocolMismatch AuthorizationServiceMismatch AuthorizationResourceTypeMismatch PublicAccessNotPermitted UnauthorizedBlobOverwrite InvalidObjectState BlobArchived BlobImmutableDueToPolicy InvalidPayer CrossLocationLoggingProhibited insufficientPermissions": _LIST,
    "NoSuchBucket ContainerNotFound FilesystemNotFound ContainerBeingDeleted FilesystemBeingDeleted ContainerDisabled SourcePathNotFound RenameDestinationParentPathNotFound ResourceNotFound NoSuchKey BlobNotFound PathNotFound": _NO_BUCKET,
    "PermanentRedirect TemporaryRedirect AuthorizationHeaderMalformed IllegalLocationConstraint IllegalLocationConstraintException BucketRegionError": _REGION,
    "InvalidBucketName InvalidResourceName InvalidUri UnsupportedHeader": Verdict("config", "the store does not take this name", "check --uri", "list"),
    "InvalidRequest InvalidArgument InvalidHeaderValue InvalidQueryParameterValue UnsupportedHttpVerb MethodNotAllowed FeatureNotSupported": Verdict("config"),
    "ConditionHeadersNotSupported ConditionNotMet EmptyMetadataKey InvalidHttpVerb InvalidInput InvalidMetadata InvalidRange InvalidXmlDocument InvalidXmlNodeValue MetadataTooLarge MissingContentLengthHeader MissingRequiredQueryParameter MissingRequiredHeader MissingRequiredXmlNode MultipleConditionHeadersNotSupported OutOfRangeInput OutOfRangeQueryParameterValue RequestBodyTooLarge RequestUrlFailedToParse ResourceTypeMismatch UnsupportedXmlNode UnsupportedQueryParameter UnsupportedRestVersion": Verdict("config"),
    "AccountAlreadyExists ResourceAlreadyExists ContainerAlreadyExists BlobAlreadyExists FilesystemAlreadyExists PathAlreadyExists InvalidBlobType LeaseIdMissing InvalidFlushPosition InvalidPropertyName InvalidSourceUri InvalidSourceOrDestinationResourceType FeatureVersionMismatch OperationNotSupportedOnDirectory EndpointUnsupportedAccountFeatures CannotVerifyCopySource": Verdict("config"),
    "BucketAlreadyExists BucketAlreadyOwnedByYou NoSuchBucketPolicy NoSuchUpload NoSuchVersion PreconditionFailed InvalidPart MalformedXML InvalidDigest BadDigest NotImplemented": Verdict("config"),
    "SlowDown SlowDownRead SlowDownWrite TooManyBuckets XMinioStorageFull RequestLimitExceeded Throttling ThrottlingException TooManyRequests TooManyRequestsException rateLimitExceeded userRateLimitExceeded quotaExceeded EgressIsOverAccountLimit IngressIsOverAccountLimit": Verdict("quota", stage="list"),
    "AccountBeingCreated SystemInUse BlobBeingRehydrated DestinationPathIsBeingDeleted SourcePathIsBeingDeleted XMinioServerNotInitialized ServerBusy ServiceUnavailable InternalError OperationTimedOut RequestTimeout OperationAborted backendError": Verdict("transient", stage="list"),
})  # fmt: skip
_UMBRELLAS = by_code({"AuthorizationFailure": _LIST})  # of a signature, too
# The driver's words (object_store, reqwest, rustls) with its dump of the inner error; those of other tools at the end.
ERRORS = ErrorTable(
    codes=_CODES,
    umbrellas=_UMBRELLAS,
    words=(
        (r"is too far in the past|Token used too (early|late)", _CODES["RequestTimeTooSkewed"]),
        (r"Access Key Id you provided does not exist", _CODES["InvalidAccessKeyId"]),
        (r"Server failed to authenticate the request", _LOGIN),
        (r"Invalid Access Key: ", Verdict("config", "the secret key is not an account key, which is base64 text", "check --secret-key")),
        (r"Invalid RSA key|No RSA key found|Error reading pem file|service account file|InvalidKey \{|MalformedError|Could not deserialize key data", _RSA),
        (r"no bucket named|specified bucket does not exist|(filesystem|bucket|container) \S{0,80} ?does not exist|not found: 404", _NO_BUCKET),
        (r"redirect without LOCATION|incorrect region", _REGION),
        (r"InvalidCertificate\(|invalid peer certificate|certificate verify failed", Verdict("tls")),
        (r"InvalidContentType|UnexpectedMessage|hyper::Error\(\s*Parse\(|invalid list response|BadStatusLine|Unable to parse response", _NOT_A_STORE),
        (r"BadScheme|URL scheme is not allowed|TunnelUnsuccessful", Verdict("config", "the server sends its callers to another host", "check endpoint_url and region in --parameters")),
        (r"dns error|failed to lookup address", Verdict("dns")),
        (r"ConnectionRefused|Connection refused", Verdict("refused")),
        (r"kind: Timeout|TimedOut|operation timed out|timeout on endpoint", Verdict("timeout")),
        (r"IncompleteMessage|ConnectionReset|BrokenPipe|UnexpectedEof|ConnectionAborted|Unreachable|Connection was closed|connection was not ready", Verdict("network")),
        (r"(Import|ModuleNotFound)Error|please install|Install (adlfs|s3fs|gcsfs)", Verdict("driver_missing")),
        (r"(locate|load|determine|default|provider|valid|found in) \S{0,20} ?credentials|credentials (from|found)|CredentialProvider|CredentialsProvider|SSO (token|session)|Anonymous caller|(az|gcloud auth|aws sso) login|active account selected", Verdict("auth", "the tool that said this found no credentials, or they have expired")),
        (r"failed to (retrieve|acquire|obtain) .{0,20}token", Verdict("auth")),
        (r"account is disabled|public access is not permitted", _LIST),
        (r"unable to receive requests", Verdict("transient", stage="list")),
        (r"failure to initialize configuration|token provider class|hierarchical namespace (is )?not", Verdict("config")),
        (r"over the account limit", Verdict("quota", stage="list")),
        (r"specified resource does not exist", _NO_BUCKET),
        (r"(connection string|account info|configuration (property|value)|bucket name|storage account) .{0,80}(malformed|expected format|not found|invalid|must match)|invalid (bucket name|configuration)|connection string", Verdict("config")),
    ),
    inside=r"(?-i:An error occurred \((\w+)\)|\b(?:ErrorCode|Error Code|Code)\W{1,3}([A-Z][a-z]+[A-Z]\w+)|\b(?P<weak>[A-Za-z]+_?[A-Za-z]+)\b)",
    alone=r"[A-Za-z]+_?[A-Za-z]+",
    spell=spelled_as(_CODES, _UMBRELLAS),
)  # fmt: skip
_STATUS = {
    "401": _LOGIN,
    "403": Verdict("permission", stage="list"),
    "404": _NO_BUCKET,
    "429": Verdict("quota", stage="list"),
    "3": _REGION,
    "4": Verdict("config"),
    "5": Verdict("transient"),
}
# Two things that the same code says of other requests.
_ROLE = re.compile(r"sts:AssumeRole|AssumeRole operation: .*AccessDenied|\(AccessDenied\) when calling the AssumeRole")
_NO_ROLE = Verdict("permission", "these keys may not assume the role", "check role_arn and external_id, and the trust policy of the role", "login")  # fmt: skip
_CHECKED = "lacked the necessary privileges to complete for path"
_HTTP = re.compile(r"(?:non-2xx status code: |error occurred \(|Exception: )(\d)(\d\d)\b")


def classify(keys_hint: str) -> Callable[[BaseException], Verdict | None]:
    """Return what judges errors of the driver, of the store behind it and of STS; the hint is for refused keys."""

    def classify(exc: BaseException) -> Verdict | None:
        verdict = _judged(str(exc))
        if verdict is not None and verdict.failure_class == "auth":
            cause = verdict.cause or "the store refused the access key or the secret key"
            return replace(verdict, cause=cause, hint=verdict.hint or keys_hint)
        return verdict

    return classify


def _judged(text: str) -> Verdict | None:
    verdict = ENTRA.explain(text) or ERRORS.explain(text)
    code = verdict.code if verdict is not None else None
    if special := _NO_ROLE if _ROLE.search(text) else _READ if _CHECKED in text else None:
        return replace(special, code=code)
    status = _HTTP.search(text)
    if status is None or (verdict is not None and verdict.failure_class != "unknown"):
        return verdict
    by_status = _STATUS.get(status[1] + status[2]) or _STATUS.get(status[1])
    return by_status and replace(by_status, code=code or status[1] + status[2])


# A type whose data are objects, through obstore.
OBJECT_STORE = functools.partial(
    Connector,
    kind="dfs",
    driver="obstore",
    required=("uri",),
    scope=("root_path",),
    protocols=(HTTP,),
    tls="direct",
    close=lambda _handle: None,
    lift_limits=lift_limits,
    tables=tables,
    pinned="proxy",  # a second host, as STS at a name of AWS, through look-ups in Python
    forks=False,  # Rust's tokio
    reads="files",
)
