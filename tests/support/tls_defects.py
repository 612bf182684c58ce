"""Servers whose certificate, or whose TLS, has a defect, on each wire."""

from __future__ import annotations

import datetime as dt
import functools
import socket
import ssl
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support import faults

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
HOST = "localhost"
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: object

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


@functools.cache
def weak_key():
    return rsa.generate_private_key(65_537, 1_024)


def issue(name, issuer=None, *, ca=False, days=(-30, 30), **more):
    """Return a certificate; `hosts`, `usage`, `key` and `only` (a name constraint) may differ."""
    key = more.get("key") or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    above = issuer or Issued(None, key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + days[0] * DAY)
        .not_valid_after(NOW + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if not ca:
        hosts = [x509.DNSName(host) for host in more.get("hosts", (HOST,))]
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    if usage := more.get("usage"):
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if only := more.get("only"):
        allowed = x509.NameConstraints([x509.DNSName(only)], None)
        builder = builder.add_extension(allowed, critical=True)
    return Issued(builder.sign(above.key, hashes.SHA256()), key)


@dataclass(frozen=True)
class Case:
    """What a server shows, and what a test that trusts `given` makes of it."""

    sent: tuple[Issued, ...]
    given: Issued
    cause: str
    hint: str


NAMES = (
    *(
        "leaf-expired",
        "leaf-not-yet",
        "other-host",
        "no-host",
        "self-signed",
        "unknown-root",
        "unknown-root-sent",
        "twin-root",
    ),
    *(
        "no-intermediate",
        "intermediate-expired",
        "root-expired",
        "wrong-usage",
        "issuer-wrong-usage",
        "no-authority",
        "constrained",
        "weak-key",
        "weak-issuer",
    ),
)


@functools.cache
def cases() -> dict[str, Case]:
    """Return each defect by its name."""
    root = issue("Test Root", ca=True)
    middle = issue("Test Intermediate", root, ca=True)
    other = issue("Other Root", ca=True)
    twin = issue("Test Root", ca=True)
    old_root = issue("Old Root", ca=True, days=(-60, -2))
    below_old = issue("Below Old", old_root, ca=True)
    old_middle = issue("Old Intermediate", root, ca=True, days=(-60, -2))
    no_ca = issue("No Authority", root, hosts=())
    clients_only = issue("Clients Only", root, ca=True, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    narrow = issue("Narrow", root, ca=True, only="example.org")
    weak_middle = issue("Weak Intermediate", root, ca=True, key=weak_key())
    alone = issue(HOST)
    authority = "a certificate authority that is not trusted here"

    def leaf(issuer=middle, **more):
        return issue("leaf", issuer, **more)

    return {
        "leaf-expired": Case((leaf(days=(-9, -2)), middle), root, f"the server's certificate has expired: it expired on {NOW - 2 * DAY:%Y-%m-%d}", "renew it"),
        "leaf-not-yet": Case((leaf(days=(2, 9)), middle), root, f"is not valid yet: it is not valid before {NOW + 2 * DAY:%Y-%m-%d}", "clock"),
        "other-host": Case((leaf(hosts=("a.example", "b.example")), middle), root, f"another host name: it is for a.example, b.example, not {HOST}", "name that is in the certificate"),
        "no-host": Case((leaf(hosts=()), middle), root, "another host name", "have one issued for this host"),
        "self-signed": Case((alone,), root, "is self-signed, and it is not the one in ssl_root_cert_file, where 'Test Root' is", "compare"),
        "unknown-root": Case((leaf(), middle), other, f"{authority}: 'Test Root', which the server did not send and ssl_root_cert_file does not hold, where 'Other Root' is", "'Test Root'"),
        "unknown-root-sent": Case((leaf(), middle, root), other, f"{authority}: 'Test Root', which ssl_root_cert_file does not hold, where 'Other Root' is", "'Test Root'"),
        "twin-root": Case((leaf(), middle), twin, "another 'Test Root' than the one that is trusted here", "'Test Root' that is in use now"),
        "no-intermediate": Case((leaf(),), root, f"{authority}: 'Test Intermediate', which the server did not send", "an intermediate should come from the server itself"),
        "intermediate-expired": Case((leaf(old_middle), old_middle), root, "the certificate of the issuer 'Old Intermediate' expired on", "have the server send"),
        "root-expired": Case((leaf(below_old), below_old), old_root, "the certificate of the issuer 'Old Root' expired on", "give the certificate of 'Old Root' that is valid now"),
        "wrong-usage": Case((leaf(usage=ExtendedKeyUsageOID.CLIENT_AUTH), middle), root, "is not meant for servers", "serverAuth"),
        "issuer-wrong-usage": Case((leaf(clients_only, usage=SERVER_AUTH), clients_only), root, "'Clients Only' may not issue certificates of servers", "serverAuth"),
        "no-authority": Case((leaf(no_ca), no_ca), root, "not one of an authority", "by an authority"),
        "constrained": Case((leaf(narrow), narrow), root, "may not issue one for this name", "by an authority that may"),
        "weak-key": Case((leaf(key=weak_key()), middle), root, "too short to be safe", "2,048 bits"),
        "weak-issuer": Case((leaf(weak_middle), weak_middle), root, "too short to be safe", "2,048 bits"),
    }  # fmt: skip


def context_of(sent, **options):
    """Return a server's context that shows these certificates, however weak."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(options.get("ciphers", "ALL:@SECLEVEL=0"))
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "chain.pem")
        key = sent[0].key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(b"".join(one.pem for one in sent) + key)
        context.load_cert_chain(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the old versions, which some servers still speak
        for name in ("minimum_version", "maximum_version", "verify_mode"):
            if name in options:
                setattr(context, name, options[name])
    if context.verify_mode != ssl.CERT_NONE:
        context.load_verify_locations(cadata=sent[-1].pem.decode())
    return context


def _nothing(_peer):
    pass


def _postgresql(peer):
    peer.recv(8)
    peer.sendall(b"S")


def _mysql(peer):
    # MySQL protocol, "HandshakeV10": PLUGIN_AUTH, SECURE_CONNECTION, SSL, PROTOCOL_41.
    greeting = b"\x0a8.0.0\0" + b"\1\0\0\0" + b"abcdefgh\0" + b"\x00\xaa" + b"\x21" + b"\2\0" + b"\x08\x00"
    greeting += b"\x15" + b"\0" * 10 + b"abcdefghijkl\0" + b"mysql_native_password\0"
    peer.sendall(len(greeting).to_bytes(3, "little") + b"\0" + greeting)
    peer.recv(36)


PREAMBLES = {"postgresql": _postgresql, "timescale": _postgresql, "redshift": _postgresql}
PREAMBLES |= {"mysql": _mysql, "mariadb": _mysql}


ALPN = {"dremio": "h2"}  # gRPC's own condition


def serving(type_, context, host="127.0.0.1"):
    """Serve TLS as servers of a type begin it; what comes then is read, and the connection closed."""
    before = PREAMBLES.get(type_, _nothing)
    if type_ in ALPN:
        context.set_alpn_protocols([ALPN[type_]])

    def behave(peer: socket.socket, _over) -> None:
        peer.settimeout(3)
        if peer.recv(1, socket.MSG_PEEK) if before is not _mysql else True:
            before(peer)
            with context.wrap_socket(peer, server_side=True) as secure:
                secure.recv(65_536)

    return faults.serving(behave, host)
