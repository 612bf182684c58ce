"""Signing in with a browser for the command line: steps that are kept in the store, each good once and not for long."""

from __future__ import annotations

import hmac
import re
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from qualytics import text
from qualytics.digests import challenge_of, digest_of, link_key_of
from qualytics.errors import InvalidInput, NotSignedIn, Problem, TooMany
from qualytics.secret import Secret
from qualytics.service import validate
from qualytics.service.accounts import sign_in_limits
from qualytics.service.accounts.oidc_users import user_of
from qualytics.service.accounts.passwords import MAX_LENGTH, Passwords
from qualytics.service.accounts.tokens import issue, name_of_sign_in, require_room
from qualytics.service.clock import later, now
from qualytics.service.context import Action
from qualytics.service.rights import Actor
from qualytics.store.sealing.cipher import Cell, Key
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics import types
    from qualytics.service.accounts.oidc import OpenId
    from qualytics.service.context import Context
    from qualytics.store.tables.accounts import Accounts, User

STEP_S = 600
# RFC 6749 section 4.1.2: a code is for the next moment.
CODE_S = 60
LINK_S = 86_400
_ASKED, _AWAY, _CODE, _LINK = "asked", "away", "code", "link"
# Nothing that two programs could read differently: no user, no query, no fragment, no other host.
_REDIRECT = re.compile(
    r"(http://(?:127\.0\.0\.1|\[::1\]|localhost)(?::([1-9][0-9]{0,4}))?)(?:/[A-Za-z0-9._~/-]{0,200})?"
)
_STATE = re.compile(r"[A-Za-z0-9._~+/=-]{8,512}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_WRONG = "the name or the password is wrong"
_AGAIN = "start again in the terminal: qualytics auth login"


class Step(Struct):
    """A page that waits for an answer: the key that leads back, who is let in, and where a refusal goes."""

    key: str
    hostname: str
    origin: str
    cancel_url: str


class TryAgain(Exception):
    """Name and password were not right; `step` takes another try. No error of its own: the page stays."""

    def __init__(self, step: Step) -> None:
        super().__init__(_WRONG)
        self.step = step


class _Wrong(Exception):
    """Name and password were not right."""


class Logins:
    """The steps of a sign-in; `browser` is what only the browser that began it knows."""

    def __init__(self, context: Context, passwords: Passwords, openid: OpenId | None = None) -> None:
        self._context = context
        self._passwords = passwords
        self._openid = openid
        self._asking = context.actor

    def begin(self, query: Mapping[str, str | None], browser: str) -> Step:
        """Begin a sign-in for a program that listens at `redirect_uri` on the machine of the browser.

        Raises:
            InvalidInput: a value is not as it must be; nothing is sent anywhere.

        """
        asked = _checked(query)
        with self._context.writing():
            self._accounts.drop_logins(now())
            return self._step(asked, browser)

    def with_password(self, key: str, browser: str, name: str, password: str) -> str:
        """Return where the browser goes once a user has said name and password.

        Raises:
            TryAgain: name or password are not right.
            NotSignedIn: the step is gone.
            TooMany: there were too many tries under that name or from that address.

        """
        with self._context.writing():
            asked = self._taken(_ASKED, key, browser)
        try:
            return self._with_password(name, password, asked, lambda user: self._finish(user, asked, "password"))
        except _Wrong:
            with self._context.writing():
                another = self._step(asked, browser)
            raise TryAgain(another) from None

    def session(self, name: str, password: str, days: int) -> str:
        """Return a token for the session of a browser in which a user has said name and password.

        Raises:
            NotSignedIn: name or password are not right.
            TooMany: there were too many tries under that name or from that address.

        """
        asked = {"hostname": ""}

        def finish(user: User) -> str:
            self._record(user, "done", asked)
            return self._session(user, days)

        try:
            return self._with_password(name, password, asked, finish)
        except _Wrong as exc:
            raise NotSignedIn(_WRONG, "try again; upper and lower case count in a password") from exc

    def begin_session(self, finish: str, address: str, browser: str, kept: str) -> str:
        """Begin a sign-in with the provider for a session; return the key of its step.

        It ends at the address `finish`, with the `code` that `redeem_session` takes from the same browser, and the
        address where the session begins; `kept` is a text that comes back with the token.
        """
        asked = {"redirect_uri": finish, "state": address, "hostname": "", "challenge": challenge_of(browser)}
        if kept:  # of a form: none of the store's business, so that only this browser can open it
            asked["kept"] = _key_of(browser).seal(self._kept_cell, Secret(kept)).hex()
        with self._context.writing():
            self._accounts.drop_logins(now())
            return self._step(asked, browser).key

    def redeem_session(self, code: str, browser: str, days: int) -> tuple[str, str]:
        """Return a token for the session of a browser that the provider has sent back with a code, and what was kept.

        Raises:
            NotSignedIn: the code is unknown, used or too old, or is for another browser.

        """
        user, login = self._redeemed(code, browser)
        with self._context.writing():
            self._become(user)
            token = self._session(user, days)
        sealed = login.get("kept")
        return token, _key_of(browser).open(self._kept_cell, bytes.fromhex(sealed)).reveal() if sealed else ""

    def with_link(self, key: str, days: int) -> str:
        """Return a token for the session of a browser in which somebody has followed a link that is good once.

        Raises:
            NotSignedIn: the link was used, is too old or never was.

        """
        with self._context.writing():
            login = self._accounts.take_login(digest_of(key[:512]), _LINK, now())
            user = None if login is None else self._accounts.user(login["user_id"])
            if login is not None and user is not None and user.version == login["version"]:
                self._record(user, "done", {"hostname": ""}, "link")
                return self._session(user, days)
            self._record(None, NotSignedIn.code, {"hostname": ""}, "link")
        raise NotSignedIn("this link was used, or is too old", "sign in with name and password, or ask an Admin")

    def _session(self, user: User, days: int) -> str:
        require_room(self._accounts, user.id, user.name)
        return issue(self._context, user.id, user.name, name_of_sign_in(None), days)["bearer_token"]

    def _with_password(self, name: str, password: str, asked: Mapping[str, Any], finish: Callable[[User], str]) -> str:
        name, password = name[:512], password[: MAX_LENGTH + 1]
        tries = sign_in_limits.of(self._asking.address, validate.fold(name))
        with self._context.writing():
            wait_s = sign_in_limits.count(self._accounts, tries)
            if wait_s > 0:
                self._record(None, TooMany.code, asked)
        if wait_s > 0:
            hint = f"try again in {max(1, round(wait_s / 60))} minutes, or ask an Admin"
            raise TooMany("too many tries to sign in", hint, wait_s)
        user = self._accounts.user_named(validate.fold(name))
        password_hash = user.password_hash if user is not None else None
        self._context.release()  # nobody waits for the store while a password is verified
        is_right = self._passwords.verify(password_hash, password)
        with self._context.writing():
            user = self._accounts.user(user.id) if user is not None else None
            if is_right and user is not None and user.password_hash == password_hash:
                sign_in_limits.forgive(self._accounts, tries)
                if self._passwords.needs_rehash(str(password_hash)):
                    self._accounts.set_password_hash(user.id, self._passwords.hash(password))
                return finish(user)
            self._record(user, NotSignedIn.code, asked)
        raise _Wrong

    def to_provider(self, key: str, browser: str, callback: str) -> str:
        """Return where the browser goes to sign in with the provider.

        Raises:
            NotSignedIn: the step is gone.
            Unreachable: the provider does not answer as one.

        """
        state = secrets.token_urlsafe(32)
        with self._context.writing():
            asked = self._taken(_ASKED, key, browser)
            self._accounts.add_login(digest_of(state), _AWAY, asked, later(STEP_S))
            nonce, verifier = self._derived(state)
        self._context.release()
        return self._provider().authorization_url(callback, state, nonce, verifier)

    def from_provider(self, answer: Mapping[str, str], browser: str, callback: str) -> str:
        """Return where the browser goes once the provider has sent it back.

        Raises:
            NotSignedIn: the step is gone, the provider refused, or whom it names may not sign in.
            Unreachable: the provider does not answer as one.

        """
        openid, state = self._provider(), answer.get("state", "")
        with self._context.writing():
            asked = self._taken(_AWAY, state, browser)
            nonce, verifier = self._derived(state)
        self._context.release()  # nobody waits for the store while the provider is asked
        if answer.get("iss", openid.provider.issuer) != openid.provider.issuer:  # RFC 9207
            raise NotSignedIn("the answer comes from another provider", _AGAIN)
        if not answer.get("code"):
            error = answer.get("error", "")
            words = f": {error}" if re.fullmatch(r"[a-z_]{1,40}", error) else ""
            raise NotSignedIn(f"{openid.provider.name} refused to sign you in{words}", _AGAIN)
        try:
            identity = openid.identity(answer["code"], callback, nonce, verifier)
            with self._context.writing():
                user = user_of(self._context, identity, openid.provider)
                return self._finish(user, asked, "provider")
        except NotSignedIn:
            with self._context.writing():
                self._record(None, NotSignedIn.code, asked, "provider")
            raise

    def redeem(self, code: str, verifier: str) -> types.NewToken:
        """Return the document of a new token, with its `bearer_token`, for a code and the verifier behind it.

        Raises:
            NotSignedIn: the code is unknown, used or too old, or the verifier is another's.

        """
        user, login = self._redeemed(code, verifier)
        with self._context.writing():
            return self._token(user, login["hostname"])

    def _redeemed(self, code: str, verifier: str) -> tuple[User, Mapping[str, Any]]:
        with self._context.writing():
            login = self._accounts.take_login(digest_of(code), _CODE, now())
        is_right = login is not None and bool(_VERIFIER.fullmatch(verifier))
        if login is None or not is_right or challenge_of(verifier) != login["challenge"]:
            raise NotSignedIn("the code is not valid: it was used, is too old, or is for another program", _AGAIN)
        user = self._accounts.user(login["user_id"])
        if user is None or user.version != login["version"]:
            raise NotSignedIn("the user was changed or deleted since this sign-in", _AGAIN)
        return user, login

    @property
    def _kept_cell(self) -> Cell:
        return Cell(self._context.store.store_id, "logins", 0, "kept")

    @property
    def _accounts(self) -> Accounts:
        return self._context.store.accounts

    def _provider(self) -> OpenId:
        if self._openid is None:
            raise NotSignedIn("single sign-on is not configured here", "sign in with name and password")
        return self._openid

    def _step(self, asked: Mapping[str, Any], browser: str) -> Step:
        key = secrets.token_urlsafe(32)
        self._accounts.add_login(digest_of(key), _ASKED, {**asked, "browser": digest_of(browser)}, later(STEP_S))
        return _as_step(key, asked)

    def _taken(self, purpose: str, key: str, browser: str) -> dict[str, Any]:
        login = self._accounts.take_login(digest_of(key), purpose, now())
        if login is None or not hmac.compare_digest(login["browser"], digest_of(browser)):
            raise NotSignedIn("this sign-in is over: it was used, is too old, or began in another browser", _AGAIN)
        return login

    def _finish(self, user: User, asked: Mapping[str, Any], how: str) -> str:
        self._record(user, "done", asked, how)
        if asked["challenge"] is None:
            answer = {"token": self._token(user, asked["hostname"])["bearer_token"]}
        else:
            answer = {"code": secrets.token_urlsafe(32)}
            detail = {"user_id": user.id, "version": user.version}
            detail |= {name: asked[name] for name in ("challenge", "hostname", "kept") if name in asked}
            self._accounts.add_login(digest_of(answer["code"]), _CODE, detail, later(CODE_S))
        return f"{asked['redirect_uri']}?{urlencode({'state': asked['state'], **answer})}"

    def _token(self, user: User, hostname: str) -> types.NewToken:
        self._become(user)
        require_room(self._accounts, user.id, user.name)
        return issue(self._context, user.id, user.name, name_of_sign_in(hostname))

    def _become(self, user: User) -> None:
        asking = self._asking
        self._context.actor = Actor(user.name, user.role, user.id, None, asking.address, asking.request_id)

    def _record(self, user: User | None, outcome: str, asked: Mapping[str, Any], how: str = "password") -> None:
        """Record a sign-in; a name of no user is left out, as it may be a password typed in the wrong place."""
        if user is not None and outcome == "done":
            self._become(user)
        action = Action(self._context, "user.login")
        object_id, object_name = (user.id, user.name) if user else (None, None)
        action.record(object_id, object_name, outcome, how=how, hostname=asked["hostname"])

    def _derived(self, state: str) -> tuple[str, str]:
        # Made from what only the browser holds, so that the store has nothing to give away.
        own_secrets = self._context.store.own_secrets
        secret = own_secrets.get_or_make("logins", lambda: Secret(secrets.token_urlsafe(32))).reveal().encode()
        nonce, verifier = (hmac.digest(secret, f"{use} {state}".encode(), "sha256").hex() for use in ("nonce", "pkce"))
        return nonce, verifier


def add_link(accounts: Accounts, user_id: int, version: int, bearer: str) -> None:
    """Let the link of a first token sign its owner in, once and within a day; inside a transaction."""
    detail = {"user_id": user_id, "version": version}
    accounts.add_login(digest_of(link_key_of(bearer)), _LINK, detail, later(LINK_S))


def _key_of(browser: str) -> Key:
    return Key(hmac.digest(browser.encode(), b"kept", "sha256"))


def _checked(query: Mapping[str, str | None]) -> dict[str, Any]:
    redirect, state = query.get("redirect_uri") or "", query.get("state") or ""
    challenge, method = query.get("code_challenge"), query.get("code_challenge_method")
    problems = list[Problem]()
    match = _REDIRECT.fullmatch(redirect)
    if match is None or int(match[2] or 80) > 65_535:
        hint = "as in http://127.0.0.1:PORT/callback"
        problems.append(Problem("redirect_uri", "redirect_uri is not an address of this machine alone", hint))
    if not _STATE.fullmatch(state):
        problems.append(Problem("state", "state must have 8 to 512 characters that are safe in addresses"))
    if (challenge, method) != (None, None) and (method != "S256" or not _CHALLENGE.fullmatch(challenge or "")):
        problems.append(Problem("code_challenge", "code_challenge must be one of S256", "RFC 7636 section 4.2"))
    if problems:
        raise InvalidInput(problems)
    hostname = text.visible(query.get("hostname") or "")[:200]
    return {"redirect_uri": redirect, "state": state, "hostname": hostname, "challenge": challenge}


def _as_step(key: str, asked: Mapping[str, Any]) -> Step:
    redirect = asked["redirect_uri"]
    cancel = f"{redirect}?{urlencode({'state': asked['state'], 'error': 'access_denied'})}"
    match = _REDIRECT.fullmatch(redirect)
    return Step(key, asked["hostname"], match[1] if match else "", cancel)
