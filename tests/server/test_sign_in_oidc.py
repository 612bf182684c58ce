"""Signing in with a real OpenID provider: who is let in as whom, and steps that are good once."""

from __future__ import annotations

import contextlib
import html
import json
import re
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import trustme

from qualytics.errors import UsageError
from qualytics.server import config
from testbed import oidc
from testbed.control_plane import serving
from tests.support.browser import PKCE, REDIRECT, STATE, VERIFIER, Browser
from tests.support.tunnel import tunnelling

PUBLIC = "http://127.0.0.1:10"
CALLBACK = f"{PUBLIC}/api/cli/callback"
SECRET = "a client+secret/with=odd%characters:" + "s" * 32
CLIENT = {"client_id": "qualytics+cp", "client_secret": SECRET, "redirect_uris": [CALLBACK]}
PUBLIC_CLIENT = {"client_id": "open", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}

# What a page that asks to go on holds of a form.
_HIDDEN = re.compile(r'<textarea name="([^"]+)" hidden>\n(.*?)</textarea>', re.DOTALL)

pytestmark = [pytest.mark.slow, pytest.mark.servers]


@pytest.fixture(scope="module")
def provider():
    with oidc.provider([CLIENT, PUBLIC_CLIENT]) as server:
        yield server


def settings_for(provider):
    """Return the variables of a control plane that lets people in with a provider."""
    return {
        "QUALYTICS_PUBLIC_URL": PUBLIC,
        "QUALYTICS_OIDC_ISSUER": provider.issuer,
        "QUALYTICS_OIDC_CLIENT_ID": CLIENT["client_id"],
        "QUALYTICS_OIDC_CLIENT_SECRET": SECRET,
        "QUALYTICS_OIDC_NAME": "Example & Co",
    }


@pytest.fixture(scope="module")
def control_plane(provider, tmp_path_factory):
    """Return a function that runs a control plane which lets people in with the provider."""
    with contextlib.ExitStack() as running:

        def run(**settings):
            environ = settings_for(provider) | {f"QUALYTICS_OIDC_{name}": value for name, value in settings.items()}
            home = tmp_path_factory.mktemp("oidc") / "home"
            return running.enter_context(serving(home, environ=environ))

        yield run


@pytest.fixture(scope="module")
def closed(control_plane):
    """Return a control plane that lets in only those whom an Admin has linked."""
    return control_plane()


@pytest.fixture(scope="module")
def opened(control_plane):
    """Return a control plane that makes a Member of whoever is new, as a client without a secret."""
    return control_plane(DEFAULT_ROLE="Member", CLIENT_ID="open", CLIENT_SECRET="")


@pytest.fixture(scope="module")
def by_email(control_plane):
    """Return a control plane that knows people by the address that the provider has verified."""
    return control_plane(BY_EMAIL="true")


def browser_of(plane, **behind):
    return Browser(proxies={urlsplit(PUBLIC).netloc: urlsplit(plane.url).netloc, **behind})


def at_provider(browser, plane, **changes):
    """Go from our page to the provider's, where a name is asked for."""
    page = browser.begin(plane, **changes)
    assert "Sign in with Example &amp; Co" in page.text
    return lead_to_provider(browser, page)


def lead_to_provider(browser, page):
    return browser.follow(browser.open(away_of(ask_for_provider(browser, page))))


def ask_for_provider(browser, page, **headers):
    """Press the button of a sign-in's page that leads to the provider."""
    ((action, fields),) = [form for form in page.parsed.forms if form[0].endswith("provider")]
    return browser.open(urljoin(page.url, action), fields, **headers)


def away_of(page):
    """Return where a page leads at once."""
    assert page.status == 200, page.text
    (refresh,) = [known["content"] for tag, known in page.parsed.tags if tag == "meta" and "http-equiv" in known]
    assert refresh.startswith("0; url=")
    assert page.parsed.links == [refresh.removeprefix("0; url=")]
    return page.parsed.links[0]


def back_from_provider(browser, page, name):
    """Sign in at the provider and agree; return what our callback answers to the browser."""
    while page.status == 200 and page.parsed.forms and "Sign in to qualytics" not in page.text:
        action, fields = page.form
        given = {"login": name, "password": "any"} if "login" in fields else {}
        page = browser.open(action, fields | given)
        while page.status in {302, 303} and not page.header("location").startswith((REDIRECT, CALLBACK)):
            page = browser.open(urljoin(page.url, page.header("location")))
    return page


def sign_in(plane, name, browser=None, **changes):
    """Sign in as somebody, all the way, and return the last page."""
    browser = browser or browser_of(plane)
    page = back_from_provider(browser, at_provider(browser, plane, **changes), name)
    return browser.open(page.header("location"))


def test_whoever_is_new_becomes_a_user_with_the_default_role_and_stays_that_user(opened):
    for _ in range(2):
        done = sign_in(opened, "newcomer")
        assert done.status == 303, done.text
        assert done.answer["state"] == STATE
        me = opened.api(done.answer["token"])("GET", "/users/me").json
        assert (me["name"], me["role"], me["subject"]) == ("newcomer", "Member", "newcomer")
        assert me["email"] == "newcomer@example.com"
    found = opened.api()("GET", "/users?name=newcomer").json
    assert found["total"] == 1


def test_a_newcomer_does_not_become_a_user_of_the_same_name(opened):
    done = sign_in(opened, "admin")
    me = opened.api(done.answer["token"])("GET", "/users/me").json
    assert (me["name"], me["role"]) == ("admin-2", "Member")


def test_an_unverified_address_is_not_kept(opened):
    done = sign_in(opened, "unverified-one")
    assert opened.api(done.answer["token"])("GET", "/users/me").json["email"] is None


def test_who_is_unknown_is_refused_and_told_what_to_be_linked_by(closed, provider):
    done = sign_in(closed, "stranger")
    assert done.status == 403
    assert f"no user here is linked to subject &#x27;stranger&#x27; of {provider.issuer}" in done.text
    assert done.header("location") is None
    assert closed.api()("GET", "/users?name=stranger").json["total"] == 0
    entries = closed.api()("GET", "/audit?action=user.login").json["items"]
    (refused,) = [entry for entry in entries if entry["outcome"] == "not-signed-in"]  # others are counted in it
    assert refused["detail"]["how"] == "provider"


def test_a_user_whom_an_admin_has_linked_is_let_in(closed, provider):
    link = {"issuer": provider.issuer, "subject": "linked"}
    assert closed.api()("POST", "/users", {"name": "Linda", "role": "Manager", **link}).status == 200
    done = sign_in(closed, "linked")
    me = closed.api(done.answer["token"])("GET", "/users/me").json
    assert (me["name"], me["role"]) == ("Linda", "Manager")


def test_a_verified_address_names_a_user_only_where_that_is_set(closed, by_email):
    for plane in (closed, by_email):
        plane.api()("POST", "/users", {"name": "Mail", "email": "Mail@Example.com"})
    assert sign_in(closed, "mail").status == 403
    done = sign_in(by_email, "mail")
    assert by_email.api(done.answer["token"])("GET", "/users/me").json["subject"] == "mail"


def test_an_unverified_or_shared_address_names_nobody(by_email):
    for name, address in (("U", "unverified-x@example.com"), ("A", "both@example.com"), ("B", "both@example.com")):
        assert by_email.api()("POST", "/users", {"name": name, "email": address}).status == 200
    assert sign_in(by_email, "unverified-x").status == 403
    assert sign_in(by_email, "both").status == 403


def test_a_browser_gets_a_session_and_the_page_that_it_asked_for(opened):
    browser = browser_of(opened)
    asked = browser.open(f"{PUBLIC}/sign-in?next=/health")
    assert "Sign in with Example &amp; Co" in asked.text
    page = back_from_provider(browser, lead_to_provider(browser, asked), "page-user")
    finish = browser.open(page.header("location"))
    address = urljoin(PUBLIC, finish.header("location"))
    assert address.startswith(f"{PUBLIC}/sign-in/finish?")
    other = browser_of(opened).open(address)  # as somebody who was sent the address of another's sign-in
    assert (other.status, other.header("set-cookie")) == (401, None)
    browser = browser_of(opened)
    page = lead_to_provider(browser, browser.open(f"{PUBLIC}/sign-in?next=/health"))
    page = browser.open(back_from_provider(browser, page, "page-user").header("location"))
    done = browser.open(urljoin(PUBLIC, page.header("location")))
    assert (done.status, done.header("location")) == (303, "/health")
    assert "page-user" in browser.open(f"{PUBLIC}/health").text
    assert browser.open(urljoin(PUBLIC, page.header("location"))).status == 401  # it is good once


def test_our_command_line_gets_a_code_here_too(opened):
    done = sign_in(opened, "coder", **PKCE)
    assert set(done.answer) == {"state", "code"}
    given = {"code": done.answer["code"], "code_verifier": VERIFIER}
    assert opened.api(None)("POST", "/cli/token", given).json["user"]["name"] == "coder"


def test_the_provider_is_asked_with_pkce_a_nonce_and_a_state_of_our_own(opened):
    browser = browser_of(opened)
    page = browser.begin(opened)
    asked = parse_qs(urlsplit(away_of(ask_for_provider(browser, page))).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [CALLBACK]
    assert len(asked["nonce"][0]) >= 43
    assert len(asked["state"][0]) >= 43
    assert asked["state"] != [STATE]
    assert ask_for_provider(browser, page).status == 403  # it is good once


@pytest.mark.parametrize("address", ["/api/cli/authorize", "/sign-in"])
def test_nobody_is_led_to_the_provider_by_a_link_or_another_site(opened, address):
    browser = browser_of(opened)
    page = browser.begin(opened) if "cli" in address else browser.open(f"{PUBLIC}{address}")
    ((action, fields),) = [form for form in page.parsed.forms if form[0].endswith("provider")]
    path = urljoin(page.url, action)
    assert browser.open(f"{path}?{urlencode(fields)}").header("location") == (None if "cli" in address else "/sign-in")
    for origin in ("https://evil.example", "null", ""):
        refused = ask_for_provider(browser, page, Origin=origin)
        assert (refused.status, "http-equiv" in refused.text) == (403, False), origin
    assert browser_of(opened).open(path, fields | {"login": "x" * 43}).status == (403 if "cli" in address else 200)
    assert away_of(ask_for_provider(browser, page))


def test_what_was_typed_before_a_session_ended_survives_a_sign_in_with_the_provider(opened):
    browser = browser_of(opened)
    page = lead_to_provider(browser, browser.open(f"{PUBLIC}/sign-in"))
    page = browser.open(back_from_provider(browser, page, "typing").header("location"))
    browser.open(urljoin(PUBLIC, page.header("location")))
    (me,) = opened.api()("GET", "/users?name=typing").json["items"]
    assert opened.api()("PATCH", f"/users/{me['id']}", {"role": "Manager"}).status == 200
    form = browser.open(f"{PUBLIC}/connections/new?type=postgresql")
    (action, fields) = next(one for one in form.parsed.forms if "/connections/new" in one[0])
    typed = {"name": "typed <b>", "host": "db.example.com", "password": "canary-secret", "_do": "save"}
    for token in opened.api()("GET", "/user-tokens?user=typing").json["items"]:
        opened.api()("PUT", f"/user-tokens/{token['id']}", {"revoke": True})
    asked = browser.open(urljoin(form.url, action), fields | typed)
    assert (asked.status, "but for password" in asked.text) == (401, True)
    going_on = lead_to_provider(browser, asked)  # which knows this browser, and sends it back at once
    assert "but for password: no page holds a secret" in going_on.text
    (action, fields) = next(one for one in going_on.parsed.forms if "/connections/new" in one[0])
    kept = {name: html.unescape(text) for name, text in re.findall(_HIDDEN, going_on.text)}
    shown = browser.open(urljoin(PUBLIC, action), fields | kept)
    assert shown.status == 200, shown.text
    assert 'value="typed &lt;b&gt;"' in shown.text
    assert 'value="db.example.com"' in shown.text
    assert "canary-secret" not in asked.text + going_on.text + shown.text


def test_a_form_too_long_for_the_way_is_not_lost(opened):
    browser = browser_of(opened)
    kept = json.dumps({"_form": "/explain", "message": "x" * 70_000})
    page = browser.open(f"{PUBLIC}/sign-in/provider", {"next": "/explain", "_kept": kept})
    assert page.status == 403
    assert "too long" in page.text
    assert "x" * 70_000 in page.text


def test_an_answer_of_the_provider_is_good_once_and_in_its_browser_alone(opened):
    browser = browser_of(opened)
    page = back_from_provider(browser, at_provider(browser, opened), "replayed")
    location = page.header("location")
    thief = browser_of(opened)
    thief.begin(opened)
    assert thief.open(location).status == 403
    assert browser.open(location).status == 303
    assert browser.open(location).status == 403


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"code": "made-up"}, 502, "invalid_grant"),
        ({"iss": "http://127.0.0.1:1"}, 403, "the answer comes from another provider"),
        ({"code": "", "error": "access_denied"}, 403, "refused to sign you in: access_denied"),
        ({"code": "", "error": "<script>"}, 403, "refused to sign you in."),
    ],
)
def test_another_answer_lets_nobody_in(opened, changes, status, words):
    browser = browser_of(opened)
    page = back_from_provider(browser, at_provider(browser, opened), "other")
    answer = {name: values[0] for name, values in parse_qs(urlsplit(page.header("location")).query).items()}
    done = browser.open(f"{CALLBACK}?{urlencode(answer | changes)}")
    assert done.status == status
    assert words.lower() in done.text.lower()
    assert "<script>" not in done.text


def test_a_provider_that_is_not_there_is_told_and_passwords_still_work(control_plane):
    plane = control_plane(ISSUER="http://127.0.0.1:1")
    browser = browser_of(plane)
    page = browser.begin(plane)
    done = ask_for_provider(browser, page)
    assert done.status == 502
    assert "Nothing listens at 127.0.0.1:1" in done.text
    assert browser.sign_in(browser.begin(plane), "admin", "wrong").status == 403


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    """Run a provider that only a proxy can find, and a control plane that has that proxy; return both and the log."""
    authority, log = trustme.CA(), []
    folder = tmp_path_factory.mktemp("proxied")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    with (
        oidc.provider([CLIENT], "login.invalid", authority.issue_cert("login.invalid")) as provider,
        tunnelling(log) as port,
    ):
        environ = settings_for(provider) | {
            "QUALYTICS_OIDC_DEFAULT_ROLE": "Member",
            "HTTPS_PROXY": f"http://127.0.0.1:{port}",
            "SSL_CERT_FILE": str(folder / "ca.pem"),
        }
        with serving(folder / "home", environ=environ) as plane:
            yield plane, provider, log


def test_the_provider_is_asked_through_the_proxy_that_is_set_which_sees_no_secret(proxied):
    plane, provider, log = proxied
    browser = browser_of(plane, **{f"login.invalid:{provider.port}": f"127.0.0.1:{provider.port}"})
    done = sign_in(plane, "remote", browser)
    assert done.status == 303, done.text
    assert plane.api(done.answer["token"])("GET", "/users/me").json["subject"] == "remote"
    heads = [part for part in log if part.startswith(b"CONNECT")]
    assert len(heads) == 3  # its metadata, the ID token and its keys
    assert {head.partition(b"\r\n")[0] for head in heads} == {
        f"CONNECT login.invalid:{provider.port} HTTP/1.1".encode()
    }
    assert b"authorization_code" not in b"".join(log)
    assert b"code_verifier" not in b"".join(log)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"QUALYTICS_PUBLIC_URL": ""}, "needs QUALYTICS_PUBLIC_URL"),
        ({"QUALYTICS_OIDC_CLIENT_ID": ""}, "QUALYTICS_OIDC_CLIENT_ID is not set"),
        ({"QUALYTICS_OIDC_ISSUER": "http://login.example.com"}, "must be https"),
        ({"QUALYTICS_OIDC_DEFAULT_ROLE": "Root"}, "must be Admin, Manager, Member"),
    ],
)
def test_a_provider_that_is_set_wrongly_ends_the_start(changes, words):
    good = {
        "QUALYTICS_PUBLIC_URL": PUBLIC,
        "QUALYTICS_OIDC_ISSUER": "https://i.example",
        "QUALYTICS_OIDC_CLIENT_ID": "c",
    }
    assert config.load(good).provider is not None
    with pytest.raises(UsageError, match=words):
        config.load(good | changes)


def test_a_proxy_that_cannot_be_used_ends_the_start(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.example.com")
    with pytest.raises(UsageError, match="HTTPS_PROXY is not a proxy that can be used"):
        config.load(
            {
                "QUALYTICS_PUBLIC_URL": PUBLIC,
                "QUALYTICS_OIDC_ISSUER": "https://login.example.com",
                "QUALYTICS_OIDC_CLIENT_ID": "c",
            }
        )
