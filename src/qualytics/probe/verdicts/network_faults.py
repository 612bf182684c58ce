"""Verdicts on what keeps a client from a server: the system's error numbers, and the words of all systems for them."""

from __future__ import annotations

import errno
import os
import re

from qualytics.connectors.contract import Verdict, by_text
from qualytics.probe.verdicts import tls_faults
from qualytics.structs import replace
from qualytics.text import ends

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
    rules = []
    for code, name in ((code, errno.errorcode[code]) for code in _HINTS):
        words = os.strerror(code)
        pattern = rf"{words}|(?:\berrno:? ?|\bos error |\bsystem error:? )-?{code}(?!\d)"
        pattern = rf"{_IN_CONNECT}(?:{pattern})" if code in _AMBIGUOUS else pattern
        rules.append((rf"{pattern}|\b{name}\b|{_IN_CONNECT}\({code}\)", _unreached(code, words)))
    return tuple(rules)


# What a handshake of TLS says of bytes that are none.
NOT_TLS = r"wrong version number|WRONG_VERSION_NUMBER|not an? SSL/TLS record|NotSslRecord|InvalidContentType|plaintext connection\?|does not look like a TLS handshake|unrecognized SSL message|packet length too long|http: server gave HTTP response to HTTPS"

_NAME_SERVER = Verdict("transient", "the name server did not answer", "try again in a moment")

# The words of the C library, libpq, OpenSSL, Java, Go, Node.js, Python, Windows and curl for the same few failures.
WORDS = (
    (r"temporary (failure in name|error during host ?name) resolution|EAI_AGAIN|try again later.*resolv|\blookup \S{1,300}(: | .{0,300})(server misbehaving|i/o timeout)|\b11002\b|\bSERVFAIL\b", _NAME_SERVER),
    (r"name or service not known|nodename nor servname|getaddrinfo|\bENOTFOUND|unknown ?host|unknown \w+ server host|no such host|could not (resolve|translate) (host|proxy)|name could not be resolved|requested name is valid|\b1100[14]\b|failed to resolve|name ?resolution|dns error|no address associated|zero addresses|nxdomain|non-existing domain|dns lookup failed|dns resolution failed|domain name not found|unresolvable|host ?name lookup", Verdict("dns")),
    (r"connection (to \S{1,300} )?refused|ECONNREFUSED|actively refused|(\berrno:? |\bos error |\()(111|61)\b|\b10061\b|failed to connect: refused|couldn't connect to server|can't reach database server|(connect to server|on socket \S{1,200} failed|\[2002\]):? No such file|through socket \S{1,200} \(2\)|connect ENOENT|dial unix .{0,160}no such file|running locally and accepting", Verdict("refused")),
    *_numbers(),
    (r"certificate[_ ]?required|client certificate|peer did not return a certificate|empty (client )?certificate chain|certificate authentication is required|requires a valid client cert", tls_faults.CLIENT_CERTIFICATE),
    (r"not yet valid(?!: current time \S{1,40} is after)|CertificateNotYetValid|CERT_NOT_YET_VALID|not yet activated|NotValidYet|NotBefore:|current time .{1,40} is before", tls_faults.NOT_YET),
    (r"certificate (has |is )?expired|CertificateExpiredException|CERT_HAS_EXPIRED|NotAfter:|certificate_expired|invalid peer certificate: Expired|SEC_E_CERT_EXPIRED|CERT_E_EXPIRED|0x80090328|0x800b0101|NotTimeValid|uses expired certificate", tls_faults.EXPIRED),
    (r"certificate (has been |is |was )?revoked|CERT_REVOKED|CertificateRevokedException|: Revoked\b|CRYPT_E_REVOKED|0x80092010|errSSLPeerCertRevoked", tls_faults.REVOKED),
    (r"(ee|ca|dh|certificate) key too (small|weak)|KEY_TOO_SMALL|key size constraint|Algorithm constraints check failed on keysize", tls_faults.WEAK_KEY),
    (r"digest algorithm too weak|MD[_ ]TOO[_ ]WEAK|legacy[_ ]sigalg[_ ]disallowed|insecure algorithm|(weak|disabled) signature|signature algorithm.{0,40}(disabled|not supported|insecure)|Algorithm constraints check failed", tls_faults.WEAK_SIGNATURE),
    (r"(unsupported|unsuitable|invalid) (certificate )?purpose|incompatible key usage|Extended key usage does not permit|InvalidPurpose|serverAuth", tls_faults.PURPOSE),
    (r"(permitted|excluded) subtree violation|NameConstraint|name constraint|not permitted by any constraint", tls_faults.CONSTRAINED),
    (r"invalid CA certificate|not authorized to sign|parent certificate cannot sign|CaUsedAsEndEntity|EndEntityUsedAsCA|(is )?not a CA certificate|no ?BasicConstraints|basic constraints.{0,30}(fail|missing)", tls_faults.NO_AUTHORITY),
    (r"unrecognized[_ ]name", tls_faults.UNKNOWN_NAME),
    (r"(tls|ssl)\w*\b[^\n]{0,60}?(protocol[_ ]version|unsupported[_ ]protocol|version too low|no protocols available)|alert:? ProtocolVersion|protocol is disabled or cipher suites are inappropriate|unsupported ssl protocol|PeerIncompatible.{0,40}(Tls1[23]|version)|Server chose TLSv1(\.1)?\b|alert number 70\b|TLS alert: 'ProtocolVersion'|SEC_E_UNSUPPORTED_FUNCTION|0x80090302", tls_faults.OLD_TLS),
    (r"no (shared|common|matching) cipher|no cipher (suites?|match)|NO_SHARED_CIPHER|insufficient[_ ]security|NoCipherSuitesInCommon|alert number 71\b|SEC_E_ALGORITHM_MISMATCH|0x80090331|common algorithm", tls_faults.NO_CIPHER),
    (r"self[- ]?signed certificate in (the )?certificate chain|SELF_SIGNED_CERT_IN_CHAIN", tls_faults.UNTRUSTED),
    (r"self[- ]?signed|DEPTH_ZERO_SELF_SIGNED", tls_faults.SELF_SIGNED),
    (r"host ?name\b.{0,255}?(mismatch|doesn't match|does not match|not verified)|does not match (target |the )?host|IP address mismatch|No subject alternative|certificate is (not )?valid for|ERR_TLS_CERT_ALTNAME|certificate is valid for|NotValidForName|not valid for name|subject name does not match|does not match any SANs|cann?n?ot match missing Subject CN|certificate name mismatch|cannot validate certificate for|ERR_CERT_COMMON_NAME|SEC_E_WRONG_PRINCIPAL|0x80090322|CERT_E_CN_NO_MATCH|0x800b010f|RemoteCertificateNameMismatch|no alternative certificate subject name|name in the certificate does not match|could not be verified by hostname ?verifier|host ?name did not match", tls_faults.OTHER_NAME),
    (r"PKIX path building failed|unable to (get|find) .*(issuer|certification path)|unknown authority|unknown_?ca\b|unable to verify the first certificate|authority that is not trusted|certificate verify failed|CERTIFICATE_VERIFY_FAILED|UnknownIssuer|SEC_E_UNTRUSTED_ROOT|0x80090325|CERT_E_(UNTRUSTEDROOT|CHAINING)|0x800b010[9a]|UntrustedRoot|PartialChain|RemoteCertificateChainErrors|trustAnchors parameter|UNABLE_TO_GET_ISSUER_CERT|certificate is not trusted|issuer is unknown|could not establish trust|server verification failed|errSecNotTrusted|errSSL(XCertChainInvalid|UnknownRootCert|NoRootCert)", tls_faults.UNTRUSTED),
    (NOT_TLS, Verdict("config", "the server does not speak TLS on this port", "check host and port")),
    (r"(ssl|tls)\w*\b.{0,60}?(unexpected[ _]eof|EOF detected|EOF occurred|closed unexpectedly|shut down incorrectly|Remote host (terminated|closed))", Verdict("network")),
    (r"SSLHandshakeException|handshake[_ ]failure|ssl error|SSLError|tls: |tlsv1 alert|SSL connection error|sslv3 alert|SSL alert number \d|fatal (TLS )?alert|TLS fatal alert|SSL routines:|\bcurl: \((35|5[13489]|60|64|66|77|8[0-3]|9[018])\)|\bSEC_E_[A-Z_]+|\bCERT_E_[A-Z_]+|0x80090(3\w\w)\b|0x8009201\d|gnutls_handshake|certificate verification fail|error in the certificate verification|remote certificate|invalid peer certificate|received corrupt message|SSL/TLS secure channel|(SSL|TLS) connection (could not be established|failed)|(performing|during) (SSL|TLS) handshake|ERR_(SSL|OSSL|TLS)_|\berrSSL\w+|\[(SSL|X509)(: [A-Z_]+)?\]|NSURLErrorDomain error -120\d|certificate for this server is invalid|key ?store (password|was tampered)|rejected (the )?(SSL|TLS)|(SSL|TLS) negotiation failed|(SSL|TLS) authentication error|connect .{0,80}using SSL|(SSL|TLS)\b.{0,40}handshake failed|SSL validation failed|establish a secure connection|frame size or a corrupted frame", Verdict("tls")),
    (r"(obtaining|getting|fetching) an? (open |new )?connection from (the|its) (connection )?pool.{0,200}(max|limit)|(connection |queue)?pool (limit of|has been exhausted|is full)|retrieve connection from pool", Verdict("quota")),
    (r"lock wait timeout|ER_LOCK_WAIT_TIMEOUT|due to lock timeout", Verdict("transient")),
    (r"timed?[ -]?out|i/o timeout|\bcurl: \(28\)|UND_ERR_\w+_TIMEOUT|period of time|did not properly respond|(maximum|exceeded) .{0,20}(execution|run) time|ETIMEDOUT|ESOCKETTIMEDOUT|deadline exceeded|timeout expired|failed to connect to .{0,120} in \d+ ?ms|\bHYT0[01]\b|(\berrno:? |\bos error |\()(110|60)\b|\b10060\b", Verdict("timeout")),
    (r"connection (was )?(reset|closed|aborted|terminated|lost)|ECONNRESET|broken pipe|EPIPE|\b1005[34]\b|closed the connection|lost connection|hung up|EOFException|unexpected(ly)? (EOF|end of)|remote end closed|other side closed|forcibly closed|channel ?closed|connection (is|has been|already|or statement is) closed|already closed|connection[_ ]ended|fermé la connexion|beendete die verbindung|use of closed network|connection abort|connection broken|IncompleteRead|hang up|UND_ERR_SOCKET|empty reply from server|ended prematurely|close_notify|could not communicate|errors talking to|network name is no longer|(during|consume) the pre-?login handshake|null outputStream|can't be reached|not closed cleanly|bad (idle )?connection|^invalid connection$|no connection to the server|last packet (sent|successfully)|gone away|from the transport connection|past the end of the stream|error occurred while sending|\bEOF$|upstream connect error|disconnect/reset|\bcurl: \((16|18|52|55|56|92|95)\)|access a socket in a way forbidden|lacked sufficient buffer space|only one usage of each socket address|conn crashed|tcp recv|could not establish connection|\bP1017\b|other end of the pipe|minus one from a read|did not return a response|NoRouteToHost|could not connect to the endpoint|in closed state|closed connection|closed by (the )?(peer|server|remote)|does not exist or access denied|could not open a connection|\bconnection (is )?not (available|open)|adapter could not establish|network connection .{0,40}was lost|over this network|unable to connect to any of the|DBPROCESS is dead|Adaptive Server connection failed|unreachable (host|network)|host is unreachable|\b100(13|4[79]|5[01]|65)\b|communications? link failure", Verdict("network")),
)  # fmt: skip
# How far a client got, the furthest first: past the login, to the server's answer, to TLS, to its port, to its name.
_ORDER = (
    *("unknown_db", "auth", "permission", "config", "quota", "internal", "transient"),
    *("tls", "network", "refused", "timeout", "dns", "unreached", "driver_missing"),
)
# Verdicts that say no more than that something broke off; plainer words in the same text count more.
_VAGUE = frozenset({"network", "tls", "transient", "unknown"})


def by_words(text: str) -> Verdict | None:
    """Return the verdict on words alone, whatever they tell of settings."""
    return by_text(_SETTING.sub("", ends(text)), WORDS)


# "retry_timeout: 180s" and "with timeout 30000 ms" tell a setting, not what happened.
_SETTING = re.compile(
    r"\b\w*timeout\w*[\"']?\s*[:=]\s*[\"']?\d[\w.]*|\bwith timeout \d+|\btimeout\W{1,3}\(currently", re.IGNORECASE
)


def refined(verdict: Verdict, text: str) -> Verdict:
    """Return a connector's verdict, or a plainer one where it says little and the words of all systems say more."""
    failure_class = verdict.failure_class
    if verdict.cause is not None:
        return verdict
    plainer = by_words(text)
    if plainer is None or not (plainer.failure_class == failure_class or failure_class in _VAGUE):
        return verdict
    if plainer.cause is None and plainer.failure_class in {failure_class, "network"}:
        return verdict
    stage, hint = plainer.stage or verdict.stage, plainer.hint or verdict.hint
    return replace(plainer, hint=hint, stage=stage, code=verdict.code)


def is_unknown(verdict: Verdict) -> bool:
    """Say whether nothing is known of an error beyond its code."""
    return verdict.failure_class == "unknown" and verdict.cause is None


def furthest(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict on the attempt that got furthest; of those that got as far, one that names a cause."""
    return min(verdicts, key=lambda verdict: (_ORDER.index(_step(verdict)), verdict.cause is None))


def _step(verdict: Verdict) -> str:
    if verdict.stage == "database":
        return "unknown_db"
    if verdict.cause == _NAME_SERVER.cause:
        return "dns"
    return "unreached" if verdict.hint in _HINTS.values() else verdict.failure_class
