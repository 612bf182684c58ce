"""Signing in with an OpenID provider: authorization code, PKCE, nonce, and an ID token that is checked in full."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode, urlsplit

from qualytics.digests import challenge_of
from qualytics.errors import NotSignedIn, QualyticsError, Unreachable, UsageError
from qualytics.service.accounts.signatures import decoded
from qualytics.service.rights import ROLES
from qualytics.structs import Struct
from qualytics.transport.connect import proxy_of
from qualytics.transport.endpoint import PORTS, Endpoint
from qualytics.transport.http import Request, Transport
from qualytics.urls import split

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.secret import Secret

DEFAULT_NAME = "single sign-on"
# Signatures with a public key only: with a shared one, whoever can check an ID token could make it.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_REQUIRED = ["iss", "sub", "aud", "exp", "iat", "nonce"]
_FRESH_S = 600.0
# An unknown key is looked up at most so often: tokens with made-up keys must not become requests.
_KEYS_EVERY_S = 30.0
_DEADLINE_S = 10.0
_MAX_BYTES = 262_144


class Provider(Struct):
    """An OpenID provider as an Admin has set it.

    `default_role` is given to users who are not known yet, who are refused without it; `by_email` lets a
    user be known by the verified address that the provider tells.
    """

    issuer: str
    client_id: str
    client_secret: Secret | None = None
    name: str = DEFAULT_NAME
    default_role: str | None = None
    by_email: bool = False

    def checked(self) -> Provider:
        """Return it if its values can be right.

        Raises:
            UsageError: the message names the variable.

        """
        try:
            proxy_of(_endpoint(self.issuer))  # which a start finds wrong, and no sign-in
        except ValueError as exc:
            raise UsageError(f"QUALYTICS_OIDC_ISSUER {exc}", "as in https://login.example.com") from None
        if not self.client_id:
            raise UsageError("QUALYTICS_OIDC_CLIENT_ID is not set", "the provider gives it to a registered client")
        if self.default_role is not None and self.default_role not in ROLES:
            raise UsageError(f"QUALYTICS_OIDC_DEFAULT_ROLE must be {', '.join(ROLES)}", "leave it out for none")
        return self


class Identity(Struct):
    """Whom a provider says somebody is."""

    issuer: str
    subject: str
    name: str | None
    email: str | None
    is_email_verified: bool


class OpenId:
    """The provider, asked over HTTP; what it says of itself is kept for ten minutes."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._guard = threading.Lock()
        self._found: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, dict[str, Any]] | None = None

    def authorization_url(self, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Return where the browser goes to sign in.

        Raises:
            Unreachable: the provider does not answer as one.

        """
        query = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        address = self._address("authorization_endpoint")
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(query)}"

    def identity(self, code: str, redirect_uri: str, nonce: str, verifier: str) -> Identity:
        """Exchange a code for an ID token and return whom it names.

        Raises:
            Unreachable: the provider refuses the code or does not answer as one.
            NotSignedIn: the ID token is not one for this sign-in.

        """
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        form |= {"code_verifier": verifier}
        provider, login = self.provider, None
        if provider.client_secret is None:
            form["client_id"] = provider.client_id
        elif "client_secret_basic" in self._document().get("token_endpoint_auth_methods_supported", _DEFAULT_METHODS):
            # RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
            pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret.reveal())}"
            login = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": provider.client_id, "client_secret": provider.client_secret.reveal()}
        answer = fetch(self._address("token_endpoint"), form, login)
        return self.checked(answer.get("id_token"), nonce)

    def checked(self, id_token: object, nonce: str) -> Identity:
        """Return whom an ID token names, after every check of OpenID Connect Core section 3.1.3.7.

        Raises:
            NotSignedIn: it is not a good one for this sign-in.

        """
        import jwt

        if not isinstance(id_token, str):
            raise NotSignedIn(f"{self.provider.name} sent no ID token", _HINT)
        try:
            header = jwt.get_unverified_header(id_token)
            if header.get("alg") not in _ALGORITHMS:
                raise NotSignedIn(f"{self.provider.name} signs with an algorithm that is not accepted", _HINT)
            claims = decoded(
                id_token,
                self._key(header),
                header["alg"],
                audience=self.provider.client_id,
                issuer=self.provider.issuer,
                required=_REQUIRED,
            )
        except jwt.InvalidTokenError as exc:
            what = type(exc).__name__.removesuffix("Error")
            raise NotSignedIn(f"the ID token of {self.provider.name} is not valid: {what}", _HINT) from exc
        if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise NotSignedIn(f"the ID token of {self.provider.name} is for another sign-in", _HINT)
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != self.provider.client_id:
            raise NotSignedIn(f"the ID token of {self.provider.name} is for another client", _HINT)
        return _identity(claims)

    def _key(self, header: Mapping[str, Any]) -> Any:
        import jwt

        for is_anew in (False, True):
            keys = [key for key in self._all_keys(anew=is_anew) if header.get("kid") in {None, key.get("kid")}]
            keys = [key for key in keys if key.get("alg") in {None, header["alg"]} and key.get("use") != "enc"]
            keys = [key for key in keys if key.get("kty") == _KEY_TYPES[header["alg"][:2]]]
            if len(keys) == 1:
                return jwt.PyJWK.from_dict(keys[0], algorithm=header["alg"])
        raise NotSignedIn(f"{self.provider.name} publishes no key for its ID token", _HINT)

    def _all_keys(self, *, anew: bool) -> list[dict[str, Any]]:
        with self._guard:
            age_s = _KEYS_EVERY_S if anew else _FRESH_S
            if self._keys is None or time.monotonic() - self._keys[0] > age_s:
                self._keys = time.monotonic(), fetch(self._address("jwks_uri"))
            keys = self._keys[1].get("keys")
        listed = keys if isinstance(keys, list) else []
        return [key for key in listed if isinstance(key, dict)]

    def _address(self, name: str) -> str:
        try:
            address = str(self._document()[name])
            _endpoint(address)
            return address
        except (KeyError, ValueError) as exc:
            raise Unreachable(f"{self.provider.name} has no usable {name} in its metadata", _ADMIN) from exc

    def _document(self) -> dict[str, Any]:
        if self._found is None or time.monotonic() - self._found[0] > _FRESH_S:
            document = fetch(f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration")
            if document.get("issuer") != self.provider.issuer:  # OpenID Connect Discovery section 4.3
                raise Unreachable("the provider's metadata names another issuer than QUALYTICS_OIDC_ISSUER", _ADMIN)
            self._found = time.monotonic(), document
        return self._found[1]


def fetch(url: str, form: Mapping[str, str] | None = None, login: str | None = None) -> dict[str, Any]:
    """Return the JSON object that a provider answers to a GET, or to a POST of a form with `login` as Authorization.

    Raises:
        Unreachable: there is no such answer in time.

    """
    headers = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
    if login is not None:
        headers["Authorization"] = login
    method, body = ("GET", None) if form is None else ("POST", urlencode(form).encode())
    endpoint = _endpoint(url)
    transport = Transport(endpoint, max_bytes=_MAX_BYTES)
    try:
        parts = split(url)
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        reply = transport.handle(Request(method, target, headers, body))
    except QualyticsError as exc:  # its hint is for a user of the command line
        raise Unreachable(exc.message, _ADMIN) from exc
    finally:
        transport.close()
    try:
        document = json.loads(reply.body)
    except (ValueError, RecursionError):
        document = None
    if reply.status != 200 or not isinstance(document, dict):
        # The code of an error (RFC 6749 section 5.2) is for programs, and holds nothing of the request.
        code = document.get("error") if isinstance(document, dict) else None
        reason = f": {code}" if isinstance(code, str) and code.isidentifier() else ""
        what = "something else than a JSON object" if reply.status == 200 else f"{reply.status}{reason}"
        raise Unreachable(
            f"{endpoint.url} answered {what}", "ask an Admin to check the client's settings at the provider"
        )
    return document


def _endpoint(url: str) -> Endpoint:
    """Return the server of a URL that nobody on the way can read or change.

    Raises:
        ValueError: it is neither https nor of this machine; the URL is not repeated.

    """
    parts = split(url)
    if parts.fragment or not parts.hostname or parts.scheme not in PORTS:
        raise ValueError("must be a URL such as https://host")
    endpoint = Endpoint(parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme], timeout_s=_DEADLINE_S)
    if parts.scheme != "https" and not endpoint.is_loopback:
        raise ValueError("must be https")
    return endpoint


def _identity(claims: Mapping[str, Any]) -> Identity:
    names = [claims.get(key) for key in ("preferred_username", "name", "email")]
    email = claims.get("email")
    return Identity(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"])[:255],
        name=next((name for name in names if isinstance(name, str) and name), None),
        email=email if isinstance(email, str) else None,
        is_email_verified=claims.get("email_verified") is True,
    )


_DEFAULT_METHODS = ("client_secret_basic",)  # OpenID Connect Discovery section 3
_HINT = "sign in again; if that does not help, ask an Admin to check the provider's settings"
_ADMIN = "ask an Admin to check QUALYTICS_OIDC_ISSUER"
