"""Private keys as PEM text, and what can be wrong with them."""

from __future__ import annotations

from qualytics.connectors._sql import refuse


def private_key(pem: str, passphrase: str) -> bytes:
    """Return a PEM private key as unencrypted PKCS #8 in DER; an empty passphrase stands for none.

    Raises:
        Refusal: it is no private key, or the passphrase is wrong, missing or not needed.

    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as form

    if "PRIVATE KEY-----" not in pem:
        hint = "give the text of a PEM file that begins with -----BEGIN PRIVATE KEY-----, as in --password-stdin < rsa_key.p8"  # pragma: allowlist secret
        raise refuse("config", "the password is not a PEM private key, which KEYPAIR needs", hint)
    try:
        key = form.load_pem_private_key(pem.encode(), passphrase.encode() or None)
    except TypeError as exc:  # one of the two is there without the other
        if passphrase:
            raise refuse(
                "config", "a passphrase is set, but the private key is not encrypted", "leave the passphrase out"
            ) from exc
        raise refuse(
            "config", "the private key is encrypted and no passphrase is set", "give it with --passphrase"
        ) from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        if passphrase:
            raise refuse("auth", "the passphrase does not open the private key", "check --passphrase") from exc
        raise refuse(
            "config", "the PEM private key cannot be read", "make one: openssl pkcs8 -topk8 -in key.pem -out rsa_key.p8"
        ) from exc
    return key.private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption())
