"""Digests with SHA-256: of tokens and codes, as the store keeps them, and the challenge of PKCE."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode


def digest_of(text: str) -> str:
    """Return the digest of a text in hexadecimal; what is no valid Unicode has one, too."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def link_key_of(bearer: str) -> str:
    """Return the key of the link that signs the owner of a first token in once: who has the token can make it."""
    return hmac.digest(bearer.encode(), b"sign-in link", "sha256").hex()


def challenge_of(verifier: str) -> str:
    """Return the challenge of a verifier (RFC 7636 section 4.2, S256)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
