"""The client against servers that hang, lie, redirect, break off or never end; and where its token goes."""

import json
import os
import signal
import ssl
import subprocess
import sys

import pytest

from qualytics.client.config import make
from qualytics.client.http.api import Api
from qualytics.client.http.client import HttpClient
from qualytics.errors import InvalidInput, NotSignedIn, Unreachable
from qualytics.secret import MASK
from qualytics.transport.http import Reply
from tests.support import faults
from tests.support.misbehaving_http import TOKEN, refused, reply, scripted
from tests.support.tunnel import tunnelling

SECRET = "corr3ct-h0rse-battery"
PAGE = reply(200, {"items": [], "total": 0, "page": 1, "size": 100, "pages": 0})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "words"),
    [
        (faults.silent, "did not answer within 1 s"),
        (lambda: faults.trickling(b"H", 0.1), "did not answer within 1 s"),
        (faults.dropping, "did not answer within 1 s"),
        (faults.closing, "closed the connection before it had answered"),
        (faults.resetting, "closed the connection before it had answered"),
        (faults.closed, "nothing listens at 127.0.0.1:"),
        (lambda: faults.garbage(b"220 smtp.example.com ESMTP\r\n"), "does not speak HTTP"),
        (faults.endless, "does not speak HTTP"),
        (lambda: faults.endless(b"HTTP/1.1 200 OK\r\n" * 99), "does not speak HTTP"),
    ],
)
def test_a_server_that_is_no_control_plane_is_named_in_time(ask, server, words):
    with server() as port:
        refused(ask(port, QUALYTICS_TIMEOUT="1"), words)


@pytest.mark.slow
def test_a_body_that_trickles_has_no_more_time(ask):
    def behave(peer, over):
        peer.recv(65_536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not over.wait(0.1):
            peer.sendall(b" ")

    with faults.serving(behave) as port:
        # All of it would take 100 s, and nothing of it keeps a second waiting.
        refused(ask(port, QUALYTICS_TIMEOUT="1"), "did not answer within 1 s")


def api(url, **more):
    return Api(make({"url": url, "token": TOKEN, **more}, "the test", {}))


@pytest.mark.parametrize(
    "body",
    [
        {"password": SECRET},
        {"connection": {"password": SECRET}},
        {"connections": [{"name": "a"}, {"name": "b", "secret_key": SECRET}]},
        {"datastores": [{"connection": {"parameters": {"x": [{"passphrase": SECRET}]}}}]},
    ],
)
@pytest.mark.parametrize("status", [200, 422])
def test_a_secret_that_a_body_holds_at_any_depth_is_masked_in_what_the_server_says(body, status):
    said = {"code": "invalid-input", "message": f"no {SECRET}", "errors": [{"loc": ["body", "x"], "msg": SECRET}]}
    with scripted(reply(status, said, {"Test-Warnings": json.dumps([f"odd: {SECRET}"])})) as script:
        client = api(script.url)
        try:
            client.call("POST", "/connections", None, body)
            shown = str(client.warnings)
        except InvalidInput as exc:
            shown = f"{exc} {exc.problems}"
        finally:
            client.close()
    assert MASK in shown
    assert SECRET not in shown


def test_no_redirect_is_followed_and_the_token_goes_nowhere_else(ask):
    with scripted(PAGE) as other, scripted(reply(307, None, {"Location": f"{other.url}/api/connections"})) as server:
        refused(ask(server.port), f"redirects to {other.url}/api/connections")
        assert other.asked == []
        assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_neither_netrc_nor_a_proxy_of_plain_http_changes_what_is_sent(ask, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login eve password other\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with scripted(PAGE) as server, scripted(PAGE) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert ask(server.port).code == 0
        assert proxy.connections == 0
        assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert server.asked[0].headers["user-agent"].startswith("qualytics/")
        assert server.asked[0].headers["host"] == f"127.0.0.1:{server.port}"


@pytest.fixture
def tls_server(certificate, tmp_path):
    """Return a control plane of one reply behind TLS, as a function of the reply."""
    chain, key = certificate
    (tmp_path / "chain.pem").write_bytes(b"".join(pem.bytes() for pem in chain))
    (tmp_path / "key.pem").write_bytes(key.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")

    def behave(peer, over):
        with context.wrap_socket(peer, server_side=True) as secure:
            while secure.recv(65_536):
                secure.sendall(PAGE)

    return lambda host="127.0.0.1": faults.serving(behave, host)


@pytest.mark.slow
def test_a_proxy_sees_a_tunnel_and_never_the_token(ask, tls_server, root_file, monkeypatch):
    seen = []
    # A name that only the proxy knows: what is asked for cannot have come past it.
    with tls_server() as port, tunnelling(seen) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:p%40ss@127.0.0.1:{proxy}")
        result = ask(f"https://plane.invalid:{port}", QUALYTICS_SSL_VERIFY="no")
        assert result.code == 0, result.err
        assert seen[0].startswith(f"CONNECT plane.invalid:{port} HTTP/1.1\r\n".encode())
        assert b"Proxy-Authorization: Basic dXNlcjpwQHNz\r\n" in seen[0]
        assert TOKEN.encode() not in b"".join(seen)
        seen.clear()
        assert ask(f"https://localhost:{port}", QUALYTICS_CA_FILE=str(root_file)).code == 0
        assert seen == []


def test_a_proxy_that_needs_tls_itself_is_refused(ask, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "https://proxy.example.com")
    refused(ask("https://plane.example.com"), "HTTPS_PROXY is not a proxy that can be used", 2)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", b"nonsense\r\n\r\n", b""])
def test_a_proxy_that_opens_no_tunnel_is_told(ask, answer, monkeypatch):
    def behave(peer, over):
        peer.recv(4_096)
        peer.sendall(answer)

    with faults.serving(behave) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy}")
        refused(ask("https://plane.invalid"), "opens no tunnel to plane.invalid:443")


@pytest.mark.slow
def test_certificates_are_verified_unless_that_is_turned_off(ask, tls_server, root_file):
    with tls_server() as port:
        refused(ask(f"https://127.0.0.1:{port}"), "is not trusted")
        assert ask(f"https://127.0.0.1:{port}", QUALYTICS_CA_FILE=str(root_file)).code == 0
        assert ask(f"https://127.0.0.1:{port}", SSL_CERT_FILE=str(root_file)).code == 0
        assert ask(f"https://127.0.0.1:{port}", QUALYTICS_SSL_VERIFY="0").code == 0
        refused(ask(f"https://127.0.0.1:{port}", QUALYTICS_CA_FILE="/nowhere.pem"), "cannot be read", 2)
    with tls_server("127.0.0.2") as port:  # the certificate names 127.0.0.1
        refused(ask(f"https://127.0.0.2:{port}", QUALYTICS_CA_FILE=str(root_file)), "is not trusted")


def test_tls_with_a_server_that_has_none_is_told(ask):
    with faults.garbage() as port:
        refused(ask(f"https://127.0.0.1:{port}"), "no TLS with")


def test_the_connection_is_kept_and_a_closed_one_is_opened_anew():
    with scripted(reply(200, {}), reply(200, {}, {"Connection": "close"}), reply(200, {})) as server:
        transport = api(server.url)
        for path, connections in (("/a", 1), ("/b", 1), ("/c", 2)):
            assert transport.send("GET", path).status == 200
            assert server.connections == connections
        transport.close()


def test_a_read_is_repeated_when_a_kept_connection_dies_and_a_change_is_not():
    with scripted(reply(200, {}), b"", reply(200, {})) as server:
        transport = api(server.url)
        transport.send("GET", "/a")
        assert transport.send("GET", "/b").status == 200
        assert [asked.target for asked in server.asked] == ["/api/a", "/api/b", "/api/b"]
        server.replies[:] = [b""]
        with pytest.raises(Unreachable, match="may have been carried out all the same"):
            transport.send("POST", "/c")
        assert [asked.target for asked in server.asked].count("/api/c") == 1
        transport.close()


def test_without_a_token_nothing_is_asked():
    with scripted(PAGE) as server:
        transport = Api(make({"url": server.url}, "the test", {}))
        with pytest.raises(NotSignedIn):
            transport.send("GET", "/connections")
        assert transport.send("GET", "/health", is_public=True).status == 200
        assert "authorization" not in server.asked[0].headers
        transport.close()


def test_a_test_is_waited_for_longer_than_everything_else():
    requests = []

    class Recording:
        is_sent = True

        def handle(self, request):
            requests.append(request)
            return Reply(200, "OK", {}, b'{"connected": true, "message": "ok"}')

        def close(self):
            pass

    with HttpClient(make({"url": "https://h", "token": TOKEN}, "the test", {}), Recording()) as client:
        client.connections.test(1, timeout_s=120)
        client.connections.test(1)
    assert [(request.target, request.wait_s) for request in requests] == [
        ("/api/connections/1/test?timeout_s=120", 120 + 60 + 5),
        ("/api/connections/1/test", 10 + 60 + 5),
    ]


@pytest.mark.slow
def test_an_interrupted_call_ends_with_130(home):
    calls = []

    def interrupt(_asked):
        calls[0].send_signal(signal.SIGINT)
        return reply(200, {"items": [], "total": 0})

    with scripted(interrupt) as server:
        env = {**os.environ, "QUALYTICS_URL": server.url, "QUALYTICS_TOKEN": TOKEN}
        command = [sys.executable, "-m", "qualytics", "connections", "list"]
        with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as call:
            calls.append(call)
            assert call.wait(60) == 130
            assert b"Traceback" not in call.stderr.read()


def test_debug_shows_what_a_server_said_without_the_token_in_it(ask):
    with faults.garbage(f"nonsense {TOKEN}\r\n".encode()) as port:
        result = ask(port, "connections", "list", "--debug")
    assert result.code == 1
    assert "nonsense ********" in result.err
    assert TOKEN not in result.err
