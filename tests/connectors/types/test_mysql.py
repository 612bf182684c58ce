"""MySQL and MariaDB: every way in which a login succeeds or fails, on real servers and on scripted ones."""

import contextlib
import functools
import itertools
import socket
import threading

import pymysql
import pytest

from qualytics import probe
from qualytics.connectors.types.mysql import CONNECTOR
from testbed import servers
from tests.support import faults, pins
from tests.support import faults_suite as suite
from tests.support.trial import outcome, trial

# A file, a second host, a library, a statement, TLS off, an identity that lies around, a secret in the clear.
DANGEROUS = {
    "local_infile": True,
    "read_default_file": "/root/.my.cnf",
    "unix_socket": "/var/run/docker.sock",
    "bind_address": "10.0.0.1",
    "init_command": "drop table t",
    "auth_plugin_map": {"dialog": "evil"},
    "plugin_dir": "/tmp/evil",
    "allow_load_local_infile": True,
    "ssl_disabled": True,
    "ssl_key": "/etc/ssl/private/key.pem",
    "server_public_key": "-----BEGIN PUBLIC KEY-----",
    "passwd": "in clear",
    "host": "169.254.169.254",
}

names = (f"account_{number}" for number in itertools.count())
PASSWORD = "the canary password"


@pytest.fixture
def admin(mariadb_server):
    with contextlib.closing(servers.mariadb_admin(mariadb_server)) as connection, connection.cursor() as cursor:
        yield cursor


@pytest.fixture
def account(admin):
    """Return a function that makes an account with password `secret 1` for the length of a test."""
    with contextlib.ExitStack() as stack:

        def make(options=""):
            name = next(names)
            admin.execute(f"create user {name}@'%' identified by 'secret 1' {options}")
            stack.callback(admin.execute, f"drop user {name}@'%'")
            return name

        yield make


@pytest.fixture
def tested(mariadb_server, root_file):
    """Return a function that tests the server as its administrator, unless told otherwise."""

    def call(type_="mariadb", **settings):
        given = {"username": mariadb_server.user, "password": mariadb_server.password}
        given |= {"ssl_root_cert_file": str(root_file)} if "ssl_mode" not in settings else {}
        return trial(type_, mariadb_server.port, **(given | settings))

    return call


@pytest.mark.parametrize("type_", ["mysql", "mariadb"])
def test_a_login_is_described(tested, mariadb_server, type_):
    report = tested(type_)
    assert outcome(report) is None
    assert report.detected["product_name"] == "MariaDB"
    assert report.detected["product_version"].replace(".", "").isdecimal()
    assert report.detected["driver_name"] == "PyMySQL"
    assert report.address == f"127.0.0.1:{mariadb_server.port}"


def test_a_test_is_one_connection(tested, admin):
    def attempts():
        admin.execute("show global status where variable_name in ('Connections', 'Aborted_connects')")
        return {name: int(count) for name, count in admin.fetchall()}

    before = attempts()
    assert outcome(tested()) is None
    after = attempts()
    assert after["Connections"] - before["Connections"] == 1
    assert after["Aborted_connects"] == before["Aborted_connects"]


def test_a_wrong_password_or_user_is_refused_at_the_login(tested):
    assert outcome(tested(password="wrong")) == ("login", "auth")
    assert outcome(tested(password=None)) == ("login", "auth")
    assert outcome(tested(password="")) == ("login", "auth")
    assert outcome(tested(username="nobody at all")) == ("login", "auth")


def test_an_account_that_demands_tls_gets_it_and_is_refused_without_it(tested, account):
    name = account("require ssl")
    assert outcome(tested(username=name, password="secret 1")) is None
    report = tested(username=name, password="secret 1", ssl_mode="disable")
    # MariaDB's words are those for a wrong password, so the class is; the hint tells of the other reason.
    assert outcome(report) == ("login", "auth")
    assert "ssl_mode=auto" in report.failure.hint
    assert "Access denied" in report.failure.detail


def test_a_server_that_demands_tls_in_so_many_words_is_class_tls():
    verdict = CONNECTOR.classify(pymysql.OperationalError(3159, "Connections using insecure transport are prohibited"))
    assert (verdict.failure_class, verdict.cause) == ("tls", "the server demands TLS")


def test_a_database_is_found_unknown_or_forbidden(tested, account, admin):
    assert outcome(tested(place=("sales", None))) is None
    unknown = tested(place=("no such database", None))
    assert outcome(unknown) == ("database", "unknown_db")
    assert [stage.name for stage in unknown.stages if stage.ok] == ["resolve", "tcp", "tls", "login"]
    forbidden = tested(username=account(), password="secret 1", place=("sales", None))
    assert outcome(forbidden) == ("database", "permission")


@pytest.mark.parametrize("name", ["a` b", "host=127.0.0.9", "quo'te\"", "naïve"])
def test_a_database_with_an_awkward_name_is_found(tested, admin, name):
    quoted = "`" + name.replace("`", "``") + "`"
    admin.execute(f"create database {quoted}")
    try:
        assert outcome(tested(place=(name, None))) is None
    finally:
        admin.execute(f"drop database {quoted}")


def test_an_expired_password_and_a_locked_account_are_class_auth(tested, account):
    expired = tested(username=account("password expire"), password="secret 1")
    assert expired.failure.failure_class == "auth"
    assert expired.failure.message == "the account's password has expired"
    locked = tested(username=account("account lock"), password="secret 1")
    assert outcome(locked) == ("login", "auth")
    assert locked.failure.message == "the account is locked"


def test_an_account_at_its_limit_is_a_quota(tested, account, mariadb_server):
    name = account("with max_user_connections 1")
    login = {"host": mariadb_server.host, "port": mariadb_server.port, "user": name, "password": "secret 1"}
    with contextlib.closing(pymysql.connect(**login, ssl_disabled=True)):
        report = tested(username=name, password="secret 1")
    assert outcome(report) == ("login", "quota")
    assert report.failure.retryable


def test_a_server_that_is_full_is_a_quota(tested, account, admin, mariadb_server):
    name = account()
    login = {"host": mariadb_server.host, "port": mariadb_server.port, "user": name, "password": "secret 1"}
    admin.execute("select @@max_connections")
    (usual,) = admin.fetchone()
    admin.execute("set global max_connections = 10")
    try:
        with contextlib.ExitStack() as stack:
            with pytest.raises(pymysql.OperationalError, match="Too many connections"):  # noqa: PT012
                while True:
                    stack.enter_context(contextlib.closing(pymysql.connect(**login, ssl_disabled=True)))
            report = tested(username=name, password="secret 1")
    finally:
        admin.execute(f"set global max_connections = {usual}")
    assert outcome(report) == ("login", "quota")
    assert report.failure.message == "the server has too many connections"


def test_an_account_of_another_plugin_is_told_as_such(tested, admin, account):
    name = account()
    admin.execute("install soname 'auth_ed25519'")
    try:
        admin.execute(f"alter user {name}@'%' identified via ed25519 using password('secret 1')")
        report = tested(username=name, password="secret 1")
    finally:
        admin.execute(f"alter user {name}@'%' identified by 'x'")
        admin.execute("uninstall soname 'auth_ed25519'")
    assert outcome(report) == ("login", "config")
    assert report.failure.message == "the account's authentication plugin is not supported"


def test_nothing_of_the_users_surroundings_lets_a_test_in(tested, mariadb_server, tmp_path, monkeypatch):
    (tmp_path / ".my.cnf").write_text(f"[client]\nuser={mariadb_server.user}\npassword={mariadb_server.password}\n")
    surroundings = {"HOME": str(tmp_path), "MYSQL_PWD": mariadb_server.password, "MYSQL_HOST": "127.0.0.9"}
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    assert outcome(tested(password=None, run=probe.run)) == ("login", "auth")
    assert outcome(tested(username=None, run=probe.run)) == ("login", "config")
    assert outcome(tested(run=probe.run)) is None


# What follows is said by a server of ours, packet by packet (MySQL Source Code Documentation, "Connection Phase").

PLUGIN_AUTH, SECURE_CONNECTION, PROTOCOL_41, CONNECT_WITH_DB = 0x80000, 0x8000, 0x200, 8
CAPABILITIES = PLUGIN_AUTH | SECURE_CONNECTION | PROTOCOL_41 | CONNECT_WITH_DB
OK = b"\0\0\0\2\0\0\0"


def packet(number, payload):
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def greeting(plugin=b"mysql_native_password", version=b"8.0.36", capabilities=CAPABILITIES):
    low, high = (capabilities & 0xFFFF).to_bytes(2, "little"), (capabilities >> 16).to_bytes(2, "little")
    head = b"\x0a" + version + b"\0" + b"\1\0\0\0" + b"saltsalt\0"
    return packet(0, head + low + b"\x2d\2\0" + high + b"\x15" + bytes(10) + b"saltsaltsalt\0" + plugin + b"\0")


@contextlib.contextmanager
def scripted(*answers, first=None):
    """Serve one packet after each that the client sends; yield the port and the bytes that the client sent."""
    heard = bytearray()
    done = threading.Event()

    def behave(peer, over):
        peer.sendall(greeting() if first is None else first)
        for answer in answers:
            heard.extend(peer.recv(65_536))
            peer.sendall(answer)
        while more := peer.recv(65_536):
            heard.extend(more)
        done.set()

    with faults.serving(behave) as port:
        yield port, heard
        assert done.wait(60)


def plain(port, **settings):
    return trial("mysql", port, password=PASSWORD, **settings)


def switch_to(plugin):
    return packet(2, b"\xfe" + plugin + b"\0" + b"s" * 20 + b"\0")


@pytest.mark.slow
def test_the_login_goes_over_the_dialled_socket_whatever_the_name_means():
    with (
        scripted(packet(2, b"\xff\x15\x04#28000denied")) as (port, heard),
        socket.create_connection(("127.0.0.1", port)) as sock,
        pytest.raises(pymysql.OperationalError),
    ):
        CONNECTOR.open(suite.target("mysql", host=pins.NOWHERE, port=port, sock=sock, tls=suite.plain()))
    assert CONNECTOR.pinned == "socket"
    assert b"ann\0" in heard


@pytest.mark.parametrize("type_", ["mysql", "mariadb"])
@pytest.mark.parametrize("key", DANGEROUS)
def test_a_dangerous_parameter_is_refused_before_any_packet(run, type_, key):
    suite.check_refused(run, type_, {key: DANGEROUS[key]}, key)


@pytest.mark.slow
@pytest.mark.parametrize("plugin", [b"mysql_clear_password", b"dialog", b"sha256_password", b"mysql_old_password"])
def test_a_password_is_never_given_away_over_a_plain_connection_in_auto(plugin):
    with scripted(switch_to(plugin)) as (port, heard):
        report = plain(port)
    assert outcome(report) == ("login", "tls")
    assert "ssl_mode=disable" in report.failure.hint
    assert PASSWORD.encode() not in heard


@pytest.mark.slow
def test_a_clear_password_is_sent_where_plain_was_asked_for():
    with scripted(switch_to(b"mysql_clear_password"), packet(4, b"\xff\x15\x04#28000denied")) as (port, heard):
        report = plain(port, ssl_mode="disable")
    assert outcome(report) == ("login", "auth")
    assert PASSWORD.encode() in heard


@pytest.mark.slow
@pytest.mark.parametrize("switched", [False, True])
def test_caching_sha2_sends_no_more_than_a_hash_over_a_plain_connection_in_auto(switched):
    full = packet(4 if switched else 2, b"\1\4")
    answers = (switch_to(b"caching_sha2_password"), full) if switched else (full,)
    with scripted(*answers, first=None if switched else greeting(b"caching_sha2_password")) as (port, heard):
        report = plain(port)
    assert outcome(report) == ("login", "tls")
    assert PASSWORD.encode() not in heard
    assert not heard.endswith(b"\2")  # nor was a key asked for, under which to send it


@pytest.mark.slow
@pytest.mark.parametrize("switched", [False, True])
def test_caching_sha2_lets_in_where_the_hash_is_enough(switched):
    number = 4 if switched else 2
    fast = packet(number, b"\1\3") + packet(number + 1, OK)
    answers = (switch_to(b"caching_sha2_password"), fast) if switched else (fast,)
    column = packet(2, b"\3def\0\0\0\7version\0\x0c\x2d\0\xff\0\0\0\xfd\0\0\x1f\0\0")
    rows = (
        packet(1, b"\1")
        + column
        + packet(3, b"\xfe\0\0\2\0")
        + packet(4, b"\x0a8.0.36-abc")
        + packet(5, b"\xfe\0\0\2\0")
    )
    first = None if switched else greeting(b"caching_sha2_password")
    with scripted(*answers, packet(1, OK), rows, first=first) as (port, _):
        report = plain(port)
    assert outcome(report) is None, report.failure.detail
    assert (report.detected["product_name"], report.detected["product_version"]) == ("MySQL", "8.0.36")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["auto", "verify", "disable"])
@pytest.mark.parametrize(
    ("number", "words", "expected"),
    [
        (1040, "Too many connections", "quota"),
        (1129, "Host '10.0.0.9' is blocked because of many connection errors", "permission"),
        (1130, "Host '10.0.0.9' is not allowed to connect to this MySQL server", "permission"),
    ],
)
def test_an_error_in_place_of_a_greeting_is_understood(number, words, expected, mode):
    error = packet(0, b"\xff" + number.to_bytes(2, "little") + words.encode())
    with scripted(first=error) as (port, _):
        report = plain(port, ssl_mode=mode)
    assert report.failure.failure_class == expected
    assert words in report.failure.detail


@pytest.mark.slow
def test_a_server_may_not_ask_for_a_file():
    asked = packet(1, b"\xfb/etc/passwd")
    with scripted(packet(2, OK), packet(1, OK), asked) as (port, heard):
        report = plain(port)
    assert outcome(report) == ("query", "config")
    assert "asked for a file" in report.failure.message
    assert b"root:" not in heard


@pytest.mark.slow
@pytest.mark.parametrize(
    "first",
    [
        packet(0, b"\x0a8.0.36"),  # a greeting that ends before it says anything
        packet(0, b"\x0a" + b"8" * 400),  # a version without an end
        packet(0, b"\x09" + b"3.20\0" + b"\0" * 20),  # the protocol before 3.21
        packet(7, b"\x0a8.0.36\0" + b"\0" * 40),  # not the first packet
        b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    ],
)
def test_a_first_packet_that_is_no_greeting_is_another_protocol(first):
    with scripted(first=first) as (port, _):
        assert outcome(plain(port)) == ("tls", "config")


@pytest.mark.slow
def test_a_greeting_that_is_cut_off_is_a_broken_connection():
    with faults.serving(lambda peer, _over: peer.sendall(greeting()[:20])) as port:
        assert outcome(plain(port)) == ("tls", "network")


@pytest.mark.slow
@pytest.mark.parametrize("answer", [packet(9, b"nonsense"), packet(2, b"nonsense"), packet(2, b""), packet(2, b"\xff")])
def test_nonsense_after_the_greeting_is_another_protocol(answer):
    with scripted(answer) as (port, _):
        assert outcome(plain(port)) == ("login", "config")


@pytest.mark.slow
def test_silence_after_the_greeting_is_a_timeout_of_the_stage_it_comes_in():
    for capabilities, stage in ((CAPABILITIES, "login"), (CAPABILITIES | 0x800, "tls")):
        silent = functools.partial(faults.garbage, greeting(capabilities=capabilities))
        report = suite.meet(silent, "timeout", lambda port, limit_s: plain(port, timeout_s=limit_s))
        assert outcome(report) == (stage, "timeout")


def test_a_number_that_nobody_knows_is_told_and_other_exceptions_are_none_of_the_drivers():
    verdict = CONNECTOR.classify(pymysql.OperationalError(5999, "new"))
    assert (verdict.failure_class, verdict.code) == ("unknown", "5999")
    assert CONNECTOR.classify(OSError("not the driver's")) is None


def error(number, words, at):
    state = b"#HY000" if at else b""
    return packet(at, b"\xff" + number.to_bytes(2, "little") + state + words.encode())


BUSY = [
    (1040, "Too many connections", "quota"),
    (1047, "WSREP has not yet prepared node for application use", "transient"),
    (1053, "Server shutdown in progress", "transient"),
    (1203, "User app already has more than 'max_user_connections' active connections", "quota"),
    (1226, "User 'app' has exceeded the 'max_user_connections' resource (current value: 1)", "quota"),
    (2003, "Can't connect to remote MySQL server for client connected to '127.0.0.1:6446'", "transient"),
    (3032, "The server is currently in offline mode", "transient"),
    (9001, "Max connect timeout reached while reaching hostgroup 1 after 10000ms", "timeout"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "words", "expected"), BUSY)
def test_a_server_or_proxy_that_is_busy_is_told_as_such(number, words, expected):
    with scripted(error(number, words, 2)) as (port, _):
        report = plain(port, ssl_mode="disable")
    assert outcome(report) == ("login", expected)
    assert report.failure.retryable
    assert words in report.failure.detail


@pytest.mark.slow
def test_a_server_that_is_busy_may_say_so_before_the_login_or_at_the_query():
    number, words, expected = BUSY[-1]
    with scripted(first=error(number, words, 0)) as (port, _):
        assert outcome(plain(port, ssl_mode="disable")) == ("login", expected)
    with scripted(packet(2, OK), packet(1, OK), error(number, words, 1)) as (port, _):
        assert outcome(plain(port, ssl_mode="disable")) == ("query", expected)
