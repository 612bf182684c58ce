"""Why a handshake of TLS failed: which certificate has which fault, and what the server wants that we have not."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from qualytics.connectors.contract import Verdict
from qualytics.probe.verdicts import tls_faults
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.x509 import Certificate, Name

_MAX_NAMES = 5
_MAX_NAME = 64
# OpenSSL's verify codes (x509_vfy.h).
_NOT_YET, _EXPIRED = 9, 10
_SIGNATURE, _SELF_SIGNED, _ROOT_SENT, _PURPOSE = 7, 18, 19, 26
_NO_ISSUER = (2, 20, 21, 27)
_OTHER_NAME = (62, 63, 64)
_CODES = {
    _NOT_YET: tls_faults.NOT_YET,
    _EXPIRED: tls_faults.EXPIRED,
    _SELF_SIGNED: tls_faults.SELF_SIGNED,
    23: tls_faults.REVOKED,
    _PURPOSE: tls_faults.PURPOSE,
    66: tls_faults.WEAK_KEY,
    67: tls_faults.WEAK_KEY,
    68: tls_faults.WEAK_SIGNATURE,
    **dict.fromkeys((*_NO_ISSUER, _SIGNATURE, _ROOT_SENT), tls_faults.UNTRUSTED),
    **dict.fromkeys(_OTHER_NAME, tls_faults.OTHER_NAME),
    **dict.fromkeys((24, 25, 32, 37, 79), tls_faults.NO_AUTHORITY),
    **dict.fromkeys(range(47, 55), tls_faults.CONSTRAINED),
}
# OpenSSL's names of what ended a handshake (sslerr.h): alerts of the server, and what it lacks.
_OLD = frozenset(
    {
        *("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "WRONG_SSL_VERSION", "VERSION_TOO_LOW"),
        *("NO_PROTOCOLS_AVAILABLE", "UNKNOWN_PROTOCOL"),
    }
)
_NO_COMMON = frozenset({"SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV1_ALERT_INSUFFICIENT_SECURITY", "NO_SHARED_CIPHER"})
# We never show a certificate, so a server that finds fault with one was shown none.
_WANTED = frozenset(
    {
        *("TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_NO_CERTIFICATE"),
        *("SSLV3_ALERT_CERTIFICATE_UNKNOWN", "TLSV1_ALERT_UNKNOWN_CA", "TLSV1_ALERT_ACCESS_DENIED"),
    }
)
_WEAK = {
    "DH_KEY_TOO_SMALL": tls_faults.WEAK_KEY,
    "EE_KEY_TOO_SMALL": tls_faults.WEAK_KEY,
    "CA_MD_TOO_WEAK": tls_faults.WEAK_SIGNATURE,
}


class Roots(Struct, eq=True):
    """What a test trusts: a file, and whether that is a parameter of the connection."""

    file: str | None
    from_connection: bool


def by_reason(exc: ssl.SSLError) -> Verdict | None:
    """Return the verdict on what ended a handshake, by OpenSSL's word for it alone."""
    reason = exc.reason or ""
    if reason in _WANTED:
        return tls_faults.CLIENT_CERTIFICATE
    if reason in _OLD:
        return tls_faults.OLD_TLS
    if reason in _NO_COMMON:
        return tls_faults.NO_CIPHER
    if reason in {"TLSV1_UNRECOGNIZED_NAME", "TLSV1_ALERT_UNRECOGNIZED_NAME"}:
        return tls_faults.UNKNOWN_NAME
    return _WEAK.get(reason)


def fault_of(exc: ssl.SSLError, sock: ssl.SSLSocket, roots: Roots) -> Verdict | None:
    """Return the verdict on a handshake that failed on this socket; None when nothing is known of it."""
    if not isinstance(exc, ssl.SSLCertVerificationError):
        # Past the server's certificate an alert means ours; before it, that nothing was found in common.
        past = exc.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE" and bool(_sent(sock))
        return tls_faults.CLIENT_CERTIFICATE if past else by_reason(exc)
    try:
        return _Chain(_sent(sock), roots, sock.server_hostname or "").fault(exc)
    except ValueError:  # a certificate that OpenSSL can read and cryptography cannot
        return by_code(exc)


def by_code(exc: ssl.SSLCertVerificationError) -> Verdict:
    """Return the verdict on a certificate by OpenSSL's code alone."""
    if exc.verify_code in _CODES:
        return _CODES[exc.verify_code]
    cause = f"the server's certificate could not be verified: {exc.verify_message}"
    return Verdict("tls", cause, tls_faults.CHECK_CHAIN)


def _sent(sock: ssl.SSLSocket) -> list[bytes]:
    # Python has a public way to them from 3.13 on.
    chain = sock._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # noqa: SLF001
    return [one.public_bytes(2) for one in chain or ()]  # 2: DER


class _Chain:
    """The certificates that a server sent, its own first, and those that are trusted."""

    def __init__(self, sent: list[bytes], roots: Roots, host: str) -> None:
        from cryptography import x509

        self.sent = [x509.load_der_x509_certificate(one) for one in sent]
        self.from_connection, self.host = roots.from_connection, host
        self._file = roots.file

    def fault(self, exc: ssl.SSLCertVerificationError) -> Verdict:
        code = exc.verify_code
        faults: dict[int, Callable[[], Verdict]] = {
            **dict.fromkeys((_NOT_YET, _EXPIRED), self._out_of_time),
            _SELF_SIGNED: self._self_signed,
            _ROOT_SENT: self._foreign_root,
            **dict.fromkeys((*_NO_ISSUER, _SIGNATURE), self._no_issuer),
            **dict.fromkeys(_OTHER_NAME, self._other_name),
            _PURPOSE: self._purpose,
        }
        return faults[code]() if self.sent and code in faults else by_code(exc)

    def _trusted(self) -> list[Certificate]:
        from cryptography import x509

        if self._file is None:
            return []
        with open(self._file, "rb") as file:
            return x509.load_pem_x509_certificates(file.read())

    def _out_of_time(self) -> Verdict:
        now = datetime.now(UTC)
        issuers = {one.issuer for one in self.sent}
        roots = [one for one in self._trusted() if one.subject in issuers and one not in self.sent]
        for number, one in enumerate((*self.sent, *roots)):
            late, early = one.not_valid_after_utc < now, one.not_valid_before_utc > now
            if late or early:
                when = f"expired on {one.not_valid_after_utc:%Y-%m-%d}"
                when = when if late else f"is not valid before {one.not_valid_before_utc:%Y-%m-%d}"
                return self._bad_time(number, one, when, late=late)
        return tls_faults.EXPIRED

    def _bad_time(self, number: int, one: Certificate, when: str, *, late: bool) -> Verdict:
        name = _named(one.subject)
        if number == 0:
            usual = tls_faults.EXPIRED if late else tls_faults.NOT_YET
            return Verdict("tls", f"{usual.cause}: it {when}", usual.hint)
        cause = f"the certificate of the issuer {name} {when}, not the server's own"
        if number < len(self.sent):
            return Verdict("tls", cause, f"have the server send a certificate of {name} that is valid now")
        hint = f"give the certificate of {name} that is valid now as {tls_faults.ROOT_PARAMETER}"
        return Verdict(
            "tls", cause, hint if self.from_connection else "bring this machine's root certificates up to date"
        )

    def _self_signed(self) -> Verdict:
        if not self.from_connection:
            return tls_faults.SELF_SIGNED
        cause = f"{tls_faults.SELF_SIGNED.cause}, and it is not the one in {tls_faults.ROOT_PARAMETER}, {self._held()}"
        return Verdict("tls", cause, "compare the two: the server's certificate may have been made anew")

    def _foreign_root(self) -> Verdict:
        name = _named(self.sent[-1].subject)
        return self._untrusted(name, f"as {tls_faults.ROOT_PARAMETER}, once its owner has confirmed it")

    def _no_issuer(self) -> Verdict:
        last = self.sent[-1]
        name = _named(last.issuer)
        if any(one.subject == last.issuer for one in self._trusted()):
            cause = (
                f"the server's certificate comes from another {name} than the one that is trusted here: its key differs"
            )
            return Verdict(
                "tls", cause, f"give the certificate of {name} that is in use now as {tls_faults.ROOT_PARAMETER}"
            )
        return self._untrusted(
            name, f"as {tls_faults.ROOT_PARAMETER}; an intermediate should come from the server itself"
        )

    def _untrusted(self, name: str, rest: str) -> Verdict:
        cause = tls_faults.UNTRUSTED.cause or ""
        if not self.from_connection:
            return Verdict("tls", f"{cause}: {name}", f"give the certificate of {name} {rest}")
        missing = f"which the server did not send and {tls_faults.ROOT_PARAMETER} does not hold"
        cause = f"{cause}: {name}, {missing}, {self._held()}"
        hint = f"add the certificate of {name} there; an intermediate should come from the server itself"
        if any(_named(one.subject) == name for one in self.sent):
            cause = cause.replace("which the server did not send and", "which")
            hint = f"add the certificate of {name} there, or check that this is the right server"
        return Verdict("tls", cause, hint)

    def _held(self) -> str:
        names = [_named(one.subject) for one in self._trusted()]
        return f"where {_listed(names)} is" if names else "which is empty"

    def _other_name(self) -> Verdict:
        from cryptography import x509

        try:
            names_of = self.sent[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names = [str(one.value) for one in names_of if isinstance(one, x509.DNSName | x509.IPAddress)]
        except x509.ExtensionNotFound:
            names = []
        held = f"it is for {_listed([_shown(name) for name in names])}" if names else "it names no host at all"
        return Verdict("tls", f"{tls_faults.OTHER_NAME.cause}: {held}, not {self.host}", tls_faults.OTHER_NAME.hint)

    def _purpose(self) -> Verdict:
        from cryptography import x509
        from cryptography.x509.oid import ExtendedKeyUsageOID

        for number, one in enumerate(self.sent):
            try:
                usage = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            except x509.ExtensionNotFound:
                continue
            allowed = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
            if number and not allowed & set(usage):
                return Verdict(
                    "tls",
                    f"the issuer {_named(one.subject)} may not issue certificates of servers",
                    tls_faults.PURPOSE.hint,
                )
        return tls_faults.PURPOSE


def _named(name: Name) -> str:
    from cryptography.x509 import NameOID

    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        if attributes := name.get_attributes_for_oid(kind):
            return repr(_shown(str(attributes[-1].value)))
    return repr(_shown(name.rfc4514_string()))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + more


def _shown(text: str) -> str:
    return text if len(text) <= _MAX_NAME else f"{text[:_MAX_NAME]}…"
