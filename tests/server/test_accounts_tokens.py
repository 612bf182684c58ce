"""Tokens as attackers make them: forged, expired, of another store, revoked, without a signature."""

from __future__ import annotations

import base64
import json
import time

import jwt
import pytest

from testbed.control_plane import make_accounts

HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")


def encoded(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


ODD_TOKENS = [
    (HEADER, b"[]"),
    (HEADER, b"[" * 2_900),
    (HEADER, b'{"exp":' + b"9" * 2_500 + b"}"),
    (HEADER, b'{"iss":[1],"aud":{}}'),
    (encoded(b"[" * 2_900), b"{}"),
    (encoded(b'{"alg":["HS256"]}'), b"{}"),
    (encoded(b'{"alg":"HS256","b64":false}'), b"{}"),
    (encoded(b'{"alg":"HS256","kid":5}'), b"{}"),
]

FAR = int(time.time()) + 86_400


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def part(value):
    return encoded(json.dumps(value).encode())


def forged(plane, header=None, key="x" * 32, **changes):
    """Return a token like the Admin's, changed and signed with another key."""
    claims = claims_of(plane.tokens["Admin"]) | changes
    return jwt.encode(claims, key, "HS256", headers=header)


def unsigned(plane, algorithm):
    _, payload, _ = plane.tokens["Admin"].split(".")
    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{payload}."


def resigned(plane, **changes):
    """Return the Admin's token with other claims and its own signature."""
    header, _, signature = plane.tokens["Admin"].split(".")
    return f"{header}.{part(claims_of(plane.tokens['Admin']) | changes)}.{signature}"


FORGERIES = {
    "empty": lambda _: "",
    "a letter": lambda _: "x",
    "dots": lambda _: "..",
    "parts": lambda _: "a.b.c",
    "long": lambda _: "a" * 8_000,
    "not ascii": lambda _: "é.é.é",
    "alg none": lambda plane: unsigned(plane, "none"),
    "alg None": lambda plane: unsigned(plane, "None"),
    "alg nOnE": lambda plane: unsigned(plane, "nOnE"),
    "no signature": lambda plane: unsigned(plane, "HS256"),
    "another key": forged,
    "a key of a path": lambda plane: forged(plane, {"kid": "../../../../dev/null"}),
    "a key of its own": lambda plane: forged(plane, {"jwk": {"kty": "oct", "k": "eHh4"}}),
    "a key elsewhere": lambda plane: forged(plane, {"jku": "http://127.0.0.1:1/keys"}),
    "a longer life": lambda plane: forged(plane, exp=FAR * 2),
    "another user": lambda plane: resigned(plane, sub="2"),
    "a longer life under its signature": lambda plane: resigned(plane, exp=FAR * 2),
    "one letter more": lambda plane: plane.tokens["Admin"] + "x",
    "two letters less": lambda plane: plane.tokens["Admin"][:-2],
    "two tokens": lambda plane: plane.tokens["Admin"] + " " + plane.tokens["Admin"],
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_token_that_is_not_ours_opens_nothing(plane, what):
    token = f"Bearer {FORGERIES[what](plane)}".encode().decode("latin-1")
    answer = plane.api(None)("GET", "/connections", Authorization=token)
    assert (answer.status, answer.json["code"]) == (401, "not-signed-in"), answer
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Basic", "Token", "", "Bearer:", "bearer\t"])
def test_a_token_of_another_scheme_opens_nothing(plane, scheme):
    answer = plane.api(None)("GET", "/connections", Authorization=f"{scheme} {plane.tokens['Admin']}".strip())
    assert answer.status == 401


@pytest.mark.parametrize("place", ["?token={}", "?access_token={}", "?authorization=Bearer%20{}"])
def test_a_token_in_an_address_opens_nothing(plane, place):
    assert plane.api(None)("GET", "/connections" + place.format(plane.tokens["Admin"])).status == 401


def test_a_token_in_a_cookie_opens_nothing(plane):
    assert plane.api(None)("GET", "/connections", Cookie=f"token={plane.tokens['Admin']}").status == 401


def test_a_good_token_of_another_control_plane_opens_nothing(plane, tmp_path):
    for token in make_accounts(tmp_path / "other").values():
        answer = plane.api(token)("GET", "/users/me")
        assert (answer.status, answer.json["code"]) == (401, "not-signed-in")


def test_a_token_that_was_ended_a_moment_ago_opens_nothing(plane, admin):
    made = admin("POST", "/user-tokens", {"name": "short"}).json
    caller = plane.api(made["bearer_token"])
    assert caller("GET", "/connections").status == 200
    admin("PUT", f"/user-tokens/{made['id']}", {"revoke": True})
    assert caller("GET", "/connections").status == 401


def test_a_token_of_a_deleted_user_opens_nothing(admin, person):
    user, caller, _ = person("Admin")
    assert caller("GET", "/connections").status == 200
    assert admin("DELETE", f"/users/{user['id']}").status == 204
    assert caller("GET", "/connections").status == 401


def test_a_user_who_has_a_smaller_role_now_has_fewer_rights_at_once(admin, person):
    user, caller, _ = person("Admin")
    assert caller("GET", "/audit").status == 200
    admin("PATCH", f"/users/{user['id']}", {"role": "Member"})
    assert caller("GET", "/audit").status == 403


@pytest.mark.parametrize(("days", "status"), [(365, 200), (366, 422), (0, 422), (-1, 422), (1e9, 422), ("9", 422)])
def test_a_token_lives_at_most_a_year(admin, days, status):
    answer = admin("POST", "/user-tokens", {"name": "t", "expires_in_days": days})
    assert answer.status == status
    if status == 200:
        assert claims_of(answer.json["bearer_token"])["exp"] <= time.time() + 365 * 86_400 + 1


def test_a_token_is_shown_once_and_kept_nowhere(plane, admin):
    made = admin("POST", "/user-tokens", {"name": "secret one"}).json
    bearer = made["bearer_token"]
    signature = bearer.rpartition(".")[2]
    for path in (f"/user-tokens/{made['id']}", "/user-tokens?size=100", "/audit", "/users/me"):
        assert signature not in admin("GET", path).body.decode()
    for file in plane.home.iterdir():
        if file.is_file():
            assert signature.encode() not in file.read_bytes(), file.name
            assert bearer.encode() not in file.read_bytes(), file.name
    assert not [line for line in plane.log if signature in line]


@pytest.mark.parametrize(
    "token",
    [*(f"{head}.{encoded(payload)}.{encoded(b'x' * 32)}" for head, payload in ODD_TOKENS), "..", "x" * 5_000],
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
