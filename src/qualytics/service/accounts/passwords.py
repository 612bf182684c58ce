"""Passwords of users: argon2id, so many at a time, and the same work whether there is a user or none."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING

from qualytics import text
from qualytics.errors import TooMany, UsageError
from qualytics.secret import MASKS

if TYPE_CHECKING:
    from argon2 import PasswordHasher

    from qualytics.service.validate import Problems

# NIST SP 800-63B-4 section 3.1.1.2: where a password is all that is asked for.
MIN_LENGTH = 15
MAX_LENGTH = 1_024
# A verification takes 64 MiB and all of a core for a moment (RFC 9106 section 4, the second choice).
_AT_ONCE = 2
_WAIT_S = 10.0


class Passwords:
    """Hashes and verifies passwords."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher
        self._nobody: str | None = None
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._making = threading.Lock()

    def hash(self, password: str) -> str:
        """Return the hash of a password."""
        return self._made().hash(_normal(password))

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Say whether it is the password of that hash; without a hash it takes as long to say no.

        Raises:
            TooMany: too many are verified at the moment.

        """
        from argon2.exceptions import InvalidHashError, VerificationError

        hasher = self._made()
        if not self._turns.acquire(timeout=_WAIT_S):
            raise TooMany("too many passwords are being checked at the moment", "try again in a moment", _WAIT_S)
        try:
            return hasher.verify(password_hash or self._nobody or "", _normal(password)) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False
        finally:
            self._turns.release()

    def needs_rehash(self, password_hash: str) -> bool:
        """Say whether a hash was made with other parameters than are used now."""
        return self._made().check_needs_rehash(password_hash)

    def _made(self) -> PasswordHasher:
        with self._making:
            if self._hasher is None:
                self._hasher = _hasher()
            if self._nobody is None:  # nobody's, made before it is known whether it is needed
                self._nobody = self._hasher.hash(secrets.token_urlsafe(MIN_LENGTH))
            return self._hasher


def check(loc: str, password: str, problems: Problems) -> None:
    """Note what is wrong with a new password; it is never repeated."""
    if password in MASKS:
        problems.add(loc, "is the mask that stands for a secret", "give the password itself", "secret-is-mask")
    elif len(password) > MAX_LENGTH or not MIN_LENGTH <= len(_normal(password)) <= MAX_LENGTH:
        problems.add(
            loc, f"must have {MIN_LENGTH} to {MAX_LENGTH:,} characters", "a few words that nobody else would choose"
        )
    elif any("\ud800" <= char <= "\udfff" for char in password):
        problems.add(loc, "is not valid UTF-8", "check the encoding of the terminal or file it comes from")


def _normal(password: str) -> str:
    # The same key may give another form of a character on another machine (NIST SP 800-63B-4 section 3.1.1.2).
    normal = text.normalized(password, "NFKC", MAX_LENGTH)
    return (password if normal is None else normal).encode("utf-8", "replace").decode()


def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError as exc:
        raise UsageError("passwords need the packages of a control plane", "pip install 'qualytics[server]'") from exc
    return PasswordHasher()
