"""/api/users and /api/user-tokens over HTTP: fields that nobody may set, records of others, and what ends at once."""

from __future__ import annotations

import threading

import pytest

USER = ["id", "name", "kind", "role", "email", "issuer", "subject", "created"]
TOKEN = ["id", "name", "user", "active", "expiration", "last_used", "revoked", "created"]


def test_a_user_is_made_read_changed_and_deleted(admin, fresh):
    name = fresh()
    made = admin("POST", "/users", {"name": name, "role": "Manager", "password": "correct horse battery"})
    assert (made.status, list(made.json), made.headers["etag"]) == (200, USER, '"1"')
    number = made.json["id"]
    assert admin("GET", f"/users/{number}").json == made.json
    sent_back = {**made.json, "role": "Member"}
    changed = admin("PUT", f"/users/{number}", sent_back, If_Match='"1"')
    assert (changed.status, changed.json["role"]) == (200, "Member")
    assert admin("PUT", f"/users/{number}", sent_back, If_Match='"1"').status == 412
    assert admin("PATCH", f"/users/{number}", {"email": "a@b.c"}).json["email"] == "a@b.c"
    assert admin("PUT", f"/users/{number}", {"name": name}).status == 422
    page = admin("GET", f"/users?name={name.upper()}&kind=user").json
    assert (page["total"], [user["id"] for user in page["items"]]) == (1, [number])
    gone = admin("DELETE", f"/users/{number}")
    assert (gone.status, gone.body) == (204, b"")
    assert admin("GET", f"/users/{number}").status == 404


@pytest.mark.parametrize("field", ["id", "version", "password_hash", "name_key", "created", "is_admin", "bearer_token"])
def test_fields_that_nobody_sets_are_refused_in_a_new_user(admin, fresh, field):
    answer = admin("POST", "/users", {"name": fresh(), field: "1"})
    assert answer.status == 422
    assert [error["type"] for error in answer.json["errors"]] == ["unknown-field"]


def test_what_a_reply_holds_beside_fields_changes_nothing_when_it_is_sent_back(admin, person):
    user, _, _ = person()
    answer = admin("PATCH", f"/users/{user['id']}", {"id": 1, "created": "2000-01-01", "email": "x@y.z"})
    assert answer.json == {**user, "email": "x@y.z"}


def test_a_member_cannot_become_admin_by_any_route(person):
    user, caller, _ = person()
    for method, path, body in (
        ("PATCH", f"/users/{user['id']}", {"role": "Admin"}),
        ("PUT", f"/users/{user['id']}", {"name": user["name"], "role": "Admin"}),
        ("POST", "/users", {"name": "x", "role": "Admin"}),
        ("POST", "/user-tokens", {"name": "x", "user": "admin"}),
        ("POST", "/user-tokens", {"name": "x", "user": 1}),
        ("GET", "/user-tokens?everybody=true", None),
        ("GET", "/user-tokens?user=admin", None),
    ):
        assert caller(method, path, body).status == 403, (method, path)
    assert caller("PATCH", "/users/me", {"role": "Admin"}).status == 405
    assert caller("GET", "/users/me").json["role"] == "Member"


def test_a_token_of_another_is_as_good_as_none(person, manager):
    _, _, token = person()
    path = f"/user-tokens/{token['id']}"
    for method, body in (("GET", None), ("PUT", {"revoke": True}), ("DELETE", None)):
        answer = manager(method, path, body)
        assert answer.status == 404
        missing = manager(method, "/user-tokens/999999", body)
        assert answer.json["detail"].replace(str(token["id"]), "N") == missing.json["detail"].replace("999999", "N")


def test_a_token_is_shown_once_listed_without_itself_and_revoked_at_once(person, plane):
    _, caller, _ = person()
    made = caller("POST", "/user-tokens", {"name": "mine", "expires_in_days": 1, "scim_endpoints_only": False}).json
    assert list(made) == [*TOKEN, "bearer_token"]
    other = plane.api(made["bearer_token"])
    assert other("GET", "/connections").status == 200
    page = caller("GET", "/user-tokens").json
    assert [list(token) for token in page["items"]] == [TOKEN, TOKEN]
    assert caller("DELETE", f"/user-tokens/{made['id']}").status == 409
    revoked = caller("PUT", f"/user-tokens/{made['id']}", {"revoke": True}).json
    assert (revoked["active"], revoked["revoked"] is not None) == (False, True)
    refused = other("GET", "/connections")
    assert (refused.status, refused.json["detail"]) == (401, "the token was revoked")
    assert refused.headers["www-authenticate"] == "Bearer"
    assert caller("DELETE", f"/user-tokens/{made['id']}").status == 204
    assert other("GET", "/connections").json["detail"].startswith("the token no longer exists")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x", "expires_in_days": 366},
        {"name": "x", "expires_in_days": "1"},
        {"name": "x", "scim_endpoints_only": True},
        {"name": "x", "user": {"id": 1}},
        {"name": "x", "user": True},
        {"name": "x", "jti": "1"},
        {"name": "x", "user_id": 1},
        {"name": ["x"]},
    ],
)
def test_a_token_of_another_form_is_refused(admin, body):
    assert admin("POST", "/user-tokens", body).status == 422


def test_a_role_counts_at_the_next_request_and_a_deleted_user_has_none(admin, person):
    user, caller, _ = person("Manager")
    assert caller("POST", "/connections", {}).status == 422
    admin("PATCH", f"/users/{user['id']}", {"role": "Member"})
    assert caller("POST", "/connections", {}).status == 403
    admin("DELETE", f"/users/{user['id']}")
    assert caller("GET", "/connections").status == 401


def test_two_admins_cannot_remove_each_other_at_once(admin, person):
    admins = [person("Admin") for _ in range(2)]
    results, start = [], threading.Barrier(2)

    def remove(caller, other):
        start.wait(60)
        results.append(caller("DELETE", f"/users/{other}").status)

    threads = [
        threading.Thread(target=remove, args=(admins[0][1], admins[1][0]["id"])),
        threading.Thread(target=remove, args=(admins[1][1], admins[0][0]["id"])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [204, 401]  # whoever comes second is no Admin any more when it is written
    assert admin("GET", "/users/me").json["role"] == "Admin"


@pytest.mark.parametrize("number", [0, 2**63, 2**80, 10**30])
def test_a_number_that_no_user_has_is_not_found(admin, number):
    for method in ("GET", "DELETE"):
        for path in ("users", "user-tokens"):
            assert admin(method, f"/{path}/{number}").status == 404
