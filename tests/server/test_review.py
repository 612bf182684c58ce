"""Ways around the rules that somebody has tried: each was open once, or looked as if it might be."""

from __future__ import annotations

import base64
import ctypes
import http.client
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlencode

import pytest

from qualytics.errors import UsageError
from qualytics.server.config import load
from qualytics.service import policy as rules
from qualytics.service.accounts import sign_in_limits
from qualytics.settings import load as settings
from testbed.control_plane import serving
from tests.support.browser import REDIRECT, STATE, Browser

NEEDED = (409, "secret-needed-for-new-target")
HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")


def part(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    """Return a control plane behind a proxy on this machine, with a short patience."""
    home = tmp_path_factory.mktemp("proxied") / "home"
    with serving(home, "--trusted-proxy", "127.0.0.1", "--idle-s", "2") as found:
        yield found


@pytest.fixture
def descriptors():
    """Let this process open as many files as it may."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def address_noted(plane, *forwarded):
    """Send a change with these headers of a proxy; return the address that the audit log has of it."""
    admin = plane.api("Admin")
    given = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "app"}
    connection = admin("POST", "/connections", given).json["id"]
    sender = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=30)
    body = b'{"username": "other"}'
    sender.putrequest("PATCH", f"/api/connections/{connection}")
    headers = [("X-Forwarded-For", value) for value in forwarded]
    headers += [("Authorization", f"Bearer {admin.token}"), ("Content-Type", "application/json")]
    for name, value in [*headers, ("Content-Length", str(len(body)))]:
        sender.putheader(name, value)
    sender.endheaders(body)
    assert sender.getresponse().status == 200
    sender.close()
    (entry, *_) = admin("GET", "/audit?size=1&action=connection.update").json["items"]
    assert entry["object_id"] == connection
    return entry["address"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (["6.6.6.6", "203.0.113.9"], "203.0.113.9"),  # a proxy may add a header of its own behind the client's
        (["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        (["6.6.6.6", "203.0.113.9, 127.0.0.1"], "203.0.113.9"),
        (["203.0.113.9:4711"], "203.0.113.9"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["6.6.6.6, <script>alert(1)</script>"], "127.0.0.1"),
        (["6.6.6.6, "], "127.0.0.1"),
        ([], "127.0.0.1"),
    ],
    ids=str,
)
def test_nobody_chooses_the_address_that_is_noted_of_them(proxied, forwarded, address):
    assert address_noted(proxied, *forwarded) == address


@pytest.mark.parametrize("text", ["10.0.0.0/8", "proxy.example.com", "10.0.0.1;10.0.0.2"])
def test_a_proxy_that_would_never_match_keeps_the_server_from_starting(text):
    with pytest.raises(UsageError, match="QUALYTICS_TRUSTED_PROXY"):
        load({"QUALYTICS_TRUSTED_PROXY": text})
    assert load({"QUALYTICS_TRUSTED_PROXY": "0:0:0:0:0:0:0:1, ::ffff:10.0.0.2"}).trusted_proxy == ("::1", "10.0.0.2")


@pytest.mark.parametrize("text", ["db//x", "10.0.0.0/99", "db:99999", "127.1"])
def test_a_target_that_is_none_keeps_the_server_from_starting(text):
    with pytest.raises(UsageError, match="QUALYTICS_ALLOW_TARGET"):
        load({"QUALYTICS_ALLOW_TARGET": f"10.0.0.0/8,{text}"})


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("postgresql://u:p%40@db:6000/q", [("db", 6000)]),
        ("postgresql://u@one:1,two:2/q", [("one", 1), ("two", 2)]),
        ("postgresql:///q?host=10.0.0.5&port=6543", [("10.0.0.5", 6543)]),
        ("postgresql://db/q?hostaddr=10.0.0.5", [("db", 5432), ("10.0.0.5", 5432)]),
        ("postgresql:///q?host=one,two&port=7", [("one", 7), ("two", 7)]),
        ("postgresql:///q?host=/run/postgresql", [("localhost", 5432)]),
        ("postgresql:///q", [("localhost", 5432)]),
    ],
)
def test_the_store_is_known_as_the_driver_reads_its_address(url, own, monkeypatch):
    monkeypatch.delenv("PGHOST", raising=False)
    monkeypatch.delenv("PGPORT", raising=False)
    assert list(rules.own_store(settings({"QUALYTICS_STORE": url}))) == own


def test_the_store_is_known_where_the_surroundings_name_it(monkeypatch):
    monkeypatch.setenv("PGHOST", "10.0.0.5")
    monkeypatch.setenv("PGPORT", "6543")
    assert list(rules.own_store(settings({"QUALYTICS_STORE": "postgresql:///q"}))) == [("10.0.0.5", 6543)]


ODD_TOKENS = [
    (HEADER, b"[]"),
    (HEADER, b"[" * 2_900),
    (HEADER, b'{"exp":' + b"9" * 2_500 + b"}"),
    (HEADER, b'{"iss":[1],"aud":{}}'),
    (part(b"[" * 2_900), b"{}"),
    (part(b'{"alg":["HS256"]}'), b"{}"),
    (part(b'{"alg":"HS256","b64":false}'), b"{}"),
    (part(b'{"alg":"HS256","kid":5}'), b"{}"),
]


@pytest.mark.parametrize(
    "token",
    [*(f"{head}.{part(payload)}.{part(b'x' * 32)}" for head, payload in ODD_TOKENS), "..", "x" * 5_000],
    ids=lambda token: token[:40],
)
def test_whatever_is_sent_as_a_token_is_refused_and_is_no_fault_of_ours(plane, token):
    answer = plane.api(token)("GET", "/users/me")
    assert (answer.status, answer.json["code"]) == (401, "not-signed-in"), answer


def test_tokens_that_are_restored_count_as_those_that_are_made(plane, admin, fresh):
    user = admin("POST", "/users", {"name": fresh(), "role": "Member"}).json["id"]
    made = [admin("POST", "/user-tokens", {"name": "t", "user": user}).json for _ in range(100)]
    own, ended = plane.api(made[2]["bearer_token"]), f"/user-tokens/{made[0]['id']}"
    assert own("PUT", ended, {"revoke": True}).status == 200
    assert own("POST", "/user-tokens", {"name": "one more"}).status == 200
    answer = own("PUT", ended, {"revoke": False})
    assert (answer.status, answer.json["code"]) == (409, "conflict")
    assert own("GET", ended).json["active"] is False
    assert own("PUT", f"/user-tokens/{made[1]['id']}", {"revoke": True}).status == 200
    assert own("PUT", ended, {"revoke": False}).json["active"] is True


LARGE = ("/connections", "/connections/test", "/datastores", "/users", "/connections/datastores/bulk", "/cli/token")
DOWNGRADES = [
    ("oracle", {"service_name": "X"}, {"protocol": "TCP"}),
    ("oracle", {"service_name": "X", "protocol": "TCPS", "ssl_mode": "auto"}, {"protocol": None}),
    ("dremio", {"authentication_type": "ACCESS_TOKEN"}, {"authentication_type": None}),
    ("dremio", {}, {"ssl": False}),
    ("db2", {}, {"ssl": False}),
    ("mysql", {}, {"ssl_mode": "disable"}),
]


@pytest.mark.parametrize(("kind", "parameters", "change"), DOWNGRADES, ids=str)
def test_a_stored_secret_keeps_its_protection_and_its_meaning(manager, admin, made, kind, parameters, change):
    found = made(type=kind, password="pw", **({"parameters": parameters} if parameters else {}))
    address = f"/connections/{found['id']}"
    for answer in (
        manager("PATCH", address, {"parameters": change}),
        manager("PATCH", f"{address}?test=true", {"parameters": change}),
        manager("PUT", address, {"name": found["name"], "type": kind, "parameters": change}),
        manager("POST", f"{address}/test", {"parameters": change}),
    ):
        assert (answer.status, answer.json["code"]) == NEEDED, answer
    assert admin("PATCH", f"{address}?dry_run=true", {"parameters": change}).status == 200
    assert manager("PATCH", f"{address}?dry_run=true", {"parameters": change, "password": "new"}).status == 200


@pytest.mark.parametrize("database", [{"host": "x"}, ["d"], 7, True, "a\r\nb", "a\0b", "d" * 1_001])
def test_a_place_that_no_datastore_could_have_reaches_no_driver(manager, made, database):
    inline = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "app"}
    answer = manager("POST", "/datastores/connection", {"name": "x", "database": database, "connection": inline})
    assert answer.status == 422, answer
    assert answer.json["errors"][0]["loc"] == ["body", "database"]
    for path, body in (
        ("/connections/datastores/validate", {"connection": inline}),
        (f"/connections/{made()['id']}/datastores/validate", {}),
    ):
        answer = manager("POST", path, {**body, "database": database, "schemas": ["s"]})
        (result,) = answer.json["results"]
        assert (result["status"], result["message"].partition(" ")[0]) == ("failure", "database"), result


def test_a_catalog_with_a_line_end_reaches_no_driver(manager, made):
    answer = manager("GET", f"/connections/{made(password='pw')['id']}/schemas?catalog=a%0D%0Ab")
    assert answer.status == 422, answer


@pytest.mark.parametrize("template", ["{{schema}}" * 50, {"a": "{{schema}}"}, "{{schema}}" + "x" * 255])
def test_a_template_cannot_multiply_what_it_is_given(template, manager, made):
    body = {"schemas": ["s"], "name_template": template}
    answer = manager("POST", f"/connections/{made()['id']}/datastores/bulk", body)
    assert (answer.status, answer.json["errors"][0]["loc"]) == (422, ["body", "name_template"])


@pytest.mark.slow
@pytest.mark.parametrize("said", [b"", b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"])
def test_who_says_nothing_or_speaks_something_else_is_not_waited_for(proxied, said):
    with socket.create_connection(("127.0.0.1", proxied.port), timeout=30) as silent:
        began = time.monotonic()
        if said:
            silent.sendall(said)
        while silent.recv(65_536):
            pass
        assert time.monotonic() - began < 3  # the limit is 2 s


@pytest.mark.skipif(sys.platform != "linux", reason="a matter of Linux")
def test_no_process_of_the_same_user_looks_into_a_worker(tmp_path):
    code = (
        "import ctypes; from qualytics.server.app import from_environment; guard = from_environment(); "
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"  # PR_GET_DUMPABLE
    )
    environ = {**os.environ, "QUALYTICS_CONFIG_HOME": str(tmp_path / "home")}
    ended = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "0"
    assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 1


def test_one_customers_addresses_count_as_one():
    def counted(address):
        return [what for what, _ in sign_in_limits.of(address, "ada")]

    assert counted("2001:db8:1:2::1") == counted("2001:db8:1:2:ffff::9")
    assert counted("2001:db8:1:2::1")[:2] != counted("2001:db8:1:3::1")[:2]
    assert counted("192.0.2.1")[:2] != counted("192.0.2.2")[:2]


@pytest.mark.slow
def test_nobody_fills_the_store_with_sign_ins_that_are_never_ended(proxied):
    query = urlencode({"redirect_uri": REDIRECT, "state": STATE})
    ask = f"{proxied.url}/api/cli/authorize?{query}"
    began, answered = time.monotonic(), 0
    while (page := Browser().open(ask, X_Forwarded_For="198.51.100.7")).status == 200:
        answered += 1
        assert answered <= 301 + 5 * (time.monotonic() - began)  # 300 at once, and 300 a minute
    assert page.status == 429
    assert 1 <= int(page.header("retry-after")) <= 60
    assert Browser().open(ask, X_Forwarded_For="198.51.100.8").status == 200


def test_a_large_body_is_read_for_nobody_unknown(plane):
    for path in LARGE:
        large = b"{" + b" " * 20_000 + b"no JSON"
        unknown, known = (plane.api(who)("POST", path, large) for who in (None, "Member"))
        assert (unknown.status, unknown.json["code"]) == (401, "not-signed-in"), path
        assert (known.status, known.json["errors"][0]["loc"]) == (422, ["body", "body"]), path
        assert plane.api(None)("POST", path, b"{no JSON").status == 422, path  # a small one costs nothing


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("LISTEN", text) for text in ("127.0.0.1:99999", "127.0.0.1:0", "127.0.0.1", "x:y")),
        *(("PATH", text) for text in ("/a b", "/a{b:int}", "/a//b", "/a?b", "/%61")),
        *(("PUBLIC_URL", text) for text in ("nonsense", "ftp://x", "https://u:p@x", "https://x?a", "https://x:99999")),
        *((name, text) for name in ("IDLE_S", "REQUEST_S", "TEST_WAIT_S") for text in ("nan", "inf", "-1", "x")),
        ("REQUESTS_PER_MINUTE", "0"),
    ],
)
def test_a_setting_that_cannot_work_keeps_the_server_from_starting(name, text):
    with pytest.raises(UsageError, match=f"QUALYTICS_{name}"):
        load({f"QUALYTICS_{name}": text})


@pytest.mark.slow
def test_nobody_unknown_hears_where_the_store_is(tmp_path):
    home = tmp_path / "home"
    with serving(home) as plane:
        (home / "store.db").rename(home / "elsewhere.db")
        (home / "store.db").write_bytes(b"no store" * 1_000)

        def ask(path):
            answers.append(plane.api(None)("GET", path))

        answers = []
        begin = f"/cli/authorize?{urlencode({'redirect_uri': REDIRECT, 'state': STATE})}"
        threads = [threading.Thread(target=ask, args=(path,)) for path in ("/status", begin) * 20]
        for thread in threads:  # many at once need more than the one store that is open already
            thread.start()
        for thread in threads:
            thread.join()
        failed = [answer for answer in answers if answer.status >= 500]
        assert failed
        for answer in failed:
            assert b"store.db" not in answer.body
            assert b"not a store" in answer.body
        plane.stop()
        assert any("store.db is not a whole store" in line for line in plane.log)


@pytest.mark.slow
@pytest.mark.usefixtures("descriptors")
def test_two_thousand_silent_connections_keep_nobody_out(plane):
    silent = []
    try:
        for number in range(2_000):
            silent.append(socket.create_connection(("127.0.0.1", plane.port), timeout=30))
            if number % 2:
                silent[-1].sendall(b"GET /api/health HTTP/1.1\r\n")
        assert plane.api(None)("GET", "/health").status == 204
    finally:
        for sock in silent:
            sock.close()
