"""PEM texts (RFC 7468) that lost their line ends on the way: put right where that is certain, refused with the reason."""

from __future__ import annotations

import re
from typing import Any

from qualytics.connectors.contract import refuse

_WIDTH = 64
_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_ESCAPED = re.compile(r"\\+[rn]")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}\Z")


class Unreadable(ValueError):
    """PEM as it should be, of something that cannot be read; a wrong passphrase looks the same."""


def mended(text: str, label: str) -> str:
    """Return those blocks of a PEM text that are called so, as CERTIFICATE, with a line end wherever one belongs.

    What stands around them is left out. A block that has headers, as an old kind of encrypted key does, stays as it is.

    Raises:
        ValueError: it is no such text; the message completes a name and repeats nothing of it.

    """
    whole = _ESCAPED.sub("\n", text.lstrip("\ufeff"))
    blocks, others = [], []
    at = 0
    while header := _BEGIN.search(whole, at):
        footer = f"-----END {header[1]}-----"
        at = whole.find(footer, header.end())
        if at < 0:
            raise ValueError("has no footer: its end is missing")
        if header[1].endswith(label):
            blocks.append(_block(header[0], whole[header.end() : at], footer))
        else:
            others.append(header[1])
    if not blocks and others:
        raise ValueError(f"holds a {others[0]}, not a {label}")
    if not blocks:
        raise ValueError(f"is not PEM text: it has no header of a {label}")
    return "".join(blocks)


def _block(header: str, body: str, footer: str) -> str:
    if ":" in body:
        return f"{header}\n{body.strip()}\n{footer}\n"
    data = "".join(body.split())
    if not _BASE64.match(data):
        what = "line ends are written as something else" if re.search("[<>&%;|,]", data) else "it was changed"
        raise ValueError(f"holds what is no base64 between header and footer: {what}")
    lines = (data[start : start + _WIDTH] for start in range(0, len(data), _WIDTH))
    return "\n".join((header, *lines, footer, ""))


def private_key(text: str, passphrase: str = "") -> Any:
    """Return a PEM private key as an object of cryptography; an empty passphrase stands for none.

    Raises:
        ValueError: it is not a PEM private key.
        Unreadable: it cannot be read, or the passphrase is wrong.
        TypeError: it is encrypted and there is no passphrase, or the other way round.

    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as form

    pem = mended(text, "PRIVATE KEY").encode()
    try:
        # Its own check tests for primes, which takes seconds where a key is as long as somebody likes.
        key = form.load_pem_private_key(pem, passphrase.encode() or None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if key is None or not _fits(key):
        raise Unreadable("cannot be read as a private key: it was cut or changed")
    return key


def _fits(key: Any) -> bool:
    # What was changed on the way does not multiply to what it did.
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if not isinstance(key, RSAPrivateKey):
        return True
    numbers = key.private_numbers()
    public = numbers.public_numbers
    return numbers.p * numbers.q == public.n and numbers.d * public.e % (numbers.p - 1) == 1


def certificates(text: str) -> str:
    """Return PEM certificates with their line ends in place; raises ValueError as `mended`, or where one is none."""
    import ssl

    pem = mended(text, "CERTIFICATE")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        raise Unreadable("cannot be read as certificates: they were cut or changed") from None
    return pem


_HINT = "give the text of a PEM file that begins with -----BEGIN PRIVATE KEY-----, as in --password-stdin < rsa_key.p8"  # pragma: allowlist secret


def private_key_der(pem: str, passphrase: str) -> bytes:
    """Return a PEM private key as unencrypted PKCS #8 in DER; an empty passphrase stands for none.

    Raises:
        Refusal: it is no private key, or the passphrase is wrong, missing or not needed.

    """
    from cryptography.hazmat.primitives import serialization as form

    try:
        key = private_key(pem, passphrase)
    except TypeError as exc:  # one of the two is there without the other
        if passphrase:
            hint = "leave the passphrase out"
            raise refuse("config", "a passphrase is set, but the private key is not encrypted", hint) from exc
        hint = "give it with --passphrase"
        raise refuse("config", "the private key is encrypted and no passphrase is set", hint) from exc
    except ValueError as exc:
        if passphrase and isinstance(exc, Unreadable):
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
        private_key(pem)
    except ValueError as exc:
        return str(exc), _HINT
    except TypeError:
        return None
    return None
