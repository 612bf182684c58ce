"""What the requests of a worker share: who asks and how often, the tests that run for them, and what is tidied."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import time

import pytest

from qualytics import settings
from qualytics.server.config import SETTINGS
from qualytics.service.clock import now
from qualytics.service.context import Context
from testbed.control_plane import make_accounts, serving


def test_a_user_who_asks_too_often_is_told_when_to_come_again_and_others_are_not(strict):
    eager, other = strict.api("Manager"), strict.api("Admin")
    second = strict.api(eager("POST", "/user-tokens", {"name": "second"}).json["bearer_token"])
    begun, allowed = time.monotonic(), 0
    for caller in (eager, second):  # more tokens are not more requests
        while (answer := caller("GET", "/users/me")).status == 200:
            allowed += 1
        assert (answer.status, answer.json["code"]) == (429, "too-many")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert 59 <= allowed <= 60 + (time.monotonic() - begun)  # one a second comes back
    assert other("GET", "/users/me").status == 200


@pytest.fixture
def silent():
    """Return a server that takes many connections and says nothing; `dialled` waits for so many."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening, contextlib.ExitStack() as opened:
        listening.settimeout(60)

        class Silent:
            port = listening.getsockname()[1]

            @staticmethod
            def dialled(count):
                found = [opened.enter_context(listening.accept()[0]) for _ in range(count)]
                for one in found:
                    one.settimeout(60)
                return found

        yield Silent


def ended(connections):
    """Wait until each of these was closed at the other end."""
    for one in connections:
        with contextlib.suppress(ConnectionResetError):
            while one.recv(65_536):
                pass


FEW = ("--tests-at-once", "8", "--tests-waiting", "64", "--test-wait-s", "300")


def hang_up(plane, request):
    """Send a request and return the connection, to be closed."""
    sock = socket.create_connection(("127.0.0.1", plane.port), timeout=60)
    sock.sendall(request)
    return sock


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Return a control plane with room for eight tests."""
    with serving(tmp_path_factory.mktemp("few") / "home", *FEW) as found:
        yield found


def asked(plane, token, method, path, body=None):
    content = json.dumps(body or {}).encode()
    lines = [f"{method} /api{path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "\r\n"]).encode() + content


def test_hung_tests_of_one_user_whose_clients_have_left_cost_another_user_nothing(few, silent):
    tokens = [
        few.tokens["Manager"],
        few.api("Manager")("POST", "/user-tokens", {"name": "second"}).json["bearer_token"],
    ]
    given = {"type": "postgresql", "host": "127.0.0.1", "port": silent.port, "username": "u"}
    path = "/connections/test?timeout_s=300"
    clients = [hang_up(few, asked(few, tokens[n % 2], "POST", path, given)) for n in range(40)]
    # One of eight turns is kept from any single user, however many tokens there are.
    running = silent.dialled(7)
    quick = {**given, "port": 1}
    answer = few.api("Admin")("POST", "/connections/test", quick)
    assert (answer.status, answer.json["class"]) == (200, "refused")
    for client in clients:
        client.close()
    ended(running)
    answer = few.api("Manager")("POST", "/connections/test", quick)
    assert (answer.status, answer.json["class"]) == (200, "refused")


def pool_of(caller):
    """Return how many tests run and wait now."""
    answer = caller("GET", "/metrics")
    assert answer.status == 200, answer.body
    found = dict(re.findall(r"^qualytics_tests_(running|waiting) (\S+)$", answer.body.decode(), re.MULTILINE))
    return int(float(found["running"])), int(float(found["waiting"]))


def until_pool_is(caller, running, waiting):
    began = time.monotonic()
    while (found := pool_of(caller)) != (running, waiting):
        assert time.monotonic() < began + 60, found


def test_as_many_hung_tests_as_the_default_pool_holds_cost_another_user_nothing(tmp_path, silent):
    size = next(setting for setting in SETTINGS if setting.name == "tests_at_once").default
    of_one = size - size // 8
    with (
        serving(tmp_path / "home", "--requests-per-minute", "100000000", "--test-wait-s", "300") as plane,
        contextlib.ExitStack() as opened,
    ):
        manager, admin = plane.api("Manager"), plane.api("Admin")
        tokens = [plane.tokens["Manager"], manager("POST", "/user-tokens", {"name": "second"}).json["bearer_token"]]
        given = {"type": "postgresql", "host": "127.0.0.1", "port": silent.port, "username": "u"}
        path = "/connections/test?timeout_s=300"
        clients = [
            opened.enter_context(hang_up(plane, asked(plane, tokens[number % 2], "POST", path, given)))
            for number in range(size)
        ]
        running = silent.dialled(of_one)
        until_pool_is(admin, of_one, size - of_one)
        quick = {**given, "port": 1}
        answer = admin("POST", "/connections/test", quick)
        assert (answer.status, answer.json["class"]) == (200, "refused")
        assert pool_of(admin) == (of_one, size - of_one)  # none had to end for it
        for client in clients:
            client.close()
        answer = admin("POST", "/connections/test", quick)
        assert (answer.status, answer.json["class"]) == (200, "refused")
        ended(running)
        until_pool_is(admin, 0, 0)
        answer = manager("POST", "/connections/test", quick)
        assert (answer.status, answer.json["class"]) == (200, "refused")


HANGING = {
    "test": ("POST", "/connections/{id}/test?timeout_s=300", {}),
    "unsaved": ("POST", "/connections/test?timeout_s=300", "inline"),
    "create": ("POST", "/connections?test=true&timeout_s=300", "inline"),
    "update": ("PATCH", "/connections/{id}?test=true&timeout_s=300", {"username": "other"}),
    "put": ("PUT", "/connections/{id}?test=true&timeout_s=300", "inline"),
    "catalogs": ("GET", "/connections/{id}/catalogs?timeout_s=300", None),
    "schemas": ("GET", "/connections/{id}/schemas?catalog=d&timeout_s=300", None),
    "tables": ("GET", "/connections/{id}/tables?catalog=d&schema=s&timeout_s=300", None),
    "unsaved catalogs": ("POST", "/connections/catalogs?timeout_s=300", "inline"),
    "unsaved schemas": ("POST", "/connections/schemas?catalog=d&timeout_s=300", "inline"),
    "verify": ("POST", "/datastores/{store}/connection?timeout_s=300", {}),
    "try": ("POST", "/datastores/connection?timeout_s=300", {"connection_id": "id", "database": "d", "schema": "s"}),
    "validate": ("POST", "/connections/{id}/datastores/validate?timeout_s=300", {"database": "d", "schemas": ["a"]}),
}


def abandoned_since(admin, moment):
    """Return what was given up since then; what repeats is counted in an entry that is there."""
    entries = [entry for entry in admin("GET", "/audit?size=100").json["items"] if entry["outcome"] == "abandoned"]
    return [entry for entry in entries if entry["detail"].get("last", entry["created"]) >= moment]


@pytest.mark.parametrize("what", HANGING)
def test_a_client_that_hangs_up_ends_its_test(few, silent, what):
    admin = few.api("Admin")
    given = {"type": "postgresql", "host": "127.0.0.1", "port": silent.port, "username": "u", "name": f"hang {what}"}
    number = admin("POST", "/connections", given).json["id"]
    place = {"name": what, "connection_id": number, "database": "d", "schema": "s"}
    store = admin("POST", "/datastores", place).json["id"]
    method, path, body = HANGING[what]
    body = {**given, "name": f"new {what}"} if body == "inline" else body
    if isinstance(body, dict) and body.get("connection_id"):
        body = {**body, "connection_id": number}
    client = hang_up(few, asked(few, few.tokens["Admin"], method, path.format(id=number, store=store), body))
    running = silent.dialled(1)
    moment = now()
    client.close()
    ended(running)
    began = time.monotonic()
    while not (entries := abandoned_since(admin, moment)):
        assert time.monotonic() < began + 60, entries
    assert admin("GET", f"/connections?name_exact=new {what}".replace(" ", "+")).json["total"] == 0
    assert admin("GET", f"/connections/{number}").json["username"] == "u"


def address_noted(plane, *forwarded):
    """Send a change with these headers of a proxy; return the address that the audit log has of it."""
    admin = plane.api("Admin")
    given = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "app"}
    connection = admin("POST", "/connections", given).json["id"]
    sender = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=60)
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


def test_a_server_that_starts_drops_old_tests_and_refusals_and_no_changes(tmp_path):
    home = tmp_path / "home"
    tokens = make_accounts(home)
    row = (
        "INSERT INTO audit (created, actor, action, object_type, outcome, detail) VALUES ('2020', 'a', ?, 'x', ?, '{}')"
    )
    with Context(settings.load({"QUALYTICS_CONFIG_HOME": str(home)})) as context, context.writing():
        for action, outcome in (("connection.test", "done"), ("user.create", "not-allowed"), ("user.create", "done")):
            context.store.execute(row, (action, outcome))
    with serving(home, tokens=tokens) as plane:
        admin, until = plane.api(), time.monotonic() + 60
        while len(found := [entry for entry in admin("GET", "/audit").json["items"] if entry["actor"] == "a"]) > 1:
            assert time.monotonic() < until
    assert [(entry["action"], entry["outcome"]) for entry in found] == [("user.create", "done")]
