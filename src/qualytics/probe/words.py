"""Verdicts on words alone: what another tool wrote of a failure, judged without the exception it came from."""

from __future__ import annotations

import re

from qualytics.connectors import Connector, Verdict
from qualytics.connectors._sql import by_sqlstate, by_text

_TRUST = "give the root of the server's certificate to the tool; here as ssl_root_cert_file in --parameters"
_NOT_TLS = Verdict("config", "the server does not speak TLS on this port", "check host and port")

# The words of the C library, libpq, OpenSSL, Java, Go, Node.js, Python, Windows and curl for the same few failures.
_REACH = (
    (r"temporary failure in name resolution|EAI_AGAIN|try again later.*resolv", Verdict("transient", "the name server did not answer", "try again in a moment")),
    (r"name or service not known|nodename nor servname|getaddrinfo|ENOTFOUND|unknown ?host|unknown \w+ server host|no such host|could not (resolve|translate) host|failed to resolve|name ?resolution|dns error|no address associated", Verdict("dns")),
    (r"connection refused|ECONNREFUSED|actively refused|(\berrno:? |\bos error |\()(111|61)\b|\b10061\b|failed to connect: refused", Verdict("refused")),
    (r"certificate (has |is )?expired|CertificateExpiredException|CERT_HAS_EXPIRED|NotAfter:", Verdict("tls", "the server's certificate has expired")),
    (r"not yet valid|CertificateNotYetValid", Verdict("tls", "the server's certificate is not valid yet", "check this machine's clock")),
    (r"self[- ]signed|DEPTH_ZERO_SELF_SIGNED", Verdict("tls", "the server's certificate, or its root, is self-signed", _TRUST)),
    (r"host ?name .*(mismatch|doesn't match|does not match|not verified)|does not match (target |the )?host|IP address mismatch|No subject alternative|certificate is (not )?valid for|ERR_TLS_CERT_ALTNAME", Verdict("tls", "the server's certificate is for another host name", "use the name that is in the certificate")),
    (r"PKIX path building failed|unable to (get|find) .*(issuer|certification path)|unknown authority|unknown_?ca\b|unable to verify the first certificate|authority that is not trusted|certificate verify failed|CERTIFICATE_VERIFY_FAILED|UnknownIssuer", Verdict("tls", "the server's certificate comes from a certificate authority that is not trusted there", _TRUST)),
    (r"wrong version number|WRONG_VERSION_NUMBER|not an? SSL/TLS record|plaintext connection\?|does not look like a TLS handshake|unrecognized SSL message|packet length too long|http: server gave HTTP response to HTTPS", _NOT_TLS),
    (r"SSLHandshakeException|handshake[_ ]failure|ssl error|SSLError|tls: |tlsv1 alert|SSL connection error|sslv3 alert", Verdict("tls")),
    (r"timed? ?out|ETIMEDOUT|ESOCKETTIMEDOUT|deadline exceeded|timeout expired|\bHYT0[01]\b|(\berrno:? |\bos error |\()(110|60)\b|\b10060\b", Verdict("timeout")),
    (r"connection (was )?(reset|closed|aborted|terminated|lost)|ECONNRESET|broken pipe|EPIPE|\b1005[34]\b|closed the connection|lost connection|hung up|EOFException|unexpected(ly)? (EOF|end of)|remote end closed|no route to host|NoRouteToHost|(network|host) is unreachable|E(HOST|NET)UNREACH|communications? link failure", Verdict("network")),
)  # fmt: skip

# What servers of every kind say once they were reached.
_ANSWERS = (
    (r"no suitable driver|ClassNotFoundException|NoClassDefFoundError|can't open lib|data source name not found|No module named|Can't load plugin", Verdict("driver_missing")),
    (r"(access denied for user|authentication failed|login failed|log ?on failed|log ?on denied|invalid (username|user name|credentials|password|token|api key)|incorrect (username|password)|wrong password|bad credentials|password (has )?expired|unauthenticated|unauthorized)", Verdict("auth")),
    (r"permission denied|access (is )?denied|not authorized|insufficient[_ ]privilege|lacks? .*privilege|forbidden", Verdict("permission")),
    (r"(database|schema|catalog|bucket|container|warehouse)\b.{0,255}(does not exist|not found|doesn't exist)|unknown database|no such (database|schema|catalog|bucket|container)", Verdict("unknown_db")),
    (r"too many (connections|clients|requests|sessions)|quota|rate limit|throttl|limit (exceeded|reached)|resources? exhausted", Verdict("quota")),
    (r"service unavailable|temporarily unavailable|shutting down|starting up|try again|in recovery|bad gateway|deadlock", Verdict("transient")),
    (r"unsupported protocol|protocol (error|version)|bad request|invalid (argument|parameter|option|url)", Verdict("config")),
)  # fmt: skip
_STATUS = {
    400: Verdict("config"),
    401: Verdict("auth"),
    403: Verdict("permission"),
    404: Verdict("unknown_db"),
    407: Verdict("config", "a proxy stands before the server and wants a login"),
    408: Verdict("timeout"),
    429: Verdict("quota"),
    500: Verdict("transient"),
    502: Verdict("transient"),
    503: Verdict("transient"),
    504: Verdict("timeout"),
}
_HTTP = re.compile(
    r"\b(?:HTTP(?:/\d(?:\.\d)?)?(?: status)?(?: code)?|status(?: ?code)?|HTTPError)\W{1,3}(\d{3})\b", re.IGNORECASE
)
# psql with verbosity, ODBC ("[28000]"), JDBC ("SQLState: 28000"), mysql ("ERROR 1045 (28000)"), Db2 ("SQLSTATE=28000").
_STATES = re.compile(r"(?:SQL ?STATE\W{0,3}|\bERROR:? +(?:\d+ \()?|\[)([0-9A-Z]{5})(?=[\s\])\":,;]|\Z)", re.IGNORECASE)
# Verdicts that say no more than that something broke off; plainer words in the same text count more.
_VAGUE = frozenset({"network", "tls", "transient", "unknown"})


def verdict_on(connector: Connector, text: str) -> Verdict:
    """Return the verdict on a message about a type: by its own tables, SQLSTATE, the words of all systems, HTTP status."""
    told = connector.explain(text) if connector.explain is not None else connector.classify(Exception(text))
    told = told or next(filter(None, map(by_sqlstate, _STATES.findall(text.upper()))), None)
    reach = by_text(text, _REACH)
    if told is None:
        status = _HTTP.search(text)
        answer = by_text(text, _ANSWERS) or (_STATUS.get(int(status[1])) if status else None)
        return reach or answer or Verdict("unknown")
    same = reach is not None and reach.failure_class == told.failure_class and told.cause is None
    if reach is not None and (same or (told.failure_class in _VAGUE and reach.failure_class != told.failure_class)):
        return told if reach.failure_class == "network" else reach
    return told
