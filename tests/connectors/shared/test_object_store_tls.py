"""Object stores and where they are reached: certificates, redirects, and the address that was checked."""

import http.server
import threading
from typing import ClassVar

import obstore
import pytest
import trustme
from obstore.store import S3Store

from qualytics.connectors import get
from qualytics.connectors.contract import Target, Tls
from qualytics.connectors.shared import object_store
from qualytics.secret import Secret
from testbed import objects, relay
from tests.support.object_stores import PLACES, chain_of, fill_gcs, probed, served, verdict

pytestmark = pytest.mark.servers


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
            tls=Tls("verify", None, str(root_file), active=True) if scheme == "https" else Tls(),
        )
        target.parameters["ssl_root_cert_file"] = str(root_file)
        with pytest.raises(object_store.StoreError, match="403"):
            get(kind).open(target)
    assert Called.hosts == [f"{'127.0.0.1' if scheme == 'http' else 'pinned.invalid'}:{port}"]
