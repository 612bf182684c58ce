"""ID tokens that are not good, each for its reason; and answers of a provider that are none."""

import http.server
import json
import threading
import time
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from qualytics.errors import NotSignedIn, Unreachable, UsageError
from qualytics.secret import Secret
from qualytics.service.accounts import oidc
from qualytics.service.accounts.oidc import OpenId, Provider
from tests.support import deadlines, faults
from tests.support.keys import RSA

KEY = RSA
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())


def public(key, algorithm, kid, **more):
    made = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key()))
    return {**made, "kid": kid, **more}


class _Answers(http.server.BaseHTTPRequestHandler):
    """Answers from a table of paths; a provider whose every word the test decides."""

    def do_GET(self):
        self.server.asked.append(self.path)
        status, headers, body = self.server.table.get(self.path, (404, {}, b"{}"))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that the library calls

    def log_message(self, *_args):
        pass


@pytest.fixture
def answers():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.table, server.asked = {}, []
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def openid(answers):
    """Return a provider whose keys are KEY, CURVE and one that is only for encrypting."""
    document = {
        "issuer": answers.url,
        "authorization_endpoint": f"{answers.url}/auth",
        "token_endpoint": f"{answers.url}/token",
        "jwks_uri": f"{answers.url}/jwks",
    }
    keys = [
        public(KEY, "RS256", "one"),
        public(CURVE, "ES256", "two"),
        public(OTHER, "RS256", "enc", use="enc"),
        {"kty": "oct", "kid": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"},
    ]
    answers.table["/.well-known/openid-configuration"] = (200, {}, json.dumps(document).encode())
    answers.table["/jwks"] = (200, {}, json.dumps({"keys": keys}).encode())
    return OpenId(Provider(answers.url, "client", Secret("s" * 40)))


def claims(openid, **changes):
    now = int(time.time())
    known = {
        "iss": openid.provider.issuer,
        "sub": "s1",
        "aud": "client",
        "iat": now,
        "exp": now + 60,
        "nonce": "n" * 43,
    }
    given = {name: value for name, value in (known | changes).items() if value is not None}
    # Counted from here, not from when the tests were collected, which may be long ago.
    return {name: now + value.seconds if isinstance(value, timedelta) else value for name, value in given.items()}


def signed(openid, key=KEY, algorithm="RS256", kid="one", **changes):
    return jwt.encode(claims(openid, **changes), key, algorithm, {"kid": kid} if kid else {})


def test_a_good_id_token_names_somebody(openid):
    found = openid.checked(signed(openid, email="A@b.c", email_verified=True, name="Ada"), "n" * 43)
    assert (found.issuer, found.subject, found.name) == (openid.provider.issuer, "s1", "Ada")
    assert (found.email, found.is_email_verified) == ("A@b.c", True)
    assert openid.checked(signed(openid, CURVE, "ES256", "two"), "n" * 43).subject == "s1"
    assert openid.checked(signed(openid, aud=["client", "other"], azp="client"), "n" * 43).subject == "s1"
    ahead = int(time.time()) + 50  # as far as the provider's clock goes
    assert openid.checked(signed(openid, iat=ahead, nbf=ahead, exp=ahead + 60), "n" * 43).subject == "s1"


@pytest.mark.parametrize("verified", ["true", 1, None, False])
def test_an_address_is_verified_only_if_the_provider_says_exactly_that(openid, verified):
    assert not openid.checked(signed(openid, email="a@b.c", email_verified=verified), "n" * 43).is_email_verified


BAD = {
    "another issuer": ({"iss": "https://evil.example"}, "InvalidIssuer"),
    "another client": ({"aud": "other"}, "InvalidAudience"),
    "two clients, not told which": ({"aud": ["client", "other"]}, "for another client"),
    "two clients, the other": ({"aud": ["client", "other"], "azp": "other"}, "for another client"),
    "past": ({"exp": 1}, "ExpiredSignature"),
    "past by a moment": ({"exp": int(time.time()) - 1}, "ExpiredSignature"),
    "of a clock too far ahead": ({"iat": timedelta(seconds=600)}, "ImmatureSignature"),
    "not yet": ({"nbf": timedelta(seconds=600)}, "ImmatureSignature"),
    "of tomorrow": ({"iat": timedelta(seconds=86_000)}, "ImmatureSignature"),
    "no end": ({"exp": None}, "MissingRequiredClaim"),
    "nobody": ({"sub": None}, "MissingRequiredClaim"),
    "no nonce": ({"nonce": None}, "MissingRequiredClaim"),
    "another nonce": ({"nonce": "m" * 43}, "for another sign-in"),
    "an unknown key": ({"kid": "three"}, "publishes no key"),
    "no key named, but two that fit none": ({"kid": None, "key": OTHER}, "InvalidSignature"),
    "a key for encrypting": ({"kid": "enc", "key": OTHER}, "publishes no key"),
    "another key": ({"key": OTHER}, "InvalidSignature"),
    "the client secret": ({"key": "s" * 40, "algorithm": "HS256"}, "signs with an algorithm that is not accepted"),
    "a published symmetric key": ({"key": "s" * 40, "algorithm": "HS256", "kid": "oct"}, "not accepted"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_id_token_lets_nobody_in(openid, name):
    changes, words = BAD[name]
    with pytest.raises(NotSignedIn, match=words):
        openid.checked(signed(openid, **changes), "n" * 43)


@pytest.mark.parametrize("text", [None, 7, "", "x", "a.b.c", jwt.encode({"sub": "s1"}, None, "none")])
def test_what_is_no_signed_token_lets_nobody_in(openid, text):
    with pytest.raises(NotSignedIn):
        openid.checked(text, "n" * 43)


def test_made_up_keys_do_not_become_requests(openid, answers):
    for number in range(5):
        with pytest.raises(NotSignedIn):
            openid.checked(signed(openid, kid=f"x{number}"), "n" * 43)
    assert answers.asked.count("/jwks") == 1


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"issuer": "https://other.example"}, "names another issuer"),
        ({}, "names another issuer"),
        ([], "answered something else than a JSON object"),
        ({"issuer": None, "authorization_endpoint": "http://evil.example/auth"}, "no usable authorization_endpoint"),
        ({"issuer": None}, "no usable authorization_endpoint"),
        ({"issuer": None, "authorization_endpoint": "javascript:alert(1)"}, "no usable authorization_endpoint"),
    ],
)
def test_a_provider_that_describes_itself_wrongly_is_not_used(openid, answers, document, words):
    if isinstance(document, dict) and document.get("issuer", "") is None:
        document = document | {"issuer": answers.url}
    answers.table["/.well-known/openid-configuration"] = (200, {}, json.dumps(document).encode())
    with pytest.raises(Unreachable, match=words):
        openid.authorization_url("http://127.0.0.1/", "s", "n", "v")


def test_redirects_are_not_followed_and_errors_tell_their_code_alone(answers):
    answers.table["/a"] = (302, {"Location": f"{answers.url}/b"}, b"{}")
    answers.table["/b"] = (200, {}, b"{}")
    answers.table["/c"] = (400, {}, b'{"error": "invalid_grant", "error_description": "the code abc"}')
    with pytest.raises(Unreachable, match="answered 302"):
        oidc.fetch(f"{answers.url}/a")
    assert answers.asked == ["/a"]
    with pytest.raises(Unreachable, match=r"answered 400: invalid_grant$"):
        oidc.fetch(f"{answers.url}/c", {"code": "abc"})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "something else than a JSON object"),
        (b"<html>", "something else than a JSON object"),
        (b"[1]", "something else than a JSON object"),
        (b"[" * 200_000, "something else than a JSON object"),
        (b'{"a": "' + b"x" * 300_000 + b'"}', "more than 256 KiB"),
    ],
)
def test_an_answer_that_is_not_a_small_object_is_refused(answers, body, words):
    answers.table["/a"] = (200, {}, body)
    with pytest.raises(Unreachable, match=words):
        oidc.fetch(f"{answers.url}/a")


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example.com",
        "ftp://127.0.0.1/",
        "https://u:p@login.example.com/",
        "https://x/#f",
        "file:///etc/passwd",
        "",
    ],
)
def test_an_issuer_is_https_unless_it_is_on_this_machine(url):
    with pytest.raises(UsageError, match="QUALYTICS_OIDC_ISSUER"):
        Provider(url, "client").checked()


def test_a_default_role_is_a_role_and_a_client_has_an_id():
    with pytest.raises(UsageError, match="DEFAULT_ROLE must be Admin, Manager, Member"):
        Provider("https://login.example.com", "client", default_role="Root").checked()
    with pytest.raises(UsageError, match="CLIENT_ID"):
        Provider("https://login.example.com", "").checked()


@pytest.mark.slow
@pytest.mark.parametrize("server", [faults.silent, lambda: faults.trickling(b"H", 0.1)])
def test_a_provider_that_is_silent_or_trickles_is_left_at_the_deadline(server):
    with server() as port, deadlines.within(10), pytest.raises(Unreachable, match="did not answer within 10 s"):
        oidc.fetch(f"http://127.0.0.1:{port}/")
