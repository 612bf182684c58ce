"""Ways of logging in that PostgreSQL may ask for: each is named, and none is met by less encryption."""

import contextlib
import socket
import ssl
import threading

import pytest

from testbed import servers
from tests.support import faults
from tests.support.trial import outcome, trial

RULES = """
hostssl kerberos    all all gss
hostssl certificate all all cert
hostssl double      all all scram-sha-256 clientcert=verify-full
hostssl ident       all all ident
hostssl ldap        all all ldap ldapserver=127.0.0.1 ldapport=1 ldapprefix=x
"""
DATABASES = ("kerberos", "certificate", "double", "ident", "ldap")


@pytest.fixture(scope="module")
def server(authority, certificate):
    """Run a PostgreSQL with TLS, and a database for each way of logging in."""
    with servers.server_directory("ca") as place:
        roots = place / "roots.pem"
        authority.cert_pem.write_to_path(str(roots))
        servers.own(roots)
        with servers.postgres(certificate, RULES, ssl_ca_file=str(roots)) as running:
            with servers.postgres_admin(running) as admin:
                admin.execute("create role app login password 'secret 1'")
                for database in DATABASES:
                    admin.execute(f"create database {database}")
            yield running


def asked(server, root_file, database=None, kind="postgresql", **change):
    settings = {"username": "app", "password": "secret 1", "ssl_root_cert_file": str(root_file), "ssl_mode": "verify"}
    return trial(kind, server.port, **settings | change, place=(database, None))


def check(report, wanted, word):
    assert outcome(report) == ("login", wanted)
    assert word in report.failure.message
    # What to do is never to encrypt less.
    assert "disable" not in report.failure.hint
    assert "ssl_mode" not in report.failure.hint


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["postgresql", "timescale"])
@pytest.mark.parametrize(
    ("database", "wanted", "word"),
    [
        ("kerberos", "config", "Kerberos"),
        ("certificate", "tls", "client certificate"),
        ("double", "tls", "client certificate"),
        ("ident", "auth", "ident"),
        ("ldap", "auth", "refused"),
    ],
)
def test_postgresql_over_verified_tls_says_what_it_asks_for(server, root_file, kind, database, wanted, word):
    check(asked(server, root_file, database, kind), wanted, word)


@pytest.mark.servers
def test_a_certificate_that_is_demanded_is_told_before_the_password_counts(server, root_file):
    check(asked(server, root_file, "double", password="wrong"), "tls", "client certificate")


def ask_for(code):
    """Answer a startup packet over plain TCP with a request for one way of logging in (AuthenticationRequest)."""

    def behave(peer, over):
        question = peer.recv(8)
        if question == b"\0\0\0\x08\x04\xd2\x16\x2f":  # SSLRequest
            peer.sendall(b"N")
        peer.recv(4_096)
        peer.sendall(b"R" + (8).to_bytes(4) + code.to_bytes(4))
        over.wait()

    return faults.serving(behave)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgresql", "redshift"])
@pytest.mark.parametrize(
    ("code", "word"),
    [(2, "offered"), (6, "offered"), (7, "Kerberos"), (9, "Kerberos")],
    ids=["kerberos 5", "scm", "gss", "sspi"],
)
def test_each_request_for_kerberos_is_named(kind, code, word):
    with ask_for(code) as port:
        check(trial(kind, port, ssl_mode="auto"), "config", word)


@contextlib.contextmanager
def between(server, authority):
    """Run what ends TLS and begins another to the server, as some proxies do; yield its port."""
    issued = authority.issue_cert("localhost", "127.0.0.1")
    front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(front)
    back = ssl.create_default_context()
    authority.configure_trust(back)

    def pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def behave(peer, _over):
        question = peer.recv(8)
        with socket.create_connection((server.host, server.port)) as dialled:
            dialled.sendall(question)
            peer.sendall(dialled.recv(1))
            with (
                front.wrap_socket(peer, server_side=True) as near,
                back.wrap_socket(dialled, server_hostname="localhost") as far,
            ):
                back_again = threading.Thread(target=pump, args=(far, near))
                back_again.start()
                pump(near, far)
                back_again.join()

    with faults.serving(behave) as port:
        yield port


@pytest.mark.servers
def test_scram_with_channel_binding_finds_who_stands_between(server, root_file, authority):
    with between(server, authority) as port:
        report = trial(
            "postgresql",
            port,
            username="app",
            password="secret 1",
            ssl_root_cert_file=str(root_file),
            ssl_mode="verify",
        )
    check(report, "tls", "between")
