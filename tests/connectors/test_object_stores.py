"""Object stores against emulators and faulty servers, each test in the child process of the product."""

import contextlib
import http.server
import json
import threading
import time
import urllib.request
from typing import ClassVar

import boto3
import obstore
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from obstore.exceptions import BaseError
from obstore.store import AzureStore, S3Store

from qualytics import probe
from qualytics.connectors import get
from qualytics.connectors.contract import Target, Tls
from qualytics.connectors.shared import object_store
from qualytics.probe.child.target import make_target
from qualytics.secret import Secret
from testbed import objects, relay
from tests.connectors.shared.test_object_store import ABFS, GOOGLE_KEY, ROLE
from tests.support import faults
from tests.support.faults_suite import limit_of
from tests.support.keys import RSA

pytestmark = pytest.mark.servers
KEYS = {"access_key": "AKIA", "secret_key": "SECRET"}
FILES = ("raw/2024/a b.csv", "raw/2025/é.csv", "top.csv")


def probed(kind, uri, secrets, url, *, timeout_s=10.0, root_path=None, **parameters):
    """Return the report of one test against an endpoint."""
    values = {"uri": uri, "parameters": {"endpoint_url": url, **parameters}}
    held = {name: Secret(value) for name, value in secrets.items()}
    return probe.run(probe.Plan(kind, values, held, timeout_s, root_path=root_path))


def verdict(report):
    """Return stage and class of a failed test."""
    assert report.failure is not None, report
    return report.failure.stage, report.failure.failure_class


def listed(kind, uri, secrets, url, prefix="", root_path=None):
    """Return what discovery finds under a prefix."""
    held = {name: Secret(value) for name, value in secrets.items()}
    values = {"uri": uri, "parameters": {"endpoint_url": url}}
    plan = probe.Plan(kind, values, held, timeout_s=10.0, root_path=root_path)
    target = make_target(plan, "/nowhere")
    connector = get(kind)
    handle = connector.open(target)
    return [(item.kind, item.name) for item in connector.tables(handle, target, prefix)]


@pytest.fixture(scope="module")
def s3():
    """Run moto with two users: one may list and read, the other may list alone; moto checks keys and policies."""

    def policy(*actions):
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    # One call a bucket and a file, and three a user, go unchecked; moto asks for rights from then on.
    with objects.moto(open_calls=2 + len(FILES) + 3 * 3) as server:
        server.url = f"http://{server.host}:{server.port}"
        open_to_all = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=server.url, **open_to_all)
        for bucket in ("data", "empty"):
            client.create_bucket(Bucket=bucket)
        for name in FILES:
            client.put_object(Bucket="data", Key=name, Body=b"1,2\n")
        iam = boto3.client("iam", endpoint_url=server.url, **open_to_all)
        users = {
            "reader": policy("s3:ListBucket", "s3:GetObject", "sts:AssumeRole"),
            "lister": policy("s3:ListBucket"),
            "nobody": policy("s3:PutObject"),
        }
        server.keys = {}
        for user, rights in users.items():
            iam.create_user(UserName=user)
            key = iam.create_access_key(UserName=user)["AccessKey"]
            iam.put_user_policy(UserName=user, PolicyName="rights", PolicyDocument=rights)
            server.keys[user] = {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}
        yield server


@pytest.fixture(scope="module")
def open_s3():
    """Run moto without checks, which its STS needs: a role of moto has no rights of its own."""
    with objects.moto() as server:
        server.url = f"http://{server.host}:{server.port}"
        client = boto3.client(
            *("s3",), endpoint_url=server.url, aws_access_key_id="x", aws_secret_access_key="y", region_name="us-east-1"
        )
        client.create_bucket(Bucket="data")
        client.put_object(Bucket="data", Key="top.csv", Body=b"1")
        yield server


@pytest.fixture(scope="module")
def google_key():
    """Return a service account's key; the emulator asks nobody about it."""
    key = RSA
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"secret_key": json.dumps(GOOGLE_KEY | {"private_key": pem.decode()})}


def fill_gcs(server, scheme):
    """Make the buckets and files in fake-gcs-server."""
    server.url = f"{scheme}://{server.host}:{server.port}"
    call = objects.opener().open
    for bucket in ("data", "empty"):
        body = json.dumps({"name": bucket}).encode()
        json_type = {"Content-Type": "application/json"}
        call(urllib.request.Request(f"{server.url}/storage/v1/b?project=p", body, json_type)).close()
    for name in FILES:
        place = f"/upload/storage/v1/b/data/o?uploadType=media&name={urllib.request.quote(name, safe='')}"
        call(urllib.request.Request(server.url + place, b"1,2\n", {"Content-Type": "text/csv"})).close()


@pytest.fixture(scope="module")
def gcs():
    with objects.fake_gcs() as server:
        fill_gcs(server, "http")
        yield server


@pytest.fixture(scope="module")
def azure():
    with objects.azurite() as server:
        server.url = f"http://{server.host}:{server.port}/{server.user}"
        server.uri = f"abfss://data@{server.user}.dfs.core.windows.net"
        server.keys = {"access_key": server.user, "secret_key": server.password}
        for container in ("data", "empty"):
            objects.make_container(server, container)
        account = {"account_name": server.user, "account_key": server.password, "endpoint": server.url}
        store = AzureStore("data", client_options={"allow_http": True}, **account)
        for name in FILES:
            obstore.put(store, name, b"1,2\n")
        yield server


@pytest.fixture(params=["s3", "gcs", "abfs"])
def store(request):
    """Return each store in turn: its type, the uri of its bucket `data`, its keys and its url."""
    if request.param == "s3":
        server = request.getfixturevalue("s3")
        return "s3", "s3://data", server.keys["reader"], server.url
    if request.param == "gcs":
        return "gcs", "gs://data", request.getfixturevalue("google_key"), request.getfixturevalue("gcs").url
    server = request.getfixturevalue("azure")
    return "abfs", server.uri, server.keys, server.url


# Good logins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "root_path"), [("", None), ("/raw", None), ("", "/"), ("/raw", "/raw/2024/")])
def test_a_store_is_listed_and_read(store, path, root_path):
    kind, uri, keys, url = store
    report = probed(kind, uri + path, keys, url, root_path=root_path)
    assert report.failure is None, report.failure
    assert [stage.name for stage in report.stages] == ["resolve", "tcp", "login", "list"]
    assert report.warnings == ("the connection is not encrypted",)
    assert (report.detected["driver_name"], report.detected["product_name"]) == ("obstore", None)


@pytest.mark.parametrize("root_path", [None, "nothing/here"])
def test_an_empty_path_passes_with_a_warning(store, root_path):
    kind, uri, keys, url = store
    uri = uri if root_path else uri.replace("data", "empty", 1)
    report = probed(kind, uri, keys, url, root_path=root_path)
    assert report.failure is None, report.failure
    assert f"there is nothing to read under /{root_path or ''}: whether it may be read is not known" in report.warnings


def test_discovery_shows_prefixes_and_objects(store):
    assert listed(*store) == [("prefix", "raw/"), ("object", "top.csv")]
    assert listed(*store, "raw") == [("prefix", "raw/2024/"), ("prefix", "raw/2025/")]
    assert listed(*store, "2024/", root_path="/raw") == [("object", "raw/2024/a b.csv")]
    assert listed(*store, "/raw/2025/") == [("object", "raw/2025/é.csv")]
    assert listed(*store, "nothing") == []


def test_a_role_is_assumed_with_the_connections_own_keys(open_s3):
    role = {"authentication_type": "IAM_ROLE", "role_arn": ROLE, "external_id": "7of9"}
    report = probed("s3", "s3://data", KEYS, open_s3.url, **role)
    assert report.failure is None, report.failure


def test_nothing_of_the_machines_identity_reaches_the_driver(open_s3, monkeypatch, tmp_path):
    profile = tmp_path / "credentials"
    profile.write_text("[default]\naws_access_key_id = AMBIENT\naws_secret_access_key = AMBIENT\n")
    for name, value in {
        "AWS_SHARED_CREDENTIALS_FILE": str(profile),
        "AWS_SESSION_TOKEN": "AMBIENT",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
        "HTTPS_PROXY": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    role = {"authentication_type": "IAM_ROLE", "role_arn": ROLE}
    assert probed("s3", "s3://data", KEYS, open_s3.url).failure is None
    assert probed("s3", "s3://data", KEYS, open_s3.url, **role).failure is None


# Refusals ------------------------------------------------------------------------------------------


def test_wrong_keys_fail_at_the_login(s3, azure):
    reader = s3.keys["reader"]
    wrong_secret = probed("s3", "s3://data", reader | {"secret_key": "p$@*#;!/%{}\"'\\ \né"}, s3.url)
    assert verdict(wrong_secret) == ("login", "auth")
    assert wrong_secret.failure.message == "the secret key does not belong to the access key"
    unknown_key = probed(
        "s3",
        "s3://data",
        reader | {"access_key": "AKIAIOSFODNN7EXAMPLE"},  # pragma: allowlist secret
        s3.url,
    )
    assert verdict(unknown_key) == ("login", "auth")
    assert verdict(probed("abfs", azure.uri, {"secret_key": "bm90IGl0"}, azure.url)) == ("login", "auth")
    assert verdict(probed("abfs", azure.uri, {"secret_key": "not base64"}, azure.url)) == ("login", "config")


def test_a_key_of_google_that_cannot_sign_is_a_wrong_setting(gcs):
    cut = GOOGLE_KEY["private_key"].replace("\n", "\n\n", 5)[:900]
    report = probed("gcs", "gs://data", {"secret_key": json.dumps(GOOGLE_KEY | {"private_key": cut})}, gcs.url)
    assert verdict(report) == ("login", "config")
    assert "has a private_key that has no footer" in report.failure.message


def test_a_bucket_that_does_not_exist_is_named_so(store):
    kind, uri, keys, url = store
    assert verdict(probed(kind, uri.replace("data", "missing", 1), keys, url)) == ("list", "unknown_db")


def test_the_rights_to_list_and_to_read_are_told_apart(s3):
    listing = probed("s3", "s3://data", s3.keys["nobody"], s3.url)
    assert verdict(listing) == ("list", "permission")
    assert "may not list" in listing.failure.message
    reading = probed("s3", "s3://data", s3.keys["lister"], s3.url)
    assert verdict(reading) == ("list", "permission")
    assert reading.failure.message == "objects can be listed here, but not read"


def test_a_root_path_that_no_object_can_have_is_a_wrong_setting(open_s3):
    assert verdict(probed("s3", "s3://data", KEYS, open_s3.url, root_path="../x")) == ("list", "config")


def test_a_role_that_sts_refuses_fails_at_the_login(s3):
    role = {"authentication_type": "IAM_ROLE", "role_arn": ROLE}
    unknown = probed("s3", "s3://data", KEYS, s3.url, **role)
    assert verdict(unknown) == ("login", "auth")
    refused = probed("s3", "s3://data", s3.keys["lister"], s3.url, **role)
    assert verdict(refused) == ("login", "permission")
    assert refused.failure.message == "these keys may not assume the role"


# TLS -----------------------------------------------------------------------------------------------


@pytest.fixture
def tls_store(store, certificate):
    """Return a store behind a TLS relay, or with TLS of its own where no relay can stand before it."""
    kind, uri, keys, url = store
    if kind == "gcs":
        with objects.fake_gcs(certificate) as server:
            fill_gcs(server, "https")
            yield kind, uri, keys, server.url
        return
    port, _, path = url.partition("127.0.0.1:")[2].partition("/")
    with relay.relay(int(port), certificate) as public:
        yield kind, uri, keys, f"https://localhost:{public}/{path}"


def test_a_private_authority_is_trusted_when_it_is_given(tls_store, root_file, authority):
    for roots in ({"ssl_root_cert_file": str(root_file)}, {"ssl_root_cert": authority.cert_pem.bytes().decode()}):
        report = probed(*tls_store, ssl_mode="verify", **roots)
        assert report.failure is None, report.failure
        assert [stage.name for stage in report.stages] == ["resolve", "tcp", "tls", "login", "list"]
        assert report.tls["verified"] is True
        assert report.warnings == ()


def test_an_unknown_or_another_authority_is_refused_before_the_login(tls_store):
    stranger = trustme.CA().cert_pem.bytes().decode()
    for parameters in ({}, {"ssl_mode": "verify"}, {"ssl_root_cert": stranger}):
        assert verdict(probed(*tls_store, **parameters)) == ("tls", "tls")


def test_require_encrypts_without_verifying_and_says_so(tls_store):
    report = probed(*tls_store, ssl_mode="require")
    assert report.failure is None, report.failure
    assert report.warnings == ("the server's certificate was not verified (ssl_mode=require)",)


def test_the_driver_itself_verifies_the_certificate(open_s3, certificate):
    with relay.relay(open_s3.port, certificate) as port:
        store = S3Store(
            "data",
            endpoint=f"https://localhost:{port}",
            region="us-east-1",
            access_key_id="x",
            secret_access_key="y",
            retry_config={"max_retries": 0},
        )
        with pytest.raises(obstore.exceptions.BaseError, match="UnknownIssuer") as refused:
            obstore.list_with_delimiter(store)
        assert get("s3").classify(refused.value).failure_class == "tls"


# Redirects -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", ["s3", "gcs", "abfs"])
def test_a_server_cannot_send_the_driver_to_another_host(kind, scheme, certificate, root_file, google_key):
    uri, keys = PLACES[kind]
    called = threading.Event()

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def setup(self):
            called.set()
            super().setup()

        def log_message(self, *_):
            """Keep quiet."""

    class Redirecting(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", f"{scheme}://127.0.0.1:{other.server_port}/latest/meta-data/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Keep quiet."""

    with (
        served(Elsewhere) as other,
        served(Redirecting) as server,
        relay.relay(server.server_port, certificate) as port,
    ):
        url = f"https://localhost:{port}"
        report = probed(kind, uri, keys or google_key, url, ssl_root_cert_file=str(root_file))
    assert verdict(report) == ("login", "config")
    assert report.failure.message == "the server sends its callers to another host"
    assert not called.is_set()


# The address that was checked ----------------------------------------------------------------------


class Called(http.server.BaseHTTPRequestHandler):
    """Refuses what it is asked, and keeps for whom it was."""

    hosts: ClassVar[list[str]] = []

    def do_GET(self):
        self.hosts.append(self.headers["Host"])
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Keep quiet."""


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", ["s3", "gcs", "abfs"])
def test_the_driver_goes_to_the_address_that_was_checked_whatever_the_name_is_by_now(
    kind, scheme, authority, root_file, google_key
):
    uri, keys = PLACES[kind]
    Called.hosts.clear()
    issued = authority.issue_cert("pinned.invalid")
    with served(Called) as server, relay.relay(server.server_port, chain_of(issued)) as secure:
        port = secure if scheme == "https" else server.server_port
        values = {"uri": uri, "parameters": {"endpoint_url": f"https://pinned.invalid:{port}"}}
        secrets = {name: Secret(value) for name, value in (keys or google_key).items()}
        target = Target(
            **{"type": kind, **values, **secrets, "timeout_s": 10.0, "directory": "/nowhere"},
            host="pinned.invalid",
            port=port,
            address="127.0.0.1",
            tls=Tls("verify", None, str(root_file), active=True) if scheme == "https" else None,
        )
        target.parameters["ssl_root_cert_file"] = str(root_file)
        with pytest.raises(object_store.StoreError, match="403"):
            get(kind).open(target)
    assert Called.hosts == [f"{'127.0.0.1' if scheme == 'http' else 'pinned.invalid'}:{port}"]


def chain_of(issued):
    return issued.cert_chain_pems, issued.private_key_pem


@contextlib.contextmanager
def served(handler):
    """Serve HTTP on a free port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


# Awkward keys --------------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40))
def test_an_awkward_secret_is_refused_as_a_secret_and_as_nothing_else(s3, secret):
    keys = s3.keys["reader"] | {"secret_key": secret}
    assert verdict(probed("s3", "s3://data", keys, s3.url)) == ("login", "auth")


def test_a_bucket_named_with_dots_and_a_path_with_awkward_names_arrive_unchanged(open_s3):
    client = boto3.client(
        "s3", endpoint_url=open_s3.url, aws_access_key_id="x", aws_secret_access_key="y", region_name="us-east-1"
    )
    client.create_bucket(Bucket="my.bucket-1")
    for name in ("a b+c&d/é ü/x=1/50%/f.csv",):
        client.put_object(Bucket="my.bucket-1", Key=name, Body=b"1")
        report = probed("s3", f"s3://my.bucket-1/{name.rpartition('/')[0]}", KEYS, open_s3.url)
        assert report.failure is None, report.failure
        assert report.warnings == ("the connection is not encrypted",)  # so there was an object to read


# Faults --------------------------------------------------------------------------------------------

FAULTS = {
    "closed": ("tcp", "refused"),
    "dropping": ("tcp", "timeout"),
    "silent": ("{}", "timeout"),
    "closing": ("{}", "network"),
    "garbage": ("{}", "config"),
    "resetting": ("{}", "network"),
    "trickling": ("{}", "timeout"),
    "endless": ("{}", "timeout"),
}
PLACES = {"s3": ("s3://data", KEYS), "abfs": (ABFS, {"secret_key": "bm90IGl0"}), "gcs": ("gs://data", None)}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", PLACES)
def test_a_faulty_server_gets_its_class_and_stage_within_the_deadline(kind, fault, scheme, google_key):
    uri, keys = PLACES[kind]
    stage, failure_class = FAULTS[fault]
    with getattr(faults, fault)() as port:
        began = time.monotonic()
        limit_s = limit_of(failure_class)
        report = probed(kind, uri, keys or google_key, f"{scheme}://127.0.0.1:{port}", timeout_s=limit_s)
        assert time.monotonic() - began < limit_s + 1.0
    assert verdict(report) == (stage.format("tls" if scheme == "https" else "login"), failure_class)


class EarlyStranger:
    """A store whose server spoke before the request left, as the driver tells of it, then refused the request."""

    UNSENT = 'HttpError { source: hyper::Error(Canceled, "connection was not ready") }'

    def __init__(self, *unsent):
        self.errors = [BaseError(text) for text in unsent]

    def list(self, _prefix, *, chunk_size):
        assert chunk_size
        raise self.errors.pop(0) if self.errors else BaseError("hyper::Error(UnexpectedMessage)")


@pytest.mark.parametrize(("unsent", "failure_class"), [(0, "config"), (1, "config"), (5, "config"), (6, "network")])
def test_a_listing_that_was_never_sent_is_sent_again_a_few_times(unsent, failure_class):
    target = Target(type="s3", parameters={}, timeout_s=1.0, directory="")
    with pytest.raises(object_store.StoreError) as failure:
        object_store.first_page(EarlyStranger(*[EarlyStranger.UNSENT] * unsent), target, "")
    assert object_store.classify("")(failure.value.__cause__).failure_class == failure_class


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["silent", "closing", "garbage"])
def test_a_faulty_sts_gets_its_class_at_the_login(fault):
    role = {"authentication_type": "IAM_ROLE", "role_arn": ROLE}
    with getattr(faults, fault)() as port:
        began = time.monotonic()
        report = probed("s3", "s3://data", KEYS, f"http://127.0.0.1:{port}", timeout_s=3.0, **role)
        assert time.monotonic() - began < 3.0 + 1.0
    assert verdict(report) == ("login", FAULTS[fault][1])


@pytest.mark.parametrize("kind", PLACES)
def test_a_host_that_does_not_exist_is_named(kind, google_key):
    uri, keys = PLACES[kind]
    report = probed(kind, uri, keys or google_key, "https://no-such-host.invalid", timeout_s=3.0)
    assert verdict(report) == ("resolve", "dns")
    assert "no-such-host.invalid" in report.failure.message
    assert "--host" not in report.failure.hint
