"""Signing in with a browser: a listener on 127.0.0.1 for one answer, proved by state and by PKCE (RFC 7636)."""

from __future__ import annotations

import hmac
import secrets
import threading
import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from qualytics.digests import challenge_of
from qualytics.errors import NotSignedIn
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.client.config import ControlPlane

_REQUEST_S = 10.0
_MAX_SHOWN = 200
_AGAIN = "try again: qualytics auth login"
# The token or code is in the address: out of the address bar with it, and out of what the next page is told.
_PAGE = """<!doctype html><meta charset="utf-8"><title>Qualytics</title>
<script>history.replaceState(null, "", "/")</script><p>{text}</p>"""
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Connection": "close",
}


class Answer(Struct):
    """A token, as servers of this API give it without PKCE, or the body that a code is exchanged with."""

    token: str | None
    exchange: dict[str, Any]


class _Listener(ThreadingHTTPServer):
    """Takes one answer."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, state: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._state = state
        self._guard = threading.Lock()
        self._is_taken = False
        self.answered = threading.Event()
        self.answer: dict[str, str] = {}
        self.problem: str | None = None

    def take(self, query: str) -> bool:
        """Take the answer if it is the first, and say whether it is a good one."""
        answer = {name: values[0] for name, values in parse_qs(query).items()}
        with self._guard:
            if self._is_taken:
                return False
            self._is_taken = True
            if not hmac.compare_digest(answer.get("state", "").encode(), self._state.encode()):
                self.problem = "the answer belongs to another sign-in"
            elif error := answer.get("error"):
                self.problem = f"the control plane refused: {error[:_MAX_SHOWN]}"
            elif not (answer.get("code") or answer.get("token")):
                self.problem = "the answer holds no token"
            self.answer = answer
            return self.problem is None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that hangs up."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_S
    server: _Listener

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path != "/callback":
            self._answer(404, "There is nothing here.")
            return
        is_good = self.server.take(parts.query)
        try:
            if is_good:
                self._answer(200, "You can close this page and go back to the command line.")
            else:
                self._answer(400, "You are not signed in. The command line says why.")
        finally:
            self.server.answered.set()  # before that, the process must not end

    def _answer(self, status: int, text: str) -> None:
        body = _PAGE.format(text=text).encode()
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "qualytics"

    def log_message(self, *_words: Any) -> None:
        """Write no log: the token would stand in it."""


def ask(control_plane: ControlPlane, say: Callable[[str], None], *, open_browser: bool, timeout_s: float) -> Answer:
    """Send a browser to the control plane's page, and return what it comes back with.

    Raises:
        NotSignedIn: nobody came back in time, or without what is needed.

    """
    import platform

    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    listener = _Listener(state)
    try:
        redirect_uri = f"http://127.0.0.1:{listener.server_address[1]}/callback"
        query = {"redirect_uri": redirect_uri, "state": state, "hostname": platform.node()}
        query |= {"code_challenge": challenge_of(verifier), "code_challenge_method": "S256"}
        url = f"{control_plane.api_url}/cli/authorize?{urlencode(query)}"
        threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            say(f"sign in at {url}")
            if open_browser:
                webbrowser.open(url)
            is_answered = listener.answered.wait(timeout_s)
        finally:
            listener.shutdown()
    finally:
        listener.server_close()
    if not is_answered:
        raise NotSignedIn(f"nobody signed in within {timeout_s:g} s", _AGAIN)
    if listener.problem:
        raise NotSignedIn(listener.problem, _AGAIN)
    code = listener.answer.get("code")
    exchange = {"code": code, "code_verifier": verifier, "redirect_uri": redirect_uri}
    return Answer(None if code else listener.answer["token"], exchange)
