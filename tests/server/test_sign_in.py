"""Signing in with a browser: the pages, every address that is refused, steps that are good once, and PKCE."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from urllib.parse import urlencode

import jwt
import pytest

from testbed.control_plane import PASSWORD, serving
from tests.support.browser import PKCE, REDIRECT, STATE, VERIFIER, Browser, redirect_of


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """Return a control plane with two workers, whose users have passwords."""
    home = tmp_path_factory.mktemp("login") / "home"
    with serving(home, "--workers", "2", "--trusted-proxy", "127.0.0.1", password=PASSWORD) as found:
        yield found


@pytest.fixture
def browser():
    return Browser()


@pytest.fixture
def somewhere(fresh):
    """Return headers that make the proxy's word of an address that no other test tries from."""
    number = int(fresh().partition("-")[2])
    return {"X_Forwarded_For": f"198.51.{number // 250}.{number % 250 + 1}"}


def test_the_published_flow_ends_with_a_token_that_is_good(plane, browser):
    page = browser.begin(plane)
    assert (page.status, page.header("content-type")) == (200, "text/html; charset=utf-8")
    done = browser.sign_in(page, "Manager", PASSWORD)
    assert done.status == 303
    assert set(done.answer) == {"state", "token"}
    assert done.answer["state"] == STATE
    jwt.decode(done.answer["token"], options={"verify_signature": False})
    api = plane.api(done.answer["token"])
    assert api("GET", "/users/me").json["name"] == "manager"
    (token,) = [found for found in api("GET", "/user-tokens").json["items"] if found["name"] == "cli on laptop"]
    assert token["active"]


def test_our_command_line_gets_a_code_that_its_verifier_alone_redeems_once(plane, browser):
    done = browser.sign_in(browser.begin(plane, **PKCE), "member", PASSWORD)
    assert set(done.answer) == {"state", "code"}
    anybody = plane.api(None)
    given = {"code": done.answer["code"], "code_verifier": VERIFIER}
    made = anybody("POST", "/cli/token", given)
    assert made.status == 200
    assert plane.api(made.json["bearer_token"])("GET", "/users/me").json["role"] == "Member"
    again = anybody("POST", "/cli/token", given)
    assert (again.status, again.json["code"]) == (401, "not-signed-in")


def test_a_wrong_verifier_uses_the_code_up(plane, browser):
    done = browser.sign_in(browser.begin(plane, **PKCE), "member", PASSWORD)
    anybody = plane.api(None)
    for verifier in ("x" * 43, VERIFIER):
        answer = anybody("POST", "/cli/token", {"code": done.answer["code"], "code_verifier": verifier})
        assert answer.status == 401
        assert "the code is not valid" in answer.json["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"code": "x"}, 422),
        ({"code": ["x"], "code_verifier": {}}, 401),
        ({"code": "\0", "code_verifier": ""}, 401),
    ],
)
def test_an_exchange_of_nothing_is_refused(plane, body, status):
    assert plane.api(None)("POST", "/cli/token", body).status == status


REFUSED_REDIRECTS = [
    *(
        "",
        "callback",
        "//127.0.0.1:9/callback",
        "https://127.0.0.1:9/callback",
        "ftp://127.0.0.1:9/",
        "javascript:alert(1)",
    ),
    *(
        "http://evil.example/callback",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example:9/",
        "http://127.0.0.2:9/",
    ),
    *(
        "http://127.0.0.1:9@evil.example/",
        "http://127.0.0.1@evil.example:9/",
        "http://evil@127.0.0.1:9/",
        "http://[::2]:9/",
    ),
    *(
        "http://127.0.0.1:9/callback#x",
        "http://127.0.0.1:9/?x=1",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
        "http://127.1:9/",
    ),
    *(
        "http://127.0.0.1:9\\@evil.example/",
        "http://127.0.0.1:9/\r\nX-Injected: 1",
        "http://127.0.0.1:9/callback\n",
        "http://0x7f000001:9/",
    ),
    *(
        "http://\u2127.0.0.1:9/",
        "http://127.0.0.1:9/<script>",
        " http://127.0.0.1:9/",
        "HTTP://127.0.0.1:9/",
        "http://2130706433:9/",
    ),
    *(
        "http://localhost%00.evil.example:9/",
        "http://127.0.0.1:9/\u202e",
        "http://127.0.0.1:\u0661/",
        "http://[::ffff:127.0.0.1]:9/",
    ),
]


@pytest.mark.parametrize("address", REFUSED_REDIRECTS)
def test_nobody_is_sent_to_another_place_than_this_machine(plane, browser, address):
    page = browser.begin(plane, redirect_uri=address)
    assert page.status == 400
    assert "Redirect_uri is not an address of this machine alone" in page.text
    assert page.header("location") is None
    assert "x-injected" not in str(page.headers).lower()
    assert page.parsed.forms == []


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        (REDIRECT, "http://127.0.0.1:9"),
        ("http://localhost:65535/a/b.c", "http://localhost:65535"),
        ("http://127.0.0.1/", "http://127.0.0.1"),
        ("http://[::1]:9/callback", "http:"),
    ],
)
def test_the_policy_names_the_one_place_where_the_form_may_lead(plane, browser, address, origin):
    page = browser.begin(plane, redirect_uri=address)
    assert page.status == 200
    assert redirect_of(page.header("content-security-policy")) == f"'self' {origin}"


def test_a_value_that_stands_twice_is_refused(plane, browser):
    page = browser.open(
        f"{plane.url}/api/cli/authorize?redirect_uri={REDIRECT}&redirect_uri=http://evil.example/&state={STATE}"
    )
    assert page.status == 400
    assert "is given twice" in page.text


@pytest.mark.parametrize(
    "changes",
    [
        {"state": None},
        {"state": ""},
        {"state": "short"},
        {"state": "x" * 513},
        {"state": f"{STATE}\r\nSet-Cookie: x=1"},
        {**PKCE, "code_challenge_method": "plain"},
        {**PKCE, "code_challenge_method": None},
        {**PKCE, "code_challenge": "short"},
        {"code_challenge_method": "S256"},
    ],
)
def test_what_is_not_as_it_must_be_begins_nothing(plane, browser, changes):
    page = browser.begin(plane, **changes)
    assert page.status == 400
    assert page.parsed.forms == []


def test_the_page_is_plain_and_nothing_of_it_can_run_or_be_framed(plane, browser):
    page = browser.begin(plane, hostname="<script>alert('1')</script>\u202e\"&")
    policy = page.header("content-security-policy")
    assert {part.strip() for part in policy.split(";")} >= {
        "default-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    }
    style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)[1]
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in policy
    assert page.header("x-frame-options") == "DENY"
    assert page.header("cache-control") == "no-store"
    assert page.header("referrer-policy") == "same-origin"  # without one its form would not say where it comes from
    assert "&lt;script&gt;" in page.text
    assert "\u202e" not in page.text
    tags = page.parsed.tags
    assert not {tag for tag, _ in tags} & {"script", "img", "link", "iframe", "object"}
    assert not [name for _, known in tags for name in known if name.startswith("on")]
    labelled = {known["for"] for tag, known in tags if tag == "label"}
    assert {known["id"] for tag, known in tags if tag == "input" and known["type"] != "hidden"} == labelled
    assert ("html", {"lang": "en"}) in tags


def test_the_cookie_stays_with_its_browser(plane, browser):
    cookie = browser.begin(plane).header("set-cookie")
    assert {"HttpOnly", "Path=/api/cli", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}


def test_a_step_is_good_once(plane, browser):
    page = browser.begin(plane)
    assert browser.sign_in(page, "member", PASSWORD).status == 303
    again = browser.sign_in(page, "member", PASSWORD)
    assert again.status == 403
    assert "This sign-in is over" in again.text


def test_a_step_is_good_for_one_of_many_who_take_it_at_once(plane, browser):
    page = browser.begin(plane)
    found, start = [], threading.Barrier(6)

    def take():
        start.wait(60)
        found.append(browser.sign_in(page, "member", PASSWORD).status)

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [303, 403, 403, 403, 403, 403]


@pytest.mark.parametrize("key", ["", "x" * 43, "\0"])
def test_a_made_up_step_leads_nowhere(plane, browser, key):
    page = browser.begin(plane)
    assert browser.sign_in(page, "member", PASSWORD, login=key).status == 403


def test_a_step_cannot_be_taken_by_another_browser(plane, browser):
    page = browser.begin(plane)
    other = Browser()
    assert other.sign_in(page, "member", PASSWORD).status == 403
    other.begin(plane)
    assert other.sign_in(browser.begin(plane), "member", PASSWORD).status == 403


def test_two_sign_ins_of_one_browser_do_not_end_each_other(plane, browser):
    first, second = browser.begin(plane), browser.begin(plane)
    assert browser.sign_in(second, "member", PASSWORD).status == 303
    assert browser.sign_in(first, "member", PASSWORD).status == 303


def test_a_wrong_password_and_an_unknown_user_are_told_the_same_and_may_try_again(plane, browser, somewhere):
    texts = []
    for name in ("member", "nobody-of-that-name"):
        page = browser.begin(plane)
        action, fields = page.form
        again = browser.open(action, fields | {"name": name, "password": "wrong " + PASSWORD}, **somewhere)
        assert again.status == 403
        assert 'role="alert"' in again.text
        texts.append(re.sub(r'value="[^"]*"', "", again.text))
        assert "wrong " + PASSWORD not in again.text
        assert browser.sign_in(again, "member", PASSWORD).status == 303
    assert texts[0] == texts[1]


def test_tries_are_limited_by_name_and_address_on_both_workers(plane, browser, somewhere, fresh):
    def attempt(name, place):
        action, fields = browser.begin(plane).form
        return browser.open(action, fields | {"name": name, "password": "x"}, **place)

    name = fresh()
    assert [attempt(name, somewhere).status for _ in range(10)] == [403] * 10
    refused = attempt(name.upper(), somewhere)
    assert refused.status == 429
    assert int(refused.header("retry-after")) > 0
    assert attempt(fresh(), somewhere).status == 403
    assert attempt(name, {"X_Forwarded_For": "203.0.113.77"}).status == 403


@pytest.mark.parametrize(
    "body", [b"", b"login=x", b"login=x&name=a&name=b&password=c", b"login=x&name=\xff&password=c", b"&" * 100, b"{}"]
)
def test_a_form_that_is_not_whole_is_refused(plane, browser, body):
    assert browser.open(f"{plane.url}/api/cli/authorize", body).status == 400


def test_a_form_of_another_type_is_refused(plane, browser):
    action, fields = browser.begin(plane).form
    page = browser.open(action, fields | {"name": "member", "password": PASSWORD}, Content_Type="text/plain")
    assert page.status == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_a_form_of_another_site_is_refused(plane, browser, origin):
    action, fields = browser.begin(plane).form
    typed = fields | {"name": "member", "password": PASSWORD}
    assert browser.open(action, typed, Origin=origin).status == 403
    assert browser.open(action, typed).status == 303


def test_cancel_leads_back_with_an_error(plane, browser):
    page = browser.begin(plane)
    assert f"{REDIRECT}?state={STATE}&error=access_denied" in page.parsed.links


def test_without_a_provider_there_is_none_to_sign_in_with(plane, browser):
    page = browser.begin(plane)
    assert "Sign in with" not in page.text
    key = page.form[1]["login"]
    assert browser.open(f"{plane.url}/api/cli/provider", {"login": key}).status == 403
    assert browser.open(f"{plane.url}/api/cli/callback?state=x&code=y").status == 403


def test_sign_ins_are_in_the_audit_log_without_what_was_typed(plane, browser, somewhere):
    action, fields = browser.begin(plane).form
    typed = "a-password-typed-as-the-name"
    browser.open(action, fields | {"name": typed, "password": "x"}, **somewhere)
    browser.sign_in(browser.begin(plane), "member", PASSWORD)
    entries = plane.api()("GET", "/audit?action=user.login").json["items"]
    assert typed not in str(entries)
    done = next(entry for entry in entries if entry["outcome"] == "done")
    assert (done["actor"], done["object_name"]) == ("member", "member")
    failed = next(entry for entry in entries if entry["address"] == somewhere["X_Forwarded_For"])
    assert (failed["actor"], failed["object_name"], failed["outcome"]) == ("nobody", None, "not-signed-in")


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
