"""Object stores, real emulators and faulty ones: what is asked of each, in the child process of the product."""

import contextlib
import http.server
import json
import threading
import urllib.request

from qualytics import probe
from qualytics.connectors import get
from qualytics.probe.child.target import make_target
from qualytics.secret import Secret
from testbed import objects
from testbed.reach import google_key
from tests.support import children

ABFS = "abfss://data@lake.dfs.core.windows.net"
ROLE = "arn:aws:iam::123456789012:role/team/reader"
GOOGLE_KEY = {
    "type": "service_account",
    "project_id": "p",
    "private_key_id": "1",
    "private_key": json.loads(google_key())["private_key"],
    "client_email": "reader@p.iam.gserviceaccount.com",
    "client_id": "2",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": "https://oauth2.googleapis.com/token",
    "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
    "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/reader",
    "universe_domain": "googleapis.com",
}
KEYS = {"access_key": "AKIA", "secret_key": "SECRET"}
FILES = ("raw/2024/a b.csv", "raw/2025/é.csv", "top.csv")
PLACES = {"s3": ("s3://data", KEYS), "abfs": (ABFS, {"secret_key": "bm90IGl0"}), "gcs": ("gs://data", None)}


def probed(kind, uri, secrets, url, *, timeout_s=10.0, root_path=None, **parameters):
    """Return the report of one test against an endpoint."""
    values = {"uri": uri, "parameters": {"endpoint_url": url, **parameters}}
    held = {name: Secret(value) for name, value in secrets.items()}
    return children.run(probe.Plan(kind, values, held, timeout_s, root_path=root_path))


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


def fill_gcs(server, scheme):
    """Make the buckets and files in fake-gcs-server."""
    server.url = f"{scheme}://{server.host}:{server.port}"
    for bucket in ("data", "empty"):
        body = json.dumps({"name": bucket}).encode()
        json_type = {"Content-Type": "application/json"}
        objects.opener().open(urllib.request.Request(f"{server.url}/storage/v1/b?project=p", body, json_type)).close()
    for name in FILES:
        put_gcs(server, name, b"1,2\n")


def put_gcs(server, name, body):
    """Put a file into the bucket of fake-gcs-server."""
    place = f"/upload/storage/v1/b/data/o?uploadType=media&name={urllib.request.quote(name, safe='')}"
    request = urllib.request.Request(server.url + place, body, {"Content-Type": "text/csv"})
    objects.opener().open(request).close()


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
