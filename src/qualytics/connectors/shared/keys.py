"""Private keys as PEM text, and what can be wrong with them."""

from __future__ import annotations

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared import pem as _pem

_HINT = "give the text of a PEM file that begins with -----BEGIN PRIVATE KEY-----, as in --password-stdin < rsa_key.p8"  # pragma: allowlist secret


def private_key(pem: str, passphrase: str) -> bytes:
    """Return a PEM private key as unencrypted PKCS #8 in DER; an empty passphrase stands for none.

    Raises:
        Refusal: it is no private key, or the passphrase is wrong, missing or not needed.

    """
    from cryptography.hazmat.primitives import serialization as form

    try:
        key = _pem.private_key(pem, passphrase)
    except TypeError as exc:  # one of the two is there without the other
        if passphrase:
            hint = "leave the passphrase out"
            raise refuse("config", "a passphrase is set, but the private key is not encrypted", hint) from exc
        hint = "give it with --passphrase"
        raise refuse("config", "the private key is encrypted and no passphrase is set", hint) from exc
    except ValueError as exc:
        if passphrase and isinstance(exc, _pem.Unreadable):
            raise refuse("auth", "the passphrase does not open the private key", "check --passphrase") from exc
        raise refuse("config", f"the password {exc}; KEYPAIR needs a PEM private key", _HINT) from exc
    return bytes(key.private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption()))


def key_fault(pem: str | None) -> tuple[str, str] | None:
    """Return what is wrong with a private key that was given now, and a hint; None when nothing is, or it is encrypted.

    A test finds out whether the passphrase opens it: that takes as long as whoever made the key likes.
    """
    if pem is None:
        return None
    try:
        _pem.private_key(pem)
    except ValueError as exc:
        return str(exc), _HINT
    except TypeError:
        return None
    return None
