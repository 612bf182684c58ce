"""Every type that is reached over a network, at a server of another kind: the test says which, and what to do."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from qualytics import connectors, probe
from qualytics.connectors.shared.protocols import protocols
from qualytics.probe.child.second_look import Seen, look
from qualytics.probe.egress import Policy
from testbed import relay
from tests.support import children, faults, other_servers
from tests.support import faults_suite as suite

pytestmark = pytest.mark.slow
LIMIT_S, SHORT_S = 30.0, 8.0
# What a type demands beside host, port, user and password.
NEEDED = {"oracle": {"service_name": "x"}}


def is_met_here(connector):
    """Say whether a host and a login are all a type needs beside that; the others speak HTTP to a host of their own."""
    return connector.kind != "embedded" and "port" in connector.fields and connector.type != "jdbc"


TYPES = [connector.type for connector in connectors.all_connectors() if is_met_here(connector)]


def is_own(type_, server):
    """Say whether a server speaks this type's protocol."""
    spoken = connectors.get(type_).protocols
    return server in {one.server for one in spoken}


# One that speaks first, one that waits for a line, one for a packet; all of them meet one type.
USUAL = ("a MySQL or MariaDB server", "an HTTP server", "a PostgreSQL server")
PAIRS = [
    (type_, server)
    for type_ in TYPES
    for server in (other_servers.ALL if type_ == "postgresql" else USUAL)
    if not is_own(type_, server)
]


def login(type_):
    return None if type_ in {"presto", "trino"} else "secret"


@pytest.mark.parametrize(("type_", "server"), PAIRS)
def test_a_server_of_another_kind_is_named(type_, server):
    with other_servers.ALL[server]() as port:
        report = suite.probe(type_, port, password=login(type_), timeout_s=LIMIT_S, **NEEDED.get(type_, {}))
    failure, title = report.failure, connectors.get(type_).title
    assert suite.verdict(report) == ("tls", "config"), (failure.message, failure.detail)
    assert failure.message == f"127.0.0.1:{port} is {server}, not {title}"
    assert failure.hint.startswith(f"this is {server}; ")
    assert (failure.retryable, failure.code, failure.detail) == (False, None, None)


def test_a_server_whose_words_the_driver_takes_for_a_length_is_none_of_its_type():
    # Out of memory, the driver ends its own process, unless the meter ends it before.
    with other_servers.ALL["a MongoDB server"]() as port:
        report = suite.probe("teradata", port, timeout_s=LIMIT_S)
    assert suite.verdict(report) == ("tls", "config"), (report.failure.message, report.failure.detail)


@pytest.mark.parametrize("type_", ["oracle", "postgresql", "sqlserver", "trino"])
def test_a_silent_port_is_told_from_one_that_drops(type_):
    options = {"password": login(type_), "timeout_s": SHORT_S, **NEEDED.get(type_, {})}
    with (
        faults.silent() as port,
        faults.dropping() as dropping,
        ThreadPoolExecutor(2) as threads,
    ):  # both take the limit
        reports = threads.map(lambda place: suite.probe(type_, place, **options), (port, dropping))
        silent, dropped = (report.failure for report in reports)
    title = connectors.get(type_).title
    assert (silent.stage, silent.failure_class) == ("tls", "timeout")
    said = f"accepted the connection but said nothing that {title} says; right port?"
    assert silent.message == f"127.0.0.1:{port} {said}"
    assert (dropped.stage, dropped.failure_class) == ("tcp", "timeout")
    assert dropped.message == f"127.0.0.1:{dropping} did not answer within {SHORT_S:g} s"


def test_a_server_that_is_silent_within_tls_is_told(certificate, root_file):
    with faults.silent() as silent, relay.relay(silent, certificate) as port:
        report = suite.probe("trino", port, password=None, timeout_s=SHORT_S, ssl_root_cert_file=str(root_file))
    assert suite.verdict(report) == ("login", "timeout")
    said = "accepted the connection and TLS but said nothing that Trino says; right port?"
    assert report.failure.message == f"127.0.0.1:{port} {said}"


@pytest.mark.parametrize(("type_", "server"), [("presto", "an HTTP server"), ("oracle", "an Oracle listener")])
def test_tls_where_none_is_spoken_is_told(certificate, type_, server):
    off = {"ssl_mode": "disable"} if type_ == "presto" else {"protocol": "TCP", "service_name": "x"}
    with other_servers.ALL[server]() as plain, relay.relay(plain, certificate) as port:
        report = suite.probe(type_, port, password=login(type_), timeout_s=LIMIT_S, **off)
    assert report.failure.failure_class == "tls", report.failure.message
    assert report.failure.message == f"127.0.0.1:{port} speaks TLS, and these settings do not"
    assert report.failure.hint == "set ssl_mode to verify in --parameters"


def test_an_https_server_is_no_postgresql(certificate):
    with other_servers.ALL["an HTTP server"]() as plain, relay.relay(plain, certificate) as port:
        report = suite.probe("postgresql", port, timeout_s=LIMIT_S)
    assert suite.verdict(report) == ("tls", "config")
    assert report.failure.message == f"127.0.0.1:{port} is an HTTPS server, not PostgreSQL"


def test_http_without_tls_is_told_to_a_type_of_https():
    with other_servers.ALL["an HTTP server"]() as port:
        report = suite.probe("databricks", port, timeout_s=LIMIT_S, http_path="/sql/1.0/warehouses/x")
    assert suite.verdict(report) == ("tls", "config")
    assert report.failure.message == f"127.0.0.1:{port} is an HTTP server without TLS"


@pytest.mark.parametrize(
    ("banner", "server"),
    [
        (b"220 vault-7.internal ESMTP token=hunter2\r\n", "an SMTP server"),
        (b"SSH-2.0-hunter2 vault-7.internal\r\n", "an SSH server"),
        (b"HTTP/1.1 500 hunter2\r\nServer: vault-7.internal\r\n\r\n", "an HTTP server"),
        (b"vault-7.internal hunter2 speaks its own tongue\r\n", None),
    ],
)
@pytest.mark.parametrize("type_", ["mysql", "oracle", "postgresql", "redshift", "sqlserver"])
def test_a_banner_of_another_server_is_never_repeated(type_, banner, server):
    with faults.garbage(banner) as port:
        report = suite.probe(type_, port, timeout_s=LIMIT_S, **NEEDED.get(type_, {}))
    assert suite.verdict(report) == ("tls", "config")
    assert (server or "another protocol") in report.failure.message
    said = f"{vars(report)} {vars(report.failure)}"
    assert not [word for word in ("hunter2", "vault-7", "tongue") if word in said]


def test_a_look_goes_to_the_address_that_was_dialled_and_asks_no_name():
    target = suite.target("postgresql", host="no-such-host.invalid", protocols=connectors.get("postgresql").protocols)
    with other_servers.ALL["a Redis server"]() as port:
        target.name, target.address, target.port = "no-such-host.invalid", "127.0.0.1", port
        assert look(target).protocol.server == "a Redis server"


def test_a_target_that_the_policy_forbids_is_not_looked_at():
    with suite.untouched() as port:
        values = {"host": "127.0.0.1", "port": port, "username": "ann", "parameters": {}}
        plan = probe.Plan("postgresql", values, {}, LIMIT_S, policy=Policy((), ()))
        report = children.run(plan)
    assert suite.verdict(report) == ("resolve", "blocked")


def test_what_a_look_sends_holds_nothing_of_the_connection():
    heard = []

    def behave(peer, over):
        peer.settimeout(0.2)
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                if not (chunk := peer.recv(4_096)):
                    return
                heard.append(chunk)

    target = suite.target("trino", username="ann", password="hunter2", protocols=connectors.get("trino").protocols)
    with faults.serving(behave) as port:
        target.address, target.port = "127.0.0.1", port
        assert look(target) == Seen(is_silent=True)
    assert len(heard) >= len([one for one in protocols() if one.question])
    assert not [word for word in (b"ann", b"hunter2", b"example") if word in b"".join(heard)]
