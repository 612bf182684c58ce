"""What keeps anybody from reaching a server: the operating system's numbers, and the words of all systems for them."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

from qualytics.connectors import Verdict
from qualytics.connectors._sql import by_text

_ROUTE = "check the host; a VPN, a route or a network interface of this machine may be missing or down"
_FAMILY = "this machine has no way to addresses of this kind: check the host, and whether IPv6 is set up here"
_FIREWALL = "a firewall or another rule of this machine may forbid it: ask who runs the machine"
_BUSY = "this machine is out of ports or of memory for its network: close what is not needed, and try again"
# What a system says of a connection that leaves no way to the host (errno(3), connect(2)).
_HINTS = {
    errno.EHOSTUNREACH: _ROUTE,
    errno.EHOSTDOWN: _ROUTE,
    errno.ENETUNREACH: _ROUTE,
    errno.ENETDOWN: _ROUTE,
    errno.ENETRESET: _ROUTE,
    errno.EINVAL: "the route or the kind of this address forbids it, as of fe80::…: check the host",
    errno.EADDRNOTAVAIL: _FAMILY,
    errno.EAFNOSUPPORT: _FAMILY,
    errno.EPFNOSUPPORT: _FAMILY,
    errno.EPROTONOSUPPORT: _FAMILY,
    errno.EOPNOTSUPP: _FAMILY,
    errno.EACCES: _FIREWALL,
    errno.EPERM: _FIREWALL,
    errno.EADDRINUSE: _BUSY,
    errno.ENOBUFS: _BUSY,
}
# Words that mean this of a connection, and something else of a file.
_AMBIGUOUS = frozenset({errno.EINVAL, errno.EACCES, errno.EPERM, errno.EADDRINUSE})
_IN_CONNECT = r"\b(?:connect|dial|socket|tcp)\w*\b[^\n]{0,80}?"


def by_errno(exc: OSError) -> Verdict | None:
    """Return the verdict on a connection that the system refuses to make; None on an error of a file, or another."""
    if exc.filename is not None or exc.errno not in _HINTS:
        return None
    return _unreached(exc.errno, exc.strerror or os.strerror(exc.errno))


def _unreached(code: int, words: str) -> Verdict:
    return Verdict("network", f"the host cannot be reached from here: {words}", _HINTS[code])


def _numbers() -> tuple[tuple[str, Verdict], ...]:
    # As C, Go, Rust and Node.js write them, in Linux's numbers and words.
    found = []
    for code, name in ((code, errno.errorcode[code]) for code in _HINTS):
        words = os.strerror(code)
        said = rf"{words}|(?:\berrno:? ?|\bos error |\bsystem error:? )-?{code}(?!\d)"
        said = rf"{_IN_CONNECT}(?:{said})" if code in _AMBIGUOUS else said
        found.append((rf"{said}|\b{name}\b|{_IN_CONNECT}\({code}\)", _unreached(code, words)))
    return tuple(found)


_TRUST = "give the root of the server's certificate to the tool; here as ssl_root_cert_file in --parameters"
_NOT_TLS = Verdict("config", "the server does not speak TLS on this port", "check host and port")

# The words of the C library, libpq, OpenSSL, Java, Go, Node.js, Python, Windows and curl for the same few failures.
WORDS = (
    (r"temporary failure in name resolution|EAI_AGAIN|try again later.*resolv", Verdict("transient", "the name server did not answer", "try again in a moment")),
    (r"name or service not known|nodename nor servname|getaddrinfo|ENOTFOUND|unknown ?host|unknown \w+ server host|no such host|could not (resolve|translate) host|failed to resolve|name ?resolution|dns error|no address associated", Verdict("dns")),
    (r"connection refused|ECONNREFUSED|actively refused|(\berrno:? |\bos error |\()(111|61)\b|\b10061\b|failed to connect: refused", Verdict("refused")),
    *_numbers(),
    (r"certificate (has |is )?expired|CertificateExpiredException|CERT_HAS_EXPIRED|NotAfter:", Verdict("tls", "the server's certificate has expired")),
    (r"not yet valid|CertificateNotYetValid", Verdict("tls", "the server's certificate is not valid yet", "check this machine's clock")),
    (r"self[- ]signed|DEPTH_ZERO_SELF_SIGNED", Verdict("tls", "the server's certificate, or its root, is self-signed", _TRUST)),
    (r"host ?name .*(mismatch|doesn't match|does not match|not verified)|does not match (target |the )?host|IP address mismatch|No subject alternative|certificate is (not )?valid for|ERR_TLS_CERT_ALTNAME", Verdict("tls", "the server's certificate is for another host name", "use the name that is in the certificate")),
    (r"PKIX path building failed|unable to (get|find) .*(issuer|certification path)|unknown authority|unknown_?ca\b|unable to verify the first certificate|authority that is not trusted|certificate verify failed|CERTIFICATE_VERIFY_FAILED|UnknownIssuer", Verdict("tls", "the server's certificate comes from a certificate authority that is not trusted there", _TRUST)),
    (r"wrong version number|WRONG_VERSION_NUMBER|not an? SSL/TLS record|plaintext connection\?|does not look like a TLS handshake|unrecognized SSL message|packet length too long|http: server gave HTTP response to HTTPS", _NOT_TLS),
    (r"SSLHandshakeException|handshake[_ ]failure|ssl error|SSLError|tls: |tlsv1 alert|SSL connection error|sslv3 alert", Verdict("tls")),
    (r"timed? ?out|ETIMEDOUT|ESOCKETTIMEDOUT|deadline exceeded|timeout expired|\bHYT0[01]\b|(\berrno:? |\bos error |\()(110|60)\b|\b10060\b", Verdict("timeout")),
    (r"connection (was )?(reset|closed|aborted|terminated|lost)|ECONNRESET|broken pipe|EPIPE|\b1005[34]\b|closed the connection|lost connection|hung up|EOFException|unexpected(ly)? (EOF|end of)|remote end closed|NoRouteToHost|unreachable (host|network)|host is unreachable|\b100(13|4[79]|5[01]|65)\b|communications? link failure", Verdict("network")),
)  # fmt: skip
# Verdicts that say no more than that something broke off; plainer words in the same text count more.
_VAGUE = frozenset({"network", "tls", "transient", "unknown"})


def refined(told: Verdict, text: str) -> Verdict:
    """Return a connector's verdict, or a plainer one where it says little and the words of all systems say more."""
    if told.cause is not None:
        return told
    found = by_text(text, WORDS)
    if found is None or not (found.failure_class == told.failure_class or told.failure_class in _VAGUE):
        return told
    if found.cause is None and found.failure_class in {told.failure_class, "network"}:
        return told
    return replace(found, hint=found.hint or told.hint, stage=found.stage or told.stage)
