"""What exceptions of JDBC drivers mean: the Java class, SQLSTATE, the vendor's number and, last, the text."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from qualytics.connectors.codes import by_sqlstate
from qualytics.connectors.contract import Verdict, by_text
from qualytics.connectors.types import mysql
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

_JAVA = Verdict("driver_missing", "Java is not installed here", "install a Java runtime, version 11 or later")
_OLD_JAVA = Verdict(
    "driver_missing", "the driver's jar wants a later Java than the one that is installed", "install a later Java"
)
_NO_CLASS = Verdict(
    "driver_missing",
    "a class of the driver is in none of the jars",
    "check driver_class and jars in --parameters; some drivers need more than one jar",
)
_OTHER_PROTOCOL = Verdict(
    "config", "the server does not speak this driver's protocol", "check host, port and the name after jdbc:"
)
_NO_TLS = Verdict(
    "tls", "the server does not offer TLS", "turn TLS on at the server, or change the properties in --uri"
)
_NOT_TLS = Verdict(
    "config", "the server does not speak TLS on this port", "check host and port, or the properties in --uri"
)
_NO_DATABASE = Verdict("unknown_db", stage="database")
_TRUST = Verdict("tls")  # what is wrong with a certificate, the words tell

# By the last part of a Java class's name (docs.oracle.com, "Java SE API").
_CLASSES: dict[str, Verdict] = {
    "UnknownHostException": Verdict("dns"),
    "SocketTimeoutException": Verdict("timeout"),
    "NoRouteToHostException": Verdict("network"),
    "EOFException": Verdict("network"),
    "SocketException": Verdict("network"),
    "SunCertPathBuilderException": _TRUST,
    "CertPathBuilderException": _TRUST,
    "CertificateExpiredException": Verdict("tls"),
    "CertificateNotYetValidException": Verdict("tls"),
    "CertificateException": Verdict("tls"),
    "CertPathValidatorException": Verdict("tls"),
    "SSLHandshakeException": Verdict("tls"),
    "SSLPeerUnverifiedException": Verdict("tls"),
    "SSLException": Verdict("tls"),
    "ClassNotFoundException": _NO_CLASS,
    "NoClassDefFoundError": _NO_CLASS,
    "UnsupportedClassVersionError": _OLD_JAVA,
    "JVMNotFoundException": _JAVA,
    "JVMNotSupportedException": _OLD_JAVA,
    **dict.fromkeys(("ArrayIndexOutOfBoundsException", "IndexOutOfBoundsException", "NegativeArraySizeException"), _OTHER_PROTOCOL),
    "OutOfMemoryError": Verdict("internal", "the driver wants more memory than a test may have"),
    "SQLInvalidAuthorizationSpecException": Verdict("auth", stage="login"),
    "SQLTimeoutException": Verdict("timeout"),
    "SQLTransientException": Verdict("transient"),
}  # fmt: skip

_KERBEROS = Verdict(
    "config", "the server asks for Kerberos, which is not offered here", "ask for a login that takes a password"
)
# States of one engine alone: H2's own are its error codes (h2database.com, ErrorCode).
_STATES: dict[str, Verdict] = {
    "90013": _NO_DATABASE,
    "90146": _NO_DATABASE,
    "90149": _NO_DATABASE,
    "90079": Verdict("unknown_db", stage="database"),
    "90020": Verdict("transient", "another process has the database locked"),
    "90096": Verdict("permission"),
    "90098": Verdict("transient"),
    "28501": Verdict("auth", stage="login"),  # HSQLDB
}

_TEXTS: tuple[tuple[str, Verdict], ...] = (
    (r"authentication type [79] is not supported|GSS Authentication failed|GSSException|\(auth_gssapi|authentication_kerberos", _KERBEROS),
    (r"Could not open SSL root certificate file|PKIX path building failed|unable to find valid certification path", _TRUST),
    (r"server does not support SSL|ssl not enabled in the server", _NO_TLS),
    (r"Unsupported or unrecognized SSL message", _NOT_TLS),
    (r"No subject alternative|hostname .* could not be verified|doesn't match|not verified by hostnameverifier", Verdict("tls")),
    (r"connection authentication failure|Reason: userid or password invalid|invalid authorization specification|Wrong user name or password|Access denied for user|password authentication failed", Verdict("auth", stage="login")),
    (r"database '?.*'? (was )?not found|database alias does not exist|Unknown database|Database .* not found", _NO_DATABASE),
    (r"Protocol error|unexpected status|is not a MariaDB|Unsupported protocol|network protocol (error|exception)|Incompatible client/server|Version of client software|error occurred while setting up the SSL connection|syntax error in the (communication )?data stream|Network exception.*protocol", _OTHER_PROTOCOL),
    (r"Connection refused", Verdict("refused")),
    (r"connect(ion)? timed out|Read timed out|login timeout|connection attempt timed out", Verdict("timeout")),
    (r"Connection reset|Broken pipe|unexpected end of stream|Insufficient data while reading|Connection is broken|socket closed|closed by the server|The connection attempt failed", Verdict("network")),
    (r"Prohibited character", Verdict("config", "the driver cannot send this user name or password", "some drivers take no control characters and no emoji", "login")),
    (r"No suitable driver|ClassNotFoundException|NoClassDefFoundError", _NO_CLASS),
    (r"UnsupportedClassVersionError", _OLD_JAVA),
    (r"JVM DLL not found|No JVM shared library", _JAVA),
)  # fmt: skip
# States that say no more than that there is no connection.
_UMBRELLA = ("08", "58", "HY")


class JdbcError(Exception):
    """What a driver's exception and its causes say, in the words of a report."""


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Raise what comes out of Java as a JdbcError, whose cause it is: Java's own text may hold a server's stack."""
    try:
        yield
    except BaseException as exc:  # the class of Java's exceptions is known only where Java runs
        if not hasattr(exc, "getCause"):
            raise
        raise JdbcError("; caused by ".join(map(_words, links(exc)))) from exc


def _words(link: Any) -> str:
    state = f" [{link.getSQLState()}]" if hasattr(link, "getSQLState") and link.getSQLState() else ""
    return f"{type(link).__name__}{state}: {_text(link)}"


def _text(link: Any) -> str:
    # Of a foreign exception the text of Python; of Java's the message, up to the stack that a server may send.
    text = link.getMessage() if hasattr(link, "getMessage") else link
    return "" if text is None else str(text).partition("\n\tat ")[0]


def links(exc: BaseException) -> Iterator[Any]:
    """Yield an exception and, of Java, its causes, the outermost first."""
    link: Any = exc
    for _ in range(16):  # a cause may be its own
        if link is None:
            return
        yield link
        link = link.getCause() if hasattr(link, "getCause") else None


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the innermost link of Java's chain that says anything."""
    for link in reversed(tuple(links(exc))):
        state = str(link.getSQLState() or "") if hasattr(link, "getSQLState") else ""
        number = int(link.getErrorCode()) if hasattr(link, "getErrorCode") else 0
        verdict = judge(type(link).__name__, _text(link), state, number)
        if verdict is not None:
            return verdict
    return None


def judge(name: str, text: str, state: str = "", number: int = 0) -> Verdict | None:
    """Return the verdict on one exception by its class, text, SQLSTATE and number."""
    by_words = by_text(text, _TEXTS)
    if state in _STATES:
        return replace(_STATES[state], code=state)
    # The number of MySQL and MariaDB, where their state says too little.
    if str(number) in mysql.ERRORS.codes and state[:2] in {"08", "28", "42", "HY"}:
        return replace(mysql.ERRORS.codes[str(number)], code=str(number))
    if state and not state.startswith(_UMBRELLA):
        return by_sqlstate(state) or by_words
    return by_words or by_sqlstate(state) or _CLASSES.get(name.rpartition(".")[2])
