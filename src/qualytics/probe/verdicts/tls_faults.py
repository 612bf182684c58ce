"""Verdicts on what makes a handshake of TLS fail, each with its usual cause and hint."""

from __future__ import annotations

from qualytics.connectors.contract import Verdict

ROOT_PARAMETER = "ssl_root_cert_file"
GIVE_ROOT = (
    "give the root of the server's certificate as ssl_root_cert_file, or its text as ssl_root_cert, in --parameters"
)
# In place of it, where roots were given.
GAVE_ROOT = (
    "the roots in --parameters do not hold the issuer of the server's certificate: compare them with what the server"
    " sends"
)
CHECK_CHAIN = "ask the server's owner for a certificate that can be verified"
_ISSUE = "have the server's certificate issued anew, "
EXPIRED = Verdict(
    "tls",
    "the server's certificate has expired",
    "renew it at the server; if it is not old, check this machine's clock",
)
NOT_YET = Verdict(
    "tls", "the server's certificate is not valid yet", "check this machine's clock, then the certificate's dates"
)
SELF_SIGNED = Verdict(
    "tls",
    "the server's certificate is self-signed",
    "give that certificate itself as ssl_root_cert_file in --parameters, once its owner has confirmed it",
)
UNTRUSTED = Verdict(
    "tls", "the server's certificate comes from a certificate authority that is not trusted here", GIVE_ROOT
)
GIVE_HINTS = frozenset({GIVE_ROOT, SELF_SIGNED.hint})
OTHER_NAME = Verdict(
    "tls",
    "the server's certificate is for another host name",
    "use a name that is in the certificate as the host, or have one issued for this host",
)
PURPOSE = Verdict(
    "tls", "the server's certificate is not meant for servers", _ISSUE + "with the extended key usage serverAuth"
)
NO_AUTHORITY = Verdict(
    "tls",
    "the server's certificate was issued with a certificate that is not one of an authority",
    _ISSUE + "by an authority",
)
CONSTRAINED = Verdict(
    "tls", "the issuer of the server's certificate may not issue one for this name", _ISSUE + "by an authority that may"
)
WEAK_KEY = Verdict(
    "tls",
    "the server's key, or that of an issuer, is too short to be safe",
    _ISSUE + "with a key of 2,048 bits or more",
)
WEAK_SIGNATURE = Verdict(
    "tls",
    "the server's certificate is signed in a way that is no longer safe",
    _ISSUE + "signed with SHA-256 or better",
)
REVOKED = Verdict("tls", "the server's certificate has been revoked", _ISSUE + "with a new key")
CLIENT_CERTIFICATE = Verdict(
    "tls",
    "the server asks for a client certificate, and a connection has none: client certificates are not offered",
    "ask for a way in by user and password alone: another port, or a server that does not demand a client certificate",
)
NO_CIPHER = Verdict(
    "tls",
    "the server and this client have no cipher in common",
    "have the server offer ciphers of TLS 1.2 or 1.3 that are safe today, such as ECDHE with AES-GCM",
)
OLD_TLS = Verdict(
    "tls",
    "the server speaks no version of TLS that is safe: only some before 1.2",
    "turn TLS 1.2 or 1.3 on at the server",
)
UNKNOWN_NAME = Verdict(
    "tls", "the server knows no host of this name", "check the host: the server has certificates for others"
)
