"""Signing in: contexts in config.yaml, tokens that are checked before they are kept, and the way through a browser."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from qualytics.client import config
from qualytics.client.http.api import Api
from qualytics.client.sign_in.claims import expiry_of
from qualytics.errors import NotSignedIn, QualyticsError, UsageError
from qualytics.secret import MASK, Secret
from qualytics.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics.client.config import ControlPlane

BROWSER_S = 120.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def entry(name: str | None, url: str | None, **settings: Any) -> tuple[str, dict[str, Any]]:
    """Return the name of the context to sign in to, and what is known of it, with what is given put in its place.

    Raises:
        UsageError: the name is none, or no URL is known.

    """
    config.variables(os.environ)  # with one of them alone, nothing that is kept would be used
    document = config.read(load().home)
    name = name or os.environ.get("QUALYTICS_CONTEXT") or config.current_of(document) or config.DEFAULT
    if not _NAME.fullmatch(name) or name == config.EMBEDDED:
        raise UsageError(f"{name!r} is not a valid name of a context", "letters, digits, and .-_ between them")
    saved = config.contexts_of(document).get(name, {})
    url = url or saved.get("url")
    if url is None:
        raise UsageError("--url is missing", "as in --url https://connections.example.com")
    base = config.parse_url(str(url), "--url")[0]
    kept = saved if saved.get("url") and config.parse_url(str(saved["url"]), "url")[0] == base else {}
    changed = {key: value for key, value in settings.items() if value is not None}
    rest = {key: value for key, value in kept.items() if key not in {"token", "token_id"}}
    return name, {**rest, **changed, "url": f"{base}/api/"}


def control_plane_of(context: Mapping[str, Any], token: str | None = None) -> ControlPlane:
    """Return the control plane of an entry.

    Raises:
        UsageError: a value is wrong.

    """
    names = dict.fromkeys(config.KEYS, "") | {key: f"--{key.replace('_', '-')}" for key in ("url", "token", "ca_file")}
    return config.make({**context, "token": token}, "", os.environ, names=names)


def keep(name: str, context: Mapping[str, Any], token: str, token_id: int | None = None) -> dict[str, Any]:
    """Ask the control plane who a token is of, store both, and return the status.

    Raises:
        NotSignedIn, NotAllowed: the token is not good; nothing is stored.

    """
    expires = expiry_of(token)
    if expires is not None and expires.days_left <= 0:
        raise NotSignedIn(f"the token expired at {expires.text}", "make a new one: qualytics auth login")
    control_plane = control_plane_of(context, token)
    who = _who(control_plane)
    kept = {**context, "token": token, **({} if token_id is None else {"token_id": token_id})}
    home = load().home
    path = config.write(home, config.put(config.read(home), name, kept))
    return _status(name, control_plane, str(path), who)


def with_browser(
    context: Mapping[str, Any], say: Callable[[str], None], *, open_browser: bool, timeout_s: float
) -> tuple[str, int | None]:
    """Sign in with a browser and return the token, and its id where the control plane says it.

    Raises:
        NotSignedIn: nobody did, or the control plane refused.

    """
    from qualytics.client.sign_in import browser

    control_plane = control_plane_of(context)
    answer = browser.ask(control_plane, say, open_browser=open_browser, timeout_s=timeout_s)
    if answer.token is not None:
        return answer.token, None
    api = Api(control_plane)
    try:
        made, _ = api.call("POST", "/cli/token", None, answer.exchange, is_public=True)
    finally:
        api.close()
    token = made.get("bearer_token") or made.get("token") if isinstance(made, dict) else None
    if not isinstance(token, str):
        raise NotSignedIn(f"{control_plane.url} sent no token", "qualytics auth init takes one that was made elsewhere")
    token_id = made.get("id")
    return token, token_id if isinstance(token_id, int) else None


def status() -> tuple[dict[str, Any], QualyticsError | None]:
    """Return what commands work on, and why that does not work, if it does not."""
    settings = load()
    control_plane = config.find(settings.home)
    if control_plane is None:
        return {"context": config.EMBEDDED, "url": None, "source": str(settings.store_path), "signed_in": None}, None
    try:
        return _status(control_plane.context, control_plane, control_plane.source, _who(control_plane)), None
    except QualyticsError as exc:
        return _status(control_plane.context, control_plane, control_plane.source, None), exc


def contexts() -> list[dict[str, Any]]:
    """Return every context, that of the embedded store last."""
    document = config.read(load().home)
    current = os.environ.get("QUALYTICS_CONTEXT") or config.current_of(document) or config.EMBEDDED
    listed = [
        {"name": name, "current": name == current, "url": _shown_url(one), "token": MASK if one.get("token") else None}
        for name, one in config.contexts_of(document).items()
    ]
    return [*listed, {"name": config.EMBEDDED, "current": current == config.EMBEDDED, "url": None, "token": None}]


def use(name: str) -> dict[str, Any]:
    """Make a context the one that commands work on; return it.

    Raises:
        UsageError: there is none of that name.

    """
    home = load().home
    document = config.read(home)
    saved = config.contexts_of(document)
    if name != config.EMBEDDED:
        config.entry_of(document, name)
    config.write(home, config.switch(document, saved, None if name == config.EMBEDDED else name))
    return next(one for one in contexts() if one["name"] == name) | {"current": True}


def logout(name: str | None) -> tuple[dict[str, Any], QualyticsError | None]:
    """Forget the token of a context, and revoke it if signing in has made it.

    Return what was done, and why it could not be revoked, if it could not.
    """
    home = load().home
    document = config.read(home)
    saved = config.contexts_of(document)
    current = config.current_of(document)
    name = name or os.environ.get("QUALYTICS_CONTEXT") or current
    if name is None:
        raise UsageError("you are not signed in", "qualytics auth contexts lists the contexts")
    context = config.entry_of(document, name)
    failed = None
    is_revoked = False
    if context.get("token") and context.get("token_id"):
        failed = _revoke(context)
        is_revoked = failed is None
    rest = {key: value for key, value in context.items() if key not in {"token", "token_id"}}
    config.write(home, config.switch(document, saved | {name: rest}, current))
    return {"context": name, "url": _shown_url(context), "signed_in": False, "revoked": is_revoked}, failed


def _revoke(context: Mapping[str, Any]) -> QualyticsError | None:
    try:
        api = Api(config.make(context, "config.yaml", os.environ))
        try:
            api.call("PUT", f"/user-tokens/{context['token_id']}", None, {"revoke": True})
        finally:
            api.close()
    except QualyticsError as exc:
        return exc
    return None


def _who(control_plane: ControlPlane) -> Mapping[str, Any]:
    api = Api(control_plane)
    try:
        user, _ = api.call("GET", "/users/me")
    finally:
        api.close()
    return user if isinstance(user, dict) else {}


def _status(
    name: str | None, control_plane: ControlPlane, source: str, who: Mapping[str, Any] | None
) -> dict[str, Any]:
    token: Secret | None = control_plane.token
    expires = expiry_of(token.reveal()) if token else None
    return {
        "context": name,
        "url": control_plane.url,
        "source": source,
        "signed_in": who is not None,
        "user": who.get("name") if who else None,
        "role": who.get("role") if who else None,
        "expires": expires.text if expires else None,
        "ssl_verify": control_plane.endpoint.ssl_verify,
    }


def _shown_url(context: Mapping[str, Any]) -> str | None:
    try:
        return config.parse_url(str(context["url"]), "url")[0]
    except UsageError:
        return None


def warnings() -> list[str]:
    """Return what is to be said of the token in use, and of how it travels."""
    control_plane = config.find(load().home)
    if control_plane is None or control_plane.token is None:
        return []
    expires = expiry_of(control_plane.token.reveal())
    texts = [expires.warning] if expires and expires.warning else []
    if control_plane.endpoint.scheme == "https" and not control_plane.endpoint.ssl_verify:
        texts.append("certificates are not verified: anybody on the network can read the token")
    if control_plane.endpoint.scheme == "http" and not control_plane.endpoint.is_loopback:
        texts.append("plain http: anybody on the network can read the token")
    return texts


def shadowing() -> list[str]:
    """Return the variables that are set and win over what config.yaml says."""
    if config.variables(os.environ):
        return ["QUALYTICS_URL", "QUALYTICS_TOKEN"]
    return ["QUALYTICS_CONTEXT"] if os.environ.get("QUALYTICS_CONTEXT") else []
