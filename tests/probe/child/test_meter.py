"""Answers without end, or much larger than they look: the test ends soon, says why, and never holds much memory."""

from __future__ import annotations

import contextlib
import gzip
import os
import ssl
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import pytest

from qualytics import probe
from qualytics.probe.child import meter
from qualytics.probe.parent.pool import Pool
from qualytics.secret import Secret
from tests.support import faults
from tests.support.processes import descendants

pytestmark = pytest.mark.slow

LIMIT_S = 120.0
TOO_LARGE = "the answer is larger than 64 MiB: no test needs that much"
# What a test may hold, and what comes in between two looks.
MAX_BYTES = meter.MAX_HELD_BYTES + (192 << 20)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n%s\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


@contextlib.contextmanager
def https(certificate, answer):
    """Answer each request with `answer(peer, over)`, over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain, key = certificate
    with chain[0].tempfile() as chain_file, key.tempfile() as key_file:
        context.load_cert_chain(chain_file, key_file)

    def behave(peer, over):
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(peer, server_side=True) as secure:
            while secure.recv(65_536):
                answer(secure, over)

    with faults.serving(behave) as port:
        yield port


def json_without_end(peer, over):
    peer.sendall(HEAD % (b"application/json", CHUNKED) + chunk(b'{"data": [' + b"[1]," * 1_000))
    more = chunk(b'["a value that is no secret"],' * 8_192)
    while not over.is_set():
        peer.sendall(more)


def xml_without_end(peer, over):
    begin = b'<?xml version="1.0"?><ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>'
    peer.sendall(HEAD % (b"application/xml", CHUNKED) + chunk(begin))
    more = chunk(b"<Contents><Key>a key</Key><Size>1</Size></Contents>" * 4_096)
    while not over.is_set():
        peer.sendall(more)


def header_without_end(peer, over):
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.is_set():
        peer.sendall(b"X-A: " + b"b" * 60_000 + b"\r\n")


def line_without_end(peer, over):
    peer.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
    while not over.is_set():
        peer.sendall(b"b" * 60_000)


@contextlib.contextmanager
def most_memory():
    """Give a list that has the largest amount of memory in it that any process of a test held."""
    found, over = [0], threading.Event()
    before = descendants(os.getpid())

    def look():
        while not over.wait(0.01):
            for pid in descendants(os.getpid()) - before:
                with contextlib.suppress(OSError):
                    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                    found[0] = max(found[0], pages * os.sysconf("SC_PAGE_SIZE"))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        over.set()
        looking.join()


def bounded(plan):
    """Run a test, and check its time and its memory."""
    began = time.monotonic()
    with most_memory() as most:
        report = probe.run(plan)
    assert time.monotonic() - began < LIMIT_S
    assert most[0] < MAX_BYTES, f"{most[0] >> 20} MiB"
    return report.failure


def web_plan(type_, port, root_file):
    parameters = {"ssl_root_cert_file": str(root_file)}
    values = {"host": "localhost", "port": port, "username": "app", "parameters": parameters}
    return probe.Plan(type_, values, {"password": Secret("a password of nobody")}, LIMIT_S)


def store_plan(type_, port, root_file):
    place = {"s3": "s3://bucket", "abfs": "abfss://box@account.dfs.core.windows.net"}[type_]
    parameters = {"endpoint_url": f"https://localhost:{port}", "ssl_root_cert_file": str(root_file)}
    secrets = {"secret_key": Secret("QUJD" * 8)}
    values = {"uri": place, "parameters": parameters}
    if type_ == "s3":
        parameters["region"] = "us-east-1"
        secrets["access_key"] = Secret("SOMEBODY")
    else:
        values["access_key"] = "account"
    return probe.Plan(type_, values, secrets, LIMIT_S)


@pytest.mark.parametrize("type_", ["trino", "presto", "databricks_native"])
def test_an_answer_over_http_without_end_is_larger_than_any(certificate, root_file, type_):
    with https(certificate, json_without_end) as port:
        failure = bounded(web_plan(type_, port, root_file))
    assert (failure.failure_class, failure.message) == ("config", TOO_LARGE)


@pytest.mark.parametrize("type_", ["s3", "abfs"])
def test_an_object_store_that_lists_without_end_is_ended(certificate, root_file, type_):
    with https(certificate, xml_without_end) as port:
        failure = bounded(store_plan(type_, port, root_file))
    assert (failure.failure_class, failure.message) == ("config", TOO_LARGE)


@pytest.mark.parametrize("type_", ["trino", "presto", "databricks_native"])
@pytest.mark.parametrize("answer", [header_without_end, line_without_end])
def test_headers_without_end_are_ended(certificate, root_file, type_, answer):
    with https(certificate, answer) as port:
        failure = bounded(web_plan(type_, port, root_file))
    assert (failure.failure_class, failure.retryable) == ("config", False)
    assert failure.message == "the server does not speak the protocol of this type"


@pytest.mark.parametrize("type_", ["trino", "presto"])
def test_an_answer_that_grows_when_it_is_unpacked_is_ended(certificate, root_file, type_):
    bomb = gzip.compress(b"[" * (1 << 30), compresslevel=1)

    def answer(peer, over):
        length = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(bomb)
        peer.sendall(HEAD % (b"application/json", length) + bomb)

    with https(certificate, answer) as port:
        failure = bounded(web_plan(type_, port, root_file))
    assert failure.failure_class == "config"
    assert failure.message == "the answer takes more than 512 MiB of memory: no test needs that much"


def message(kind, content):
    return kind + struct.pack("!I", len(content) + 4) + content


READY = message(b"Z", b"I")
COLUMN = struct.pack("!H", 1) + b"a\0" + struct.pack("!IHIhiH", 0, 0, 25, -1, -1, 0)
ENDLESS = {
    "rows": message(b"1", b"") + message(b"2", b"") + message(b"T", COLUMN),
    "notices": b"",
}


@pytest.mark.parametrize("what", ["rows", "notices"])
def test_a_database_that_sends_without_end_is_ended(what):
    row = message(b"D", struct.pack("!HI", 1, 4_000) + b"x" * 4_000)
    notice = message(b"N", b"SNOTICE\0C00000\0Mhello\0\0")
    more = (row if what == "rows" else notice) * (1 << 16 if what == "notices" else 256)

    def behave(peer, over):
        while peer.recv(65_536)[4:8] == b"\x04\xd2\x16\x2f":  # a question whether there is TLS
            peer.sendall(b"N")
        peer.sendall(message(b"R", struct.pack("!I", 0)) + READY)
        peer.recv(65_536)
        peer.sendall(ENDLESS[what])
        while not over.is_set():
            peer.sendall(more)

    with faults.serving(behave) as port:
        values = {"host": "127.0.0.1", "port": port, "username": "app", "parameters": {"ssl_mode": "disable"}}
        failure = bounded(probe.Plan("postgresql", values, {}, LIMIT_S))
    assert (failure.failure_class, failure.message) == ("config", TOO_LARGE)


def test_a_frame_that_never_ends_is_ended():
    def behave(peer, over):
        peer.recv(65_536)
        peer.sendall(b"\x05\x7f\xff\xff\xff")  # SASL is complete, with 2 GiB of it to follow
        while not over.is_set():
            peer.sendall(b"x" * 65_536)

    with faults.serving(behave) as port:
        parameters = {"ssl_mode": "disable", "auth_mechanism": "PLAIN"}
        values = {"host": "127.0.0.1", "port": port, "username": "app", "parameters": parameters}
        failure = bounded(probe.Plan("hive", values, {"password": Secret("a password")}, LIMIT_S))
    assert failure.failure_class == "config"
    assert failure.message in {TOO_LARGE, "the test ran out of memory: no test needs that much"}


@pytest.fixture
def greedy(tmp_path, monkeypatch):
    """Return a function that returns the plan of a test whose driver does this."""
    (tmp_path / "drivers").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "drivers")
    database = tmp_path / "a.duckdb"
    database.write_bytes(bytes(8) + b"DUCK" + bytes(100))  # as a DuckDB file begins

    def write(body):
        (tmp_path / "drivers" / "duckdb.py").write_text(f"def connect(*_, **__):\n    {body}\n")
        return probe.Plan("duckdb", {"uri": str(database)}, {}, LIMIT_S)

    return write


def test_tests_that_together_hold_too_much_are_ended_until_they_do_not(greedy, tmp_path):
    go = tmp_path / "go"
    plan = greedy(
        "import os, time; taken = bytearray(200 << 20)\n"
        f"    while not os.path.exists({str(go)!r}): time.sleep(0.01)\n    raise ValueError(len(taken))"
    )
    with Pool(4, 4, memory_bytes=500 << 20) as pool, ThreadPoolExecutor(3) as threads:
        running = [threads.submit(pool.run, plan, owner) for owner in ("ann", "bob", "cy")]
        next(as_completed(running))
        go.touch()
        failures = [one.result().failure for one in running]
    assert sorted(failure.failure_class for failure in failures) == ["transient", "unknown", "unknown"]
    ended = next(failure for failure in failures if failure.failure_class == "transient")
    assert ended.retryable
    assert ended.message.startswith("the tests that run at this moment need more memory")


@pytest.mark.parametrize("in_pool", [False, True])
def test_when_memory_runs_out_a_child_ends_before_others(greedy, in_pool):
    body = 'raise ValueError(open("/proc/self/oom_score_adj").read().strip())'
    before = Path("/proc/self/oom_score_adj").read_text()
    with Pool(1, 1) as pool:
        report = pool.run(greedy(body), "ann") if in_pool else probe.run(greedy(body))
    assert report.failure.detail == "ValueError: 1000"
    assert Path("/proc/self/oom_score_adj").read_text() == before
