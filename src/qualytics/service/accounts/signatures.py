"""Signatures of tokens: made and checked with a secret of the store, which is sealed like the others."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from qualytics.errors import NotSignedIn, UsageError
from qualytics.secret import Secret
from qualytics.service.accounts.actors import HINT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from qualytics.service.context import Context

_ALGORITHM = "HS256"
_AUDIENCE = "qualytics"
_SECRET = "tokens"  # noqa: S105 - the name of it
_MAX_TOKEN = 4_096
# How far clocks of replicas, and of a provider, may be apart.
LEEWAY_S = 60
# What signs, by the id of the store: opened once in a process.
_signing: dict[str, bytes] = {}


def signed(context: Context, user_id: int, made: int, ends: int) -> str:
    """Return a token of a user from one time to another, in seconds; inside a transaction of the store."""
    claims = {
        "jti": secrets.token_urlsafe(16),
        "sub": str(user_id),
        "iat": made,
        "exp": ends,
        "iss": context.store.store_id,
        "aud": _AUDIENCE,
    }
    secret = context.store.own_secrets.get_or_make(_SECRET, _new_secret)
    bearer: str = _jwt().encode(claims, secret.reveal(), _ALGORITHM)
    return bearer


def verify(context: Context, bearer: str) -> None:
    """Check signature, times and place of a token; its claims are not needed, as its row says more.

    Raises:
        NotSignedIn: it is not one of this store; the message says why.

    """
    jwt = _jwt()
    if len(bearer) > _MAX_TOKEN or not bearer.isascii():
        raise NotSignedIn("the value sent is not a token", HINT)
    try:
        try:
            _decode(context, bearer, _signing_secret(context))
        except jwt.InvalidSignatureError:
            # Another process may have given the store another secret since, as a restored backup does.
            _signing.pop(context.store.store_id, None)
            _decode(context, bearer, _signing_secret(context))
    except jwt.ExpiredSignatureError as exc:
        raise NotSignedIn("the token has expired", HINT) from exc
    except jwt.ImmatureSignatureError as exc:
        raise NotSignedIn("the token is not valid yet: the clocks of the servers differ", HINT) from exc
    except jwt.InvalidAlgorithmError as exc:
        raise NotSignedIn("the token is not signed the way this control plane signs", HINT) from exc
    except (jwt.InvalidSignatureError, jwt.InvalidIssuerError, jwt.InvalidAudienceError) as exc:
        raise NotSignedIn(_mismatch(context, bearer), HINT) from exc
    except (jwt.InvalidTokenError, RecursionError) as exc:
        raise NotSignedIn("the value sent is not a token", HINT) from exc


def _decode(context: Context, bearer: str, secret: bytes) -> None:
    required = ["jti", "sub", "iat", "exp", "iss", "aud"]
    decoded(bearer, secret, _ALGORITHM, audience=_AUDIENCE, issuer=context.store.store_id, required=required)


def decoded(
    token: str, key: Any, algorithm: str, *, audience: str, issuer: str, required: Sequence[str]
) -> dict[str, Any]:
    """Return the claims of a signed token, ours or a provider's; `exp` is among those that are required.

    Whoever made it may have a clock that is a minute ahead (`iat`, `nbf`), but its end is its end.

    Raises:
        jwt.InvalidTokenError: it is not good, as the class says.

    """
    jwt = _jwt()
    options = {"require": list(required)}
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=[algorithm], audience=audience, issuer=issuer, leeway=LEEWAY_S, options=options
    )
    if int(claims["exp"]) <= time.time():
        raise jwt.ExpiredSignatureError("it has expired")
    return claims


def _mismatch(context: Context, bearer: str) -> str:
    jwt = _jwt()
    try:
        claims = jwt.decode(bearer, options={"verify_signature": False, "verify_exp": False, "verify_aud": False})
    except (jwt.InvalidTokenError, RecursionError):
        return "the value sent is not a token"
    if claims.get("iss") == context.store.store_id:
        return "the token was changed after it was made: its signature is wrong"
    return "the token belongs to another control plane"


def _signing_secret(context: Context) -> bytes:
    store_id = context.store.store_id
    secret = _signing.get(store_id)  # once: another thread may forget it meanwhile
    if secret is None:
        stored = context.store.own_secrets.get(_SECRET)
        if stored is None:  # no token was ever made here
            return secrets.token_bytes(32)
        secret = _signing[store_id] = stored.reveal().encode()
    return secret


def _new_secret() -> Secret:
    return Secret(secrets.token_urlsafe(32))


def _jwt() -> ModuleType:
    try:
        import jwt
    except ImportError as exc:
        raise UsageError("tokens need the packages of a control plane", "pip install 'qualytics[server]'") from exc
    return jwt
