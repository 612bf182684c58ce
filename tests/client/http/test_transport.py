"""The client against servers that hang, lie, redirect, break off or never end; and where its token goes."""

import os
import random
import signal
import ssl
import subprocess
import sys
import time

import pytest

from qualytics.client.config import make
from qualytics.client.http.api import Api
from qualytics.client.http.client import HttpClient
from qualytics.errors import NotSignedIn, QualyticsError, Unreachable
from qualytics.transport.http import Reply
from tests.support import faults
from tests.support.misbehaving_http import reply, scripted
from tests.support.tunnel import tunnelling

TOKEN = "a-token-that-nobody-else-sees"
PAGE = reply(200, {"items": [], "total": 0, "page": 1, "size": 100, "pages": 0})


@pytest.fixture
def ask(run):
    """Return a function that runs a command on a server of a port, or at a URL."""

    def call(where, *args, **env):
        url = f"http://127.0.0.1:{where}" if isinstance(where, int) else where
        return run(*(args or ("connections", "list")), env={"QUALYTICS_URL": url, "QUALYTICS_TOKEN": TOKEN, **env})

    return call


def refused(result, words, code=1):
    assert (result.code, result.out) == (code, ""), result
    assert words in result.err.splitlines()[0], result.err
    assert "Traceback" not in result.err
    assert TOKEN not in result.err


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
        began = time.monotonic()
        refused(ask(port, QUALYTICS_TIMEOUT="1"), words)
        assert time.monotonic() - began < 2


@pytest.mark.slow
def test_a_body_that_trickles_has_no_more_time(ask):
    def behave(peer, over):
        peer.recv(65_536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not over.wait(0.1):
            peer.sendall(b" ")

    with faults.serving(behave) as port:
        began = time.monotonic()
        refused(ask(port, QUALYTICS_TIMEOUT="1"), "did not answer within 1 s")
        assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(200, "<html>Welcome</html>", kind="text/html"), "a page of HTML"),
        (reply(200, "<!doctype html>"), "a page of HTML"),
        (reply(200, "hello"), "something else than JSON"),
        (reply(200, '{"items": [' + "[" * 100_000), "something else than JSON"),
        (reply(200, '{"items": [NaN], "total": 1}'), "something else than JSON"),
        (reply(200, b"\xff\xfe{"), "something else than JSON"),
        (reply(200, {"connections": []}), "something else than a page of records"),
        (reply(200, [1, 2]), "something else than a page of records"),
        (reply(200, {"items": ["x"], "total": 1}), "something else than a page of records"),
        (
            reply(302, None, {"Location": "https://login.example.com/\x1b[31m"}),
            "redirects to https://login.example.com/",
        ),
        (reply(301), "redirects to nowhere"),
        (reply(404, "<html>no such page</html>", kind="text/html"), "has no such path"),
        (reply(404, {"detail": "Not Found"}), "has no such path"),
        (reply(405, "no"), "has no such path"),
        (reply(502, "<html>Bad Gateway</html>", kind="text/html"), "answered 502 Said"),
        (reply(500, "x" * 100_000), "answered 500 Said: xxx"),
        (reply(503, {"detail": "down for \x1b[31mwork"}), "down for \\x1b[31mwork"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "closed the connection before"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", "closed the connection before"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{", "closed the connection before"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n" + b" " * 1000, "closed the connection before"),
    ],
)
def test_a_reply_that_is_none_is_told_in_one_line_with_a_hint(ask, answer, words):
    with scripted(answer + b"") as server, pytest.MonkeyPatch.context():
        done = (
            answer if b"\r\nConnection" in answer else answer.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
        )
        server.replies[:] = [done]
        result = ask(server.port)
        refused(result, words)
        assert len(result.err) < 1_500
        assert "\x1b" not in result.err
        assert [asked.target for asked in server.asked] == ["/api/connections?sort_id=asc&page=1&size=100"]


def api(url, **more):
    return Api(make({"url": url, "token": TOKEN, **more}, "the test", {}))


@pytest.mark.parametrize(
    ("status", "body", "code", "words", "hint"),
    [
        (401, {"detail": "Signature has expired"}, 4, "Signature has expired", "auth login"),
        (401, "no", 4, "answered 401 Said: no", "auth login"),
        (403, {"detail": "Manager role needed"}, 4, "Manager role needed", "ask an Admin"),
        (403, {"message": f"no right for {TOKEN}"}, 4, "no right for ********", "ask an Admin"),
        (404, {"detail": "Connection 5 not found"}, 3, "Connection 5 not found", None),
        (409, "in use", 5, "answered 409 Said: in use", None),
        (412, {"detail": "changed"}, 5, "changed", "read it again"),
        (400, {"message": "no"}, 2, "no", None),
        (415, {"detail": "JSON is wanted"}, 2, "JSON is wanted", None),
        (422, {"detail": [{"loc": ["body", "port"], "msg": "not an int", "type": "int"}]}, 2, "port: not an int", None),
        (422, {"detail": [17, {"loc": "x"}]}, 2, "body: has the wrong form", None),
        (429, {"detail": "slow down"}, 1, "slow down", "try again in 7 s"),
        (500, {"code": "store-full", "message": "no space is left"}, 1, "no space is left", None),
        (503, {"code": "store-busy", "message": "busy", "hint": "wait"}, 1, "busy", "wait"),
        (418, {"code": "nobody-knows", "message": "a teapot"}, 1, "a teapot", None),
        (500, {"code": 7, "message": ["x"], "hint": {}, "errors": 3, "datastores": 4}, 1, "answered 500 Said", None),
        (409, {"code": "connection-in-use", "message": "used", "datastores": 4}, 5, "used", None),
        (400, {"code": "test-failed", "message": "failed", "report": [1]}, 6, "failed", None),
    ],
)
def test_the_word_of_any_server_is_shown_and_its_status_decides_the_exit_code(ask, status, body, code, words, hint):
    kind = "application/json" if isinstance(body, dict) else "text/plain"
    with scripted(reply(status, body, {"Retry-After": "7"}, kind)) as server:
        result = ask(server.port, "connections", "get", "--id", "5")
    refused(result, words, code)
    if hint:
        assert hint in result.err.splitlines()[1]


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


def test_the_connection_is_kept_and_a_closed_one_is_opened_anew(run):
    document = {"id": 1, "name": "a", "type": "postgresql", "connection_type": "jdbc", "datastores": []}
    with scripted(reply(200, document), reply(204)) as server:
        env = {"QUALYTICS_URL": server.url, "QUALYTICS_TOKEN": TOKEN}
        assert run("connections", "delete", "--id", "1", env=env).code == 0
        assert server.connections == 1
        server.replies[:] = [reply(200, document, {"Connection": "close"}), reply(204)]
        assert run("connections", "delete", "--id", "1", env=env).code == 0
        assert server.connections == 3


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


CONNECTION = {
    "id": 7,
    "name": "a",
    "type": "postgresql",
    "connection_type": "jdbc",
    "host": "h",
    "username": "u",
    "parameters": {"application_name": "x", "ssl_mode": "verify"},
    "secrets_manager": {"secret_url": "https://v"},
}


def bodies(server):
    return [(asked.method, asked.target.removeprefix("/api"), asked.body and asked.json) for asked in server.asked]


def test_an_update_reads_first_and_sends_name_type_and_changes(run):
    with scripted(reply(200, CONNECTION)) as server:
        env = {"QUALYTICS_URL": server.url, "QUALYTICS_TOKEN": TOKEN}
        update = ("connections", "update", "--id", "7")
        assert run(*update, "--host", "other", "--parameters", '{"APPLICATION_NAME": "y"}', env=env).code == 0
        assert bodies(server) == [
            ("GET", "/connections/7", b""),
            (
                "PUT",
                "/connections/7",
                {
                    "name": "a",
                    "type": "postgresql",
                    "secrets_manager": {"secret_url": "https://v"},
                    "host": "other",
                    "parameters": {"ssl_mode": "verify", "APPLICATION_NAME": "y"},
                },
            ),
        ]
        assert "if-match" not in server.asked[1].headers
        server.asked.clear()
        server.replies[:] = [reply(200, CONNECTION, {"ETag": '"41"'})]
        assert run(*update, "--unset", "password", env=env).code == 0
        assert bodies(server)[1] == ("PATCH", "/connections/7", {"password": None})
        assert server.asked[1].headers["if-match"] == '"41"'


def test_a_dry_run_is_never_asked_of_a_server_that_may_not_know_it(run):
    with scripted(reply(200, {**CONNECTION, "datastores": [{"id": 3, "name": "d"}]})) as server:
        env = {"QUALYTICS_URL": server.url, "QUALYTICS_TOKEN": TOKEN}
        result = run("connections", "update", "--id", "7", "--host", "x", "--dry-run", env=env)
        assert result.code == 4
        assert run("connections", "delete", "--id", "7", "--dry-run", env=env).code == 5
        assert {asked.method for asked in server.asked} == {"GET"}
        assert run("connections", "create", "-t", "postgresql", "--host", "h", "--dry-run", env=env).code == 0
        assert len(server.asked) == 2


def test_a_server_without_a_filter_for_whole_names_is_looked_through_page_by_page(run):
    def answer(asked):
        number = int(dict(part.split("=") for part in asked.target.partition("?")[2].split("&"))["page"])
        first = (number - 1) * 50
        items = [{**CONNECTION, "id": n, "name": f"c{n}"} for n in range(first, min(first + 50, 120))]
        return reply(200, {"items": items})

    with scripted(answer) as server:
        env = {"QUALYTICS_URL": server.url, "QUALYTICS_TOKEN": TOKEN}
        server.replies[:] = [lambda asked: answer(asked) if "?" in asked.target else reply(200, CONNECTION)]
        assert run("connections", "get", "--name", "c101", env=env).code == 0
        assert [asked.target.partition("?")[0] for asked in server.asked] == [
            *["/api/connections"] * 3,
            "/api/connections/101",
        ]
        assert "page=1&size=50" in server.asked[0].target


def test_secrets_that_a_server_sends_are_masked(run):
    leaking = {**CONNECTION, "password": "geheim1", "passphrase": "geheim2", "extra": "geheim4"}
    leaking["secrets_manager"] = {"credentials_payload": "geheim3"}
    with scripted(reply(200, leaking)) as server:
        env = {"QUALYTICS_URL": server.url, "QUALYTICS_TOKEN": TOKEN}
        result = run("connections", "get", "--id", "7", "-f", "json", env=env)
        assert "geheim" not in result.out
        assert (result.json["password"], result.json["passphrase"]) == ("********", "********")


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (reply(204), 0, "connected"),
        (reply(200, {"connected": True, "message": "fine"}), 0, "fine"),
        (reply(200, {"success": True}), 0, None),
        (reply(200, {"connected": False, "message": "wrong password"}), 6, "wrong password"),
        (reply(400, {"message": "wrong password"}), 6, "wrong password"),
    ],
)
def test_every_way_in_which_servers_answer_a_test_becomes_a_report(run, answer, code, message):
    with scripted(answer) as server:
        env = {"QUALYTICS_URL": server.url, "QUALYTICS_TOKEN": TOKEN}
        result = run("connections", "test", "--id", "7", "-f", "json", env=env)
    assert result.code == code, result.err
    assert result.json["connected"] is (code == 0)
    assert result.json["message"] == message
    assert list(result.json)[-2:] == ["duration_ms", "warnings"]


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


@pytest.mark.slow
def test_every_error_is_one_of_ours_whatever_bytes_come(run):
    numbers = random.Random(7)
    for _ in range(60):
        whole = bytearray(reply(200, {"items": [CONNECTION], "total": 1}, {"Connection": "close"}))
        for _ in range(numbers.randint(1, 6)):
            whole[numbers.randrange(len(whole))] = numbers.randrange(256)
        with scripted(bytes(whole)) as server:
            transport = HttpClient(make({"url": server.url, "token": TOKEN, "timeout": 1}, "the test", {}))
            try:
                list(transport.connections.list())
            except QualyticsError:
                pass
            finally:
                transport.close()


def test_debug_shows_what_a_server_said_without_the_token_in_it(ask):
    with faults.garbage(f"nonsense {TOKEN}\r\n".encode()) as port:
        result = ask(port, "connections", "list", "--debug")
    assert result.code == 1
    assert "nonsense ********" in result.err
    assert TOKEN not in result.err


@pytest.mark.parametrize(
    "record", [{}, {"id": "x", "name": "a"}, {"id": None, "name": "a", "type": "t"}, {"name": "b"}]
)
def test_records_without_what_every_record_has_are_told(ask, record):
    with scripted(reply(200, {"items": [record], "total": 1, **record})) as server:
        for words in (
            "connections list",
            "connections get --name a",
            "connections delete --id 1",
            "datastores get --id 1",
        ):
            result = ask(server.port, *words.split())
            assert "internal fault" not in result.err
