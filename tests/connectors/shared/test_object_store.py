"""Object stores without a store: addresses, arguments of the driver, what is refused, and what errors mean."""

# ruff: noqa: E501 - tables of messages read best with one verdict a line

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualytics.connectors import get
from qualytics.connectors.contract import Refusal, Target, Tls
from qualytics.connectors.shared.aws import role_call, sts_client
from qualytics.connectors.shared.google import clean_service_account
from qualytics.connectors.shared.http import base_url
from qualytics.connectors.shared.object_store import driver_options
from qualytics.connectors.types.abfs import config as abfs_config
from qualytics.connectors.types.gcs import config as gcs_config
from qualytics.connectors.types.s3 import config as s3_config
from qualytics.secret import Secret
from tests.support.object_stores import ABFS, GOOGLE_KEY, ROLE

KEYS = ("--access-key", "AKIA", "--secret-key", "SECRET")
PASSWORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60)


def target(kind, uri, secrets, parameters=None, **more):
    """Return a target as the stages leave it: reached, and its server's certificate checked."""
    values = {"uri": uri, "parameters": parameters or {}}
    place = get(kind).endpoint(values)
    return Target(
        type=kind,
        parameters=values["parameters"],
        timeout_s=7.5,
        directory="/nowhere",
        host=place.host,
        port=place.port,
        uri=uri,
        tls=more.pop("tls", Tls("auto", None, None) if place.https else Tls()),
        **{name: Secret(value) for name, value in secrets.items()},
        **more,
    )


# Addresses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "uri", "stored"),
    [
        ("s3", "s3://bucket", "s3://bucket"),
        ("s3", "s3://my.old_Bucket/", "s3://my.old_Bucket"),
        ("s3", "s3://bucket/raw/a b/", "s3://bucket/raw/a b"),
        ("gcs", "gs://bucket/raw", "gs://bucket/raw"),
        ("abfs", ABFS, ABFS),
        ("abfs", f"{ABFS}/raw/2024/", f"{ABFS}/raw/2024"),
        ("abfs", "abfs://$web@lake.dfs.core.windows.net", "abfs://$web@lake.dfs.core.windows.net"),
    ],
)
def test_a_uri_is_stored_without_slashes_at_its_end(kind, uri, stored):
    assert get(kind).clean_uri(uri) == stored


@pytest.mark.parametrize(
    ("kind", "uri"),
    [
        *[("s3", uri) for uri in ("bucket", "s3a://bucket", "gs://bucket", "https://bucket.s3.amazonaws.com", "s3://")],
        *[("s3", uri) for uri in ("s3://AKIA:hidden@bucket", "s3://bucket:9000", "s3://bucket?x=hidden", "s3://b")],
        *[("s3", uri) for uri in ("s3://bucket/a//b", "s3://bucket/../other", "s3://bucket/.", "s3://buc ket", "s3://-ab")],
        *[("gcs", uri) for uri in ("gcs://bucket", "gs://bucket#x", "gs:///path", "gs://key@bucket")],
        *[("abfs", uri) for uri in ("abfs://data", "abfs://data@lake", "abfs://data@lake.evil.example")],
        *[("abfs", uri) for uri in ("abfs://data@lake.dfs.core.windows.net.evil.example", "wasbs://data@lake.dfs.core.windows.net")],
        *[("abfs", uri) for uri in ("abfs://data@evil.example/lake.dfs.core.windows.net", "abfs://data@a/b.dfs.core.windows.net")],
        *[("abfs", uri) for uri in ("abfs://DATA@lake.dfs.core.windows.net", "abfs://data@lake.dfs.core.windows.net:1")],
    ],
)  # fmt: skip
def test_a_uri_of_another_shape_is_refused_without_being_repeated(kind, uri):
    with pytest.raises(ValueError, match=r"^must ") as refused:
        get(kind).clean_uri(uri)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "uri", "parameters", "place"),
    [
        ("s3", "s3://bucket", {}, ("s3.us-east-1.amazonaws.com", 443, True)),
        ("s3", "s3://bucket", {"region": "eu-west-1"}, ("s3.eu-west-1.amazonaws.com", 443, True)),
        ("s3", "s3://bucket", {"region": "cn-north-1"}, ("s3.cn-north-1.amazonaws.com.cn", 443, True)),
        ("s3", "s3://bucket", {"endpoint_url": "https://minio.example.com:9000"}, ("minio.example.com", 9000, True)),
        ("gcs", "gs://bucket", {}, ("storage.googleapis.com", 443, True)),
        ("gcs", "gs://bucket", {"endpoint_url": "http://127.0.0.1:4443"}, ("127.0.0.1", 4443, False)),
        ("abfs", ABFS, {}, ("lake.blob.core.windows.net", 443, True)),
        ("abfs", ABFS, {"endpoint_url": "http://[::1]:10000/lake"}, ("::1", 10000, False)),
    ],
)
def test_the_stages_reach_the_host_that_the_driver_speaks_to(kind, uri, parameters, place):
    found = get(kind).endpoint({"uri": uri, "parameters": parameters})
    assert (found.host, found.port, found.https) == place


# Fields and parameters → arguments of the driver ---------------------------------------------------


def test_every_field_of_s3_becomes_its_argument():
    found = s3_config(
        target("s3", "s3://bucket/raw", {"access_key": "AKIA", "secret_key": "S"}, {"region": "eu-west-1"})
    )
    assert found == {
        "bucket": "bucket",
        "endpoint": "https://s3.eu-west-1.amazonaws.com",
        "region": "eu-west-1",
        "virtual_hosted_style_request": False,
        "skip_signature": False,
        "access_key_id": "AKIA",
        "secret_access_key": "S",
    }


def test_the_parameters_of_a_role_become_those_of_sts():
    parameters = {"authentication_type": "IAM_ROLE", "role_arn": ROLE, "external_id": "7 of 9", "region": "eu-west-1"}
    keys = {"access_key": "AKIA", "secret_key": "S"}
    role = target("s3", "s3://bucket", keys, parameters)
    sts = sts_client(role, "eu-west-1", "AKIA", "S")
    signer = sts._request_signer._credentials
    assert (signer.access_key, signer.secret_key, signer.token) == ("AKIA", "S", None)
    assert sts.meta.endpoint_url == "https://sts.eu-west-1.amazonaws.com"
    assert role_call(parameters) == {"RoleSessionName": "qualytics", "RoleArn": ROLE, "ExternalId": "7 of 9"}
    elsewhere = {**parameters, "endpoint_url": "https://minio.example.com:9000"}
    other = target("s3", "s3://bucket", keys, elsewhere, tls=Tls("verify", None, "/roots.pem"))
    sts = sts_client(other, "eu-west-1", "AKIA", "S")
    assert sts.meta.endpoint_url == "https://minio.example.com:9000"
    assert sts._endpoint.http_session._verify == "/roots.pem"


def test_every_field_of_gcs_becomes_its_argument():
    found = gcs_config(target("gcs", "gs://bucket/raw", {"secret_key": json.dumps(GOOGLE_KEY)}))
    assert json.loads(found.pop("service_account_key")) == {
        name: GOOGLE_KEY[name] for name in ("type", "client_email", "private_key", "private_key_id", "token_uri")
    }
    assert found == {"bucket": "bucket", "base_url": "https://storage.googleapis.com", "skip_signature": False}


def test_every_field_of_abfs_becomes_its_argument():
    common = {
        "container_name": "data",
        "account_name": "lake",
        "endpoint": "https://lake.blob.core.windows.net",
        "authority_host": "https://login.microsoftonline.com",
        "skip_signature": False,
    }
    by_key = abfs_config(target("abfs", f"{ABFS}/raw", {"access_key": "lake", "secret_key": "S"}))
    assert by_key == common | {"credential_type": "access_key", "account_key": "S"}
    parameters = {"authentication_type": "SERVICE_PRINCIPAL", "tenant_id": "contoso.com"}
    by_principal = abfs_config(target("abfs", ABFS, {"access_key": "client", "secret_key": "S"}, parameters))
    principal = {"client_id": "client", "client_secret": "S", "tenant_id": "contoso.com"}
    assert by_principal == common | {"credential_type": "client_secret", **principal}


def test_a_stored_account_name_that_is_not_in_the_uri_is_a_clear_error():
    with pytest.raises(Refusal, match="not the account in the uri"):
        abfs_config(target("abfs", ABFS, {"access_key": "other", "secret_key": "S"}))


@pytest.mark.parametrize(("kind", "uri"), [("s3", "s3://bucket"), ("gcs", "gs://bucket"), ("abfs", ABFS)])
def test_without_its_keys_a_store_looks_for_no_other_ones(kind, uri):
    config = {"s3": s3_config, "gcs": gcs_config, "abfs": abfs_config}[kind]
    with pytest.raises(Refusal, match=r"no (access|secret)_key is set"):
        config(target(kind, uri, {}))


def test_the_deadline_and_the_roots_reach_the_driver(tmp_path):
    roots = tmp_path / "roots.pem"
    roots.write_bytes(b"-----BEGIN CERTIFICATE-----")
    given_roots = {"ssl_root_cert_file": str(roots)}
    options = driver_options(target("s3", "s3://bucket", {}, given_roots, tls=Tls("verify", None, str(roots))))
    assert options["retry_config"]["max_retries"] == 0
    client = options["client_options"]
    assert client["timeout"].total_seconds() == client["connect_timeout"].total_seconds() == 7.5
    assert client["root_certificate"] == roots.read_bytes()
    assert (client["allow_http"], client["allow_invalid_certificates"]) == (False, False)
    unverified = driver_options(target("s3", "s3://bucket", {}, tls=Tls("require", None, None)))["client_options"]
    assert (unverified["allow_http"], unverified["allow_invalid_certificates"]) == (False, True)
    plain = driver_options(target("s3", "s3://bucket", {}, {"endpoint_url": "http://127.0.0.1:9000"}))["client_options"]
    assert plain["allow_http"] is True


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://store.example.com", "https://store.example.com"),
        ("https://store.example.com:443/base/", "https://store.example.com/base"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://[::1]:9000/account", "http://[::1]:9000/account"),
    ],
)
def test_an_endpoint_reaches_the_driver_rebuilt(url, base):
    assert base_url(target("s3", "s3://bucket", {}, {"endpoint_url": url})) == base


@given(PASSWORDS, PASSWORDS)
def test_keys_of_every_character_reach_the_driver_unchanged(access_key, secret_key):
    keys = {"access_key": access_key, "secret_key": secret_key}
    s3 = s3_config(target("s3", "s3://bucket", keys))
    assert (s3["access_key_id"], s3["secret_access_key"]) == (access_key, secret_key)
    principal = {"authentication_type": "SERVICE_PRINCIPAL", "tenant_id": "t"}
    abfs = abfs_config(target("abfs", ABFS, keys, principal))
    assert (abfs["client_id"], abfs["client_secret"]) == (access_key, secret_key)
    key = json.dumps(GOOGLE_KEY | {"private_key_id": secret_key})
    gcs = gcs_config(target("gcs", "gs://bucket", {"secret_key": key}))
    assert json.loads(gcs["service_account_key"])["private_key_id"] == secret_key


# What is refused before anything is opened ---------------------------------------------------------

S3_REFUSED = {
    "profile": "admin",
    "session_token": "x",
    "credential_process": "/bin/sh",
    "web_identity_token_file": "/etc/passwd",
    "metadata_endpoint": "http://169.254.169.254",
    "container_credentials_full_uri": "http://169.254.170.2/x",
    "sts_endpoint": "https://evil.example",
    "proxy_url": "http://evil.example",
    "allow_http": True,
    "skip_signature": True,
    "secret_key": "hidden",
    "ssl_mode": "disable",
    "authentication_type": "INSTANCE_PROFILE",
    "region": "eu-west-1.evil.example/",
    "endpoint_url": "http://169.254.169.254",
    "role_arn": ROLE,
    "external_id": "x1",
}
GCS_REFUSED = {
    "metadata_host": "169.254.169.254",
    "credential_executable": "/bin/sh",
    "allow_http": True,
    "service_account": "/etc/passwd",
    "application_credentials": "/etc/passwd",
    "bearer_token": "x",
    "base_url": "https://evil.example",
    "token_uri": "https://evil.example",
    "skip_signature": True,
    "proxy_url": "http://evil.example",
    "ssl_mode": "disable",
    "endpoint_url": "https://user:hidden@evil.example",
    "authentication_type": "ADC",
}
ABFS_REFUSED = {
    "allow_http": True,
    "client_certificate_path": "/etc/ssl/key.pem",
    "authority_host": "https://evil.example",
    "msi_endpoint": "http://169.254.169.254",
    "use_azure_cli": True,
    "use_emulator": True,
    "federated_token_file": "/etc/passwd",
    "sas_key": "hidden",
    "token": "hidden",
    "proxy_url": "http://evil.example",
    "ssl_mode": "disable",
    "authentication_type": "MANAGED_IDENTITY",
    "tenant_id": "contoso.com",
    "endpoint_url": "https://evil.example/?sig=hidden",
}
REFUSED = [
    *[("s3", "s3://bucket", KEYS, key, value) for key, value in S3_REFUSED.items()],
    *[("gcs", "gs://bucket", ("--secret-key", json.dumps(GOOGLE_KEY)), key, value) for key, value in GCS_REFUSED.items()],
    *[("abfs", ABFS, ("--secret-key", "S"), key, value) for key, value in ABFS_REFUSED.items()],
]  # fmt: skip


@pytest.mark.parametrize(("kind", "uri", "keys", "key", "value"), REFUSED, ids=lambda part: str(part)[:20])
def test_a_dangerous_or_conflicting_parameter_is_refused_with_its_name(run, kind, uri, keys, key, value):
    parameters = json.dumps({key: value})
    done = run("connections", "test", "--type", kind, "--uri", uri, *keys, "--parameters", parameters)
    assert done.code == 2
    assert done.out == ""
    assert key in done.err
    assert "hidden" not in done.err


@pytest.mark.parametrize(
    ("kind", "uri", "keys", "parameters", "named"),
    [
        ("s3", "s3://bucket", ("--access-key", "AKIA"), {}, "secret_key"),
        ("s3", "s3://bucket", ("--secret-key", "S"), {}, "access_key"),
        ("s3", "s3://bucket", KEYS, {"authentication_type": "IAM_ROLE"}, "role_arn"),
        ("s3", "s3://bucket", KEYS, {"authentication_type": "IAM_ROLE", "role_arn": "reader"}, "role_arn"),
        (
            "s3",
            "s3://bucket",
            KEYS,
            {"authentication_type": "IAM_ROLE", "role_arn": ROLE, "external_id": "a b"},
            "external_id",
        ),
        ("gcs", "gs://bucket", (), {}, "secret_key"),
        ("abfs", ABFS, (), {}, "secret_key"),
        ("abfs", ABFS, ("--access-key", "other", "--secret-key", "S"), {}, "access_key"),
        (
            "abfs",
            ABFS,
            ("--secret-key", "S"),
            {"authentication_type": "SERVICE_PRINCIPAL", "tenant_id": "t"},
            "access_key",
        ),
        ("abfs", ABFS, KEYS, {"authentication_type": "SERVICE_PRINCIPAL"}, "tenant_id"),
        ("abfs", ABFS, KEYS, {"authentication_type": "SERVICE_PRINCIPAL", "tenant_id": "a/b"}, "tenant_id"),
    ],
)
def test_an_authentication_type_without_what_it_needs_is_a_clear_error(run, kind, uri, keys, parameters, named):
    given_parameters = ("--parameters", json.dumps(parameters)) if parameters else ()
    done = run("connections", "create", "--type", kind, "--uri", uri, *keys, *given_parameters, "--dry-run")
    assert done.code == 2
    assert named in done.err


@pytest.mark.parametrize(
    "change",
    [
        {"type": "external_account"},
        {"type": "authorized_user"},
        {"token_uri": "https://evil.example/token"},
        {"token_uri": "https://oauth2.googleapis.com/token/../evil"},
        {"universe_domain": "evil.example"},
        {"gcs_base_url": "https://evil.example"},
        {"disable_oauth": True},
        {"credential_source": {"file": "/etc/passwd"}},
        {"service_account_impersonation_url": "https://evil.example"},
        {"private_key": None},
        {"client_email": ""},
    ],
)
def test_a_key_of_google_that_could_lead_elsewhere_is_refused(run, change):
    text = json.dumps(GOOGLE_KEY | change)
    with pytest.raises(ValueError, match=next(iter(change))):
        clean_service_account(text)
    done = run("connections", "create", "--type", "gcs", "--uri", "gs://bucket", "--secret-key", text, "--dry-run")
    assert done.code == 2
    assert GOOGLE_KEY["client_email"] not in done.err


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "/etc/key.json", '{"type": "service_account", "type": "x"}'])
def test_what_is_no_key_of_google_is_refused_without_being_repeated(text):
    with pytest.raises(ValueError, match=r"^(not JSON|must be|the key 'type' stands twice)"):
        clean_service_account(text)


def test_an_update_keeps_the_stored_keys(run):
    created = run("connections", "create", "--type", "s3", "--uri", "s3://bucket", *KEYS, "--format", "json")
    assert created.code == 0, created.err
    updated = run("connections", "update", "--id", created.json["id"], "--uri", "s3://other", "--format", "json")
    assert updated.code == 0, updated.err
    assert (updated.json["uri"], updated.json["secret_key"]) == ("s3://other", "********")
    unset = run("connections", "update", "--id", created.json["id"], "--unset", "secret_key")
    assert unset.code == 2
    assert "secret_key" in unset.err


# What errors mean ----------------------------------------------------------------------------------

# The driver's words around an answer of a store (run against moto, object_store 0.14).
LIST = "Generic S3 error: Error performing list request: Error performing GET https://h/b?list-type=2 in 2ms - Server returned non-2xx status code: {}"  # fmt: skip
CODE = "<Error><Code>{}</Code><Message>{}</Message></Error>"
SEND = "Generic S3 error: Error performing list request: Error performing GET https://h/b in 2ms - HTTP error: error sending request\n\nDebug source:\nHttp(HttpError {{ {} }})"  # fmt: skip
MESSAGES = [
    # run against moto with its users and policies on
    ("s3", LIST.format("403 Forbidden: " + CODE.format("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")), "auth"),
    ("s3", LIST.format("403 Forbidden: " + CODE.format("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")), "auth"),
    ("s3", LIST.format("404 Not Found: " + CODE.format("NoSuchBucket", "The specified bucket does not exist")), "unknown_db"),
    ("s3", "The operation lacked the necessary privileges to complete for path raw/a.csv: Error performing GET https://h/b/raw/a.csv in 4ms - Server returned non-2xx status code: 403 Forbidden: " + CODE.format("AccessDenied", "Access Denied"), "permission"),
    # Amazon S3 API reference, "Error responses"
    ("s3", LIST.format("403 Forbidden: " + CODE.format("AccessDenied", "Access Denied")), "permission"),
    ("s3", LIST.format("400 Bad Request: " + CODE.format("ExpiredToken", "The provided token has expired.")), "auth"),
    ("s3", LIST.format("403 Forbidden: " + CODE.format("RequestTimeTooSkewed", "The difference between the request time and the server's time is too large.")), "config"),
    ("s3", LIST.format("400 Bad Request: " + CODE.format("AuthorizationHeaderMalformed", "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'")), "config"),
    ("s3", LIST.format("301 Moved Permanently: " + CODE.format("PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint.")), "config"),
    ("s3", LIST.format("503 Slow Down: " + CODE.format("SlowDown", "Please reduce your request rate.")), "quota"),
    ("s3", LIST.format("500 Internal Server Error: " + CODE.format("InternalError", "We encountered an internal error. Please try again.")), "transient"),
    ("s3", LIST.format("403 Forbidden: " + CODE.format("AllAccessDisabled", "All access to this Amazon S3 resource has been disabled.")), "permission"),
    # run against servers that answer with a status and no body
    ("s3", LIST.format("401 Unauthorized: "), "auth"),
    ("s3", LIST.format("503 Service Unavailable: "), "transient"),
    ("s3", "Generic S3 error: Error performing list request: Error performing GET https://h/b in 1ms - Received redirect without LOCATION, this normally indicates an incorrectly configured region", "config"),
    ("s3", "Generic S3 error: Got invalid list response: unexpected `Event::Eof`", "config"),
    # run against closed, unresolved, silent, closing and strange ports
    ("s3", SEND.format('"tcp connect error", 127.0.0.1:1, Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }'), "refused"),
    ("s3", SEND.format('"dns error", Custom { kind: Uncategorized, error: "failed to lookup address information: Name or service not known" }'), "dns"),
    ("s3", SEND.format("kind: Timeout, source: reqwest::Error { kind: Request, source: TimedOut }"), "timeout"),
    ("s3", SEND.format("SendRequest, hyper::Error(IncompleteMessage)"), "network"),
    ("s3", SEND.format("SendRequest, hyper::Error(UnexpectedMessage)"), "config"),
    ("s3", SEND.format("error: InvalidCertificate(UnknownIssuer)"), "tls"),
    ("s3", SEND.format("kind: Builder, source: BadScheme"), "config"),
    # botocore's ClientError: AWS STS API reference, "AssumeRole" and "Common errors"
    ("s3", f"An error occurred (AccessDenied) when calling the AssumeRole operation: User: arn:aws:iam::123456789012:user/u is not authorized to perform: sts:AssumeRole on resource: {ROLE}", "permission"),
    ("s3", "An error occurred (InvalidClientTokenId) when calling the AssumeRole operation: The security token included in the request is invalid.", "auth"),
    ("s3", "An error occurred (RegionDisabledException) when calling the AssumeRole operation: STS is not activated in this region", "config"),
    # run against fake-gcs-server
    ("gcs", "Generic GCS error: Error performing list request: Error performing GET https://h/b?list-type=2 in 1ms - Server returned non-2xx status code: 500 Internal Server Error: <errorResponse><Error><Code>500</Code><Message>no bucket named b</Message></Error></errorResponse>", "unknown_db"),
    ("gcs", "Generic AwsLcCryptoProvider error: Invalid RSA key: InvalidEncoding", "config"),
    # Cloud Storage, "HTTP status and error codes for XML API"
    ("gcs", LIST.format("401 Unauthorized: " + CODE.format("AuthenticationRequired", "Authentication required.")), "auth"),
    ("gcs", LIST.format("403 Forbidden: " + CODE.format("AccessDenied", "Access denied. does not have storage.objects.list access")), "permission"),
    ("gcs", LIST.format("400 Bad Request: " + CODE.format("UserProjectMissing", "Bucket is a requester pays bucket but no user project provided.")), "config"),
    ("gcs", LIST.format("429 Too Many Requests: "), "quota"),
    # run against azurite
    ("abfs", LIST.format("403 Forbidden: " + CODE.format("AuthorizationFailure", "Server failed to authenticate the request. Make sure the value of the Authorization header is formed correctly including the signature.")), "auth"),
    ("abfs", LIST.format("404 Not Found: " + CODE.format("ContainerNotFound", "The specified container does not exist.")), "unknown_db"),
    ("abfs", "Generic MicrosoftAzure error: Invalid Access Key: Invalid symbol 32, offset 2.", "config"),
    # Azure Storage, "Common REST API error codes" and "Blob Storage error codes"
    ("abfs", LIST.format("403 Forbidden: " + CODE.format("AuthenticationFailed", "Server failed to authenticate the request.")), "auth"),
    ("abfs", LIST.format("403 Forbidden: " + CODE.format("AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission.")), "permission"),
    ("abfs", LIST.format("403 Forbidden: " + CODE.format("AuthorizationFailure", "This request is not authorized to perform this operation.")), "permission"),
    ("abfs", LIST.format("403 Forbidden: " + CODE.format("KeyBasedAuthenticationNotPermitted", "Key based authentication is not permitted on this storage account.")), "config"),
    ("abfs", LIST.format("403 Forbidden: " + CODE.format("AccountIsDisabled", "The specified account is disabled.")), "permission"),
    ("abfs", LIST.format("503 Service Unavailable: " + CODE.format("ServerBusy", "The server is currently unable to receive requests.")), "transient"),
    # Microsoft Entra, "AADSTS error codes"
    ("abfs", "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID", "auth"),
    ("abfs", "AADSTS7000222: The provided client secret keys for app are expired.", "auth"),
    ("abfs", "AADSTS700016: Application with identifier 'x' was not found in the directory 'y'.", "auth"),
    ("abfs", "AADSTS90002: Tenant 'x' not found.", "auth"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "failure_class"), MESSAGES, ids=lambda part: re.sub(r"\W+", " ", part)[-40:])
def test_a_message_means_its_class(kind, text, failure_class):
    verdict = get(kind).classify(Exception(text))
    assert verdict is not None
    assert verdict.failure_class == failure_class


def test_an_unknown_message_is_left_to_others():
    assert get("s3").classify(Exception("Generic S3 error: something new")) is None
