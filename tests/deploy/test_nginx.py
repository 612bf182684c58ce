"""The control plane behind a real nginx over TLS, with the site of `deploy/`."""

import http.client
import json
import re
import socket
import ssl
import subprocess
import sys

import pytest

from qualytics.server.app import ROUTES
from qualytics.server.config import SETTINGS
from testbed.proxy import DEPLOY, NAME

pytestmark = [pytest.mark.servers, pytest.mark.slow]
FIELDS = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "app"}


def addresses(ask, action):
    return [entry["address"] for entry in ask("GET", f"/audit?action={action}")[2]["items"]]


def test_the_api_answers_over_tls_with_its_own_headers(ask):
    status, headers, found = ask("GET", "/connections")
    assert status == 200
    assert isinstance(found["items"], list)
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["cache-control"] == "no-store"
    assert "nginx/" not in headers["server"]


def test_plain_http_is_sent_to_tls(front):
    caller = http.client.HTTPConnection("127.0.0.1", front.plain_port, timeout=60)
    caller.request("POST", "/api/connections", b"{}", {"Host": NAME})
    reply = caller.getresponse()
    assert (reply.status, reply.getheader("Location")) == (308, f"https://{NAME}/api/connections")
    caller.close()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:99", f"{NAME}.evil.example", f"{NAME}:99"])
def test_plain_http_is_sent_to_the_name_of_the_site_whatever_host_was_asked_for(front, host):
    caller = http.client.HTTPConnection("127.0.0.1", front.plain_port, timeout=60)
    caller.request("GET", "/x?y=z", headers={"Host": host})
    reply = caller.getresponse()
    assert (reply.status, reply.getheader("Location")) == (308, f"https://{NAME}/x?y=z")
    caller.close()


def test_a_body_of_malformed_chunks_is_a_bad_request(front, ask, plane):
    for chunks in (b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}XX0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n", b"f" * 20 + b"\r\n{}"):
        context = ssl.create_default_context(cafile=front.authority)
        with (
            socket.create_connection(("127.0.0.1", front.port), timeout=60) as plain,
            context.wrap_socket(plain, server_hostname=NAME) as caller,
        ):
            head = (
                f"POST /api/connections HTTP/1.1\r\nHost: {NAME}\r\nAuthorization: Bearer {plane.tokens['Admin']}\r\n"
            )
            caller.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
            assert caller.recv(65_536).startswith(b"HTTP/1.1 400 ")


def test_the_address_in_the_audit_log_is_the_clients_whatever_it_says_of_itself(ask):
    for number, said in enumerate(("203.0.113.9", "203.0.113.9, 127.0.0.1", "127.0.0.1, 127.0.0.1", "\t, ,nonsense")):
        status, _, _ = ask("POST", "/connections", FIELDS | {"name": f"proxied {number}"}, **{"X-Forwarded-For": said})
        assert status == 200
        assert addresses(ask, "connection.create")[0] == "127.0.0.2"


def test_a_client_that_is_no_trusted_proxy_is_not_believed(plane, ask):
    caller = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=60, source_address=("127.0.0.3", 0))
    headers = {"Authorization": f"Bearer {plane.tokens['Admin']}", "X-Forwarded-For": "203.0.113.9"}
    body = json.dumps(FIELDS | {"name": "direct"}).encode()
    caller.request("POST", "/api/connections", body, headers | {"Content-Type": "application/json"})
    assert caller.getresponse().status == 200
    caller.close()
    assert addresses(ask, "connection.create")[0] == "127.0.0.3"


def test_a_secret_goes_over_the_tls_of_the_proxy_and_not_past_it_whatever_a_client_says(ask, plane):
    made = ask("POST", "/connections", FIELDS | {"name": "granted", "password": "s3cret of a test"})[2]
    assert ask("POST", "/grants", {"user": "admin", "connection": "granted"})[0] == 200
    path, purpose = f"/connections/{made['id']}/use", {"purpose": "a test"}
    for said in ({}, {"X-Forwarded-Proto": "http"}):  # which nginx replaces
        status, _, used = ask("POST", path, purpose, **said)
        assert (status, used["password"]) == (200, "s3cret of a test")
    assert addresses(ask, "connection.use")[0] == "127.0.0.2"
    for source in ("127.0.0.1", "127.0.0.3"):
        caller = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=60, source_address=(source, 0))
        headers = {"Authorization": f"Bearer {plane.tokens['Admin']}", "Content-Type": "application/json"}
        claim = {"X-Forwarded-Proto": "https"} if source == "127.0.0.3" else {}
        caller.request("POST", f"/api{path}", json.dumps(purpose).encode(), headers | claim)
        reply = caller.getresponse()
        assert (reply.status, json.loads(reply.read())["code"]) == (403, "not-allowed")
        caller.close()


def test_a_body_of_nearly_the_limit_passes(ask):
    large = {"parameters": {"application_name": "x" * 1_000_000}}
    status, _, found = ask("POST", "/connections", FIELDS | {"name": "large"} | large)
    assert (status, found["code"]) == (422, "invalid-input")


@pytest.mark.parametrize("size", [1_048_577, 2_000_000])
def test_a_body_beyond_the_limit_is_refused_in_the_words_of_the_api(ask, size):
    status, headers, found = ask("POST", "/connections", b" " * size)
    assert (status, found["status"], found["code"]) == (413, 413, "too-large")
    assert headers["content-type"] == "application/problem+json"
    assert ask("GET", "/connections")[0] == 200


def test_a_test_that_takes_long_ends_with_its_report(ask):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made = ask("POST", "/connections", FIELDS | {"name": "silent", "port": silent.getsockname()[1]})[2]
        status, _, report = ask("POST", f"/connections/{made['id']}/test?timeout_s=5")
    assert (status, report["class"]) == (200, "timeout")
    assert report["duration_ms"] >= 4_900


def test_the_proxy_waits_longer_than_any_test_may_take_and_takes_what_the_api_does():
    waits_s = next(setting.default for setting in SETTINGS if setting.name == "test_wait_s")
    found = re.search(r"proxy_read_timeout (\d+)s;", (DEPLOY / "nginx.conf").read_text())
    assert int(found[1]) >= 300 + waits_s + 5
    defaults = {setting.name: setting.default for setting in SETTINGS}
    assert (defaults["body_bytes"], defaults["set_bytes"]) == (1 << 20, 32 << 20)
    limits = re.findall(r"client_max_body_size (\w+);", (DEPLOY / "nginx.conf").read_text())
    assert limits == ["1m", "32m"]
    sets = sorted(path for route in ROUTES if route.opt.get("is_set") for path in route.paths)
    assert sets == ["/config/apply", "/config/plan", "/connections/import"]  # which the site names


def test_a_configuration_passes_beyond_the_limit_of_other_bodies(ask):
    large = {"connections": [], "datastores": [], "pad": "x" * 2_000_000}
    assert ask("POST", "/config/plan", large)[0] == 200


def test_the_command_line_works_through_the_proxy(plane, front, tmp_path):
    env = plane.environment() | {
        "PATH": "/usr/bin:/bin",
        "QUALYTICS_URL": f"https://localhost:{front.port}",
        "QUALYTICS_CONFIG_HOME": str(tmp_path / "home"),
        "SSL_CERT_FILE": str(front.authority),
    }
    words = [sys.executable, "-m", "qualytics", "connections"]
    options = ["--type", "postgresql", "--name", "by command", "--host", "127.0.0.1", "--port", "1", "--username", "u"]
    done = subprocess.run([*words, "create", *options], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [*words, "get", "--name", "by command", "--format", "json"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["host"] == "127.0.0.1"
    done = subprocess.run(
        [*words, "list"], env=env | {"SSL_CERT_FILE": ""}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "certificate" in done.stderr
