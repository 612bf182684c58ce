"""Uses of connections: who gets a secret, over which way, how often, until when, and what is written down."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest

from testbed.control_plane import MANY, serving

pytestmark = pytest.mark.slow

SECRET = "Us3/of+a n0 s"  # allow: a canary
HTTPS = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """Return a control plane on this machine that users reach by a name."""
    home = tmp_path_factory.mktemp("public") / "home"
    with serving(home, *MANY, "--allow-use", "--public-url", "https://connections.example.com") as found:
        yield found


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory):
    """Return a control plane of two workers whose proxy is on this machine."""
    home = tmp_path_factory.mktemp("behind") / "home"
    with serving(home, *MANY, "--allow-use", "--trusted-proxy", "127.0.0.1", "--workers", "2") as found:
        yield found


@pytest.fixture
def granted(made, admin, person):
    """Return a connection, a user who was granted it, a caller of theirs, and the grant."""
    connection = made(password=SECRET)
    user, caller, token = person()
    grant = admin("POST", "/grants", {"user": user["name"], "connection": connection["name"]})
    assert grant.status == 200, grant
    return connection, user, caller, grant.json, token


def use(caller, connection, purpose="a test", **headers):
    return caller("POST", f"/connections/{connection['id']}/use", {"purpose": purpose}, **headers)


def refused(answer, status=403, code="not-allowed"):
    assert (answer.status, answer.json["code"]) == (status, code), answer
    assert SECRET not in answer.body.decode()
    return answer.json


def entries(admin, action):
    return admin("GET", f"/audit?action={action}&size=20").json["items"]


def test_whom_an_admin_has_granted_a_connection_gets_it_with_its_secrets_and_that_is_written_down(granted, admin):
    connection, user, caller, _, token = granted
    answer = use(caller, connection, "nightly load")
    assert (answer.status, answer.headers["cache-control"], answer.headers["etag"]) == (200, "no-store", '"1"')
    assert (answer.json["host"], answer.json["port"], answer.json["password"]) == ("127.0.0.1", 1, SECRET)
    assert {name for name in answer.json if answer.json[name] != connection[name]} == {"password"}
    entry = entries(admin, "connection.use")[0]
    assert (entry["actor"], entry["token_id"], entry["address"]) == (user["name"], token["id"], "127.0.0.1")
    assert (entry["object_name"], entry["outcome"]) == (connection["name"], "done")
    assert entry["detail"] == {"purpose": "nightly load"}
    by_name = caller("POST", f"/connections/by-name/use?name={connection['name']}", {"purpose": "again"})
    assert by_name.json == answer.json
    uses = caller("GET", f"/connections/{connection['id']}/uses").json["items"]
    assert [(one["user"]["name"], one["purpose"]) for one in uses] == [(user["name"], "again")]
    assert SECRET not in str(admin("GET", "/audit?size=50").json)


def test_no_log_and_no_other_reply_has_the_secret_that_was_given(granted, admin, plane):
    connection, _, caller, grant, _ = granted
    assert use(caller, connection, "to look for it").json["password"] == SECRET
    paths = ("/audit?size=50", "/metrics", "/grants", "/users", f"/grants/{grant['id']}")
    paths += tuple(f"/connections/{connection['id']}{part}" for part in ("", "/uses", "/use", "/history", "/tests"))
    answers = [(caller if path.endswith("/use") else admin)("GET", path) for path in paths]
    assert [answer.status for answer in answers] == [200] * len(paths)
    assert not any(SECRET in answer.body.decode() for answer in answers)
    assert plane.line(f"/connections/{connection['id']}/use")
    assert not [line for line in plane.log if SECRET in line]
    versions = admin("GET", f"/connections/{connection['id']}/history").json["versions"]
    assert (versions[0]["action"], versions[0]["purpose"]) == ("use", "to look for it")


def test_a_secret_comes_with_the_target_that_it_was_given_for_while_both_change(granted, admin):
    connection, _, caller, _, _ = granted
    pairs = {f"db{number}.example.com": f"of {number}" for number in range(2)}
    stop = threading.Event()

    def change(mine):
        while not stop.is_set():
            for host, password in pairs.items():
                assert (
                    mine("PATCH", f"/connections/{connection['id']}", {"host": host, "password": password}).status
                    == 200
                )

    changing = threading.Thread(target=change, args=(admin,))
    changing.start()
    try:
        found = [use(caller, connection).json for _ in range(60)]
    finally:
        stop.set()
        changing.join(60)
    pairs["127.0.0.1"] = SECRET
    assert [(one["host"], one["password"]) for one in found if pairs[one["host"]] != one["password"]] == []
    assert len({one["host"] for one in found}) >= 2


@pytest.mark.parametrize("role", ["Admin", "Manager", "Member"])
def test_no_role_includes_a_use(made, person, admin, role):
    connection = made(password=SECRET)
    user, caller, _ = person(role)
    error = refused(use(caller, connection))
    assert error["message"] == f"{user['name']!r} has no grant to use connection {connection['name']!r}"
    assert "qualytics grants create --user" in error["hint"]
    assert entries(admin, "connection.use")[0]["outcome"] == "not-allowed"


def test_an_admin_who_wants_one_grants_it_to_itself_and_that_is_seen(made, person, admin):
    connection = made(password=SECRET)
    user, caller, _ = person("Admin")
    grant = caller("POST", "/grants", {"user": user["id"], "connection": connection["id"]}).json
    assert grant["created_by"] == user["name"]
    assert use(caller, connection).json["password"] == SECRET
    entry = entries(admin, "grant.create")[0]
    assert entry["detail"] == {"user": user["name"], "connection": connection["name"], "expires": None}


def test_the_next_use_after_the_end_of_a_grant_is_refused(granted, admin, plane):
    connection, _, caller, grant, _ = granted
    assert caller("GET", f"/connections/{connection['id']}/use").json == grant
    with closing(sqlite3.connect(plane.home / "store.db", timeout=60)) as database:
        database.execute("update grants set expires = '2020-01-01T00:00:00.000Z' where id = ?", (grant["id"],))
        database.commit()
    assert "has a grant that has expired" in refused(use(caller, connection))["message"]
    refused(caller("GET", f"/connections/{connection['id']}/use"))
    renewed = admin("POST", "/grants", {"user": grant["user"]["id"], "connection": connection["id"]}).json
    assert use(caller, connection).status == 200
    assert admin("DELETE", f"/grants/{renewed['id']}").status == 204
    assert "has no grant" in refused(use(caller, connection))["message"]


@pytest.mark.parametrize("gone", ["users", "connections"])
def test_a_grant_ends_with_its_user_and_its_connection(granted, admin, gone):
    connection, user, _, grant, _ = granted
    number = user["id"] if gone == "users" else connection["id"]
    assert admin("DELETE", f"/{gone}/{number}").status == 204
    assert admin("GET", f"/grants/{grant['id']}").status == 404


def test_a_revoked_token_uses_nothing(granted, admin):
    connection, _, caller, _, token = granted
    assert admin("PUT", f"/user-tokens/{token['id']}", {"revoke": True}).status == 200
    refused(use(caller, connection), 401, "not-signed-in")


@pytest.mark.parametrize("purpose", ["", "   ", "x" * 201, "a\nb", None, 7])
def test_a_purpose_is_a_short_line(granted, purpose):
    connection, _, caller, _, _ = granted
    error = refused(use(caller, connection, purpose), 422, "invalid-input")
    assert error["errors"][0]["loc"][-1] == "purpose"


def test_a_cookie_is_no_token(granted, nobody):
    connection, _, _, _, token = granted
    cookies = "; ".join(f"{name}={token['bearer_token']}" for name in ("qualytics", "__Host-qualytics"))
    refused(use(nobody, connection, Cookie=cookies), 401, "not-signed-in")
    refused(use(nobody, connection, Cookie=cookies, Authorization="Basic YTpi"), 401, "not-signed-in")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-Proto": "https"},
        {"Forwarded": "for=127.0.0.1;proto=https"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "127.0.0.1"},
        {"X-Forwarded": "for=127.0.0.1"},
        {"X-Envoy-External-Address": "192.0.2.7"},
        {"CF-Visitor": '{"scheme":"https"}'},
        {"Host": "connections.example.com"},
        {"Host": "a@127.0.0.1"},
    ],
    ids=str,
)
def test_what_came_through_a_proxy_that_nobody_trusts_is_refused(granted, admin, headers):
    connection, user, caller, _, _ = granted
    assert "over TLS or loopback only" in refused(use(caller, connection, **headers))["message"]
    refused(caller("GET", f"/connections/{connection['id']}/use", **headers))
    entry = entries(admin, "connection.use")[0]
    assert (entry["actor"], entry["outcome"]) == (user["name"], "not-allowed")


def ready(plane):
    """Return a connection of a control plane, and its Admin, who was granted it."""
    admin = plane.api("Admin")
    fields = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "app", "password": SECRET}
    connection = admin("POST", "/connections", fields).json
    admin("POST", "/grants", {"user": "admin", "connection": connection["id"]})
    return connection, admin


def test_tls_up_to_a_trusted_proxy_counts_and_loopback_beside_it_does_not(behind_proxy):
    connection, admin = ready(behind_proxy)
    assert use(admin, connection, **HTTPS).json["password"] == SECRET
    entry = entries(admin, "connection.use")[0]
    assert entry["address"] == "192.0.2.7"
    refused(use(admin, connection))
    refused(use(admin, connection, **HTTPS | {"X-Forwarded-Proto": "http"}))
    refused(use(admin, connection, **HTTPS | {"X-Forwarded-Proto": "https, http"}))
    refused(use(admin, connection, **{"X-Forwarded-For": "192.0.2.7"}))


def test_a_token_is_used_at_most_sixty_times_in_a_minute_of_all_workers(behind_proxy):
    connection, admin = ready(behind_proxy)
    admin("POST", "/grants", {"user": "member", "connection": connection["id"]})
    callers = [behind_proxy.api("Member") for _ in range(8)]  # each over a connection of its own
    answers = [use(callers[number % 8], connection, **HTTPS) for number in range(62)]
    assert [answer.status for answer in answers] == [*[200] * 60, 429, 429]
    assert 0 < float(answers[-1].headers["retry-after"]) <= 60
    refused(answers[-1], 429, "too-many")


def test_where_users_reach_it_by_a_name_a_proxy_is_before_it(public):
    connection, admin = ready(public)
    assert "over TLS or loopback only" in refused(use(admin, connection))["message"]


def test_without_the_option_nobody_gets_a_secret(proxied):
    connection, admin = ready(proxied)
    error = refused(use(admin, connection, **HTTPS))
    assert "--allow-use" in error["hint"]
    refused(admin("GET", f"/connections/{connection['id']}/use", **HTTPS))


def test_below_admin_one_sees_ones_own_grants_and_makes_none(granted, person):
    connection, user, caller, grant, _ = granted
    _, other, _ = person("Manager")
    assert caller("GET", "/grants").json["items"] == [grant]
    assert caller("GET", f"/grants/{grant['id']}").json == grant
    assert other("GET", "/grants").json["items"] == []
    assert other("GET", f"/grants/{grant['id']}").status == 404
    refused(other("GET", f"/grants?user={user['name']}"))
    refused(other("POST", "/grants", {"user": user["id"], "connection": connection["id"]}))
    refused(other("DELETE", f"/grants/{grant['id']}"))


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({}, 409, "conflict"),
        ({"user": "nobody at all"}, 404, "not-found"),
        ({"connection": 987654}, 404, "not-found"),
        ({"expires_in_days": 0}, 422, "invalid-input"),
        ({"expires_in_days": True}, 422, "invalid-input"),
        ({"expires_in_days": 3_651}, 422, "invalid-input"),
        ({"user": None}, 422, "invalid-input"),
        ({"user": []}, 422, "invalid-input"),
        ({"role": "Admin"}, 422, "invalid-input"),
    ],
)
def test_a_grant_that_is_wrong_is_refused(granted, admin, changes, status, code):
    connection, user, *_ = granted
    given = {"user": user["id"], "connection": connection["id"]}
    refused(admin("POST", "/grants", {**given, **changes}), status, code)


def test_a_grant_ends_by_itself_and_a_dry_run_ends_none(granted, admin, made):
    _, user, _, grant, _ = granted
    ending = admin("POST", "/grants", {"user": user["id"], "connection": made()["id"], "expires_in_days": 7}).json
    assert ending["created"][:4] <= ending["expires"][:4]
    assert ending["active"] is True
    told = admin("DELETE", f"/grants/{grant['id']}?dry_run=true").json
    assert told == {**grant, "deleted": False}
    assert admin("GET", f"/grants/{grant['id']}").json == grant
