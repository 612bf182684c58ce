"""What passes between the program and a child: read as it was written, or, of a child, not at all."""

from __future__ import annotations

import json
import os

import pytest

from qualytics.model import Item, Listing
from qualytics.probe.egress import Policy
from qualytics.probe.plan import Plan, read_plan
from qualytics.probe.protocol import (
    MAX_DETAIL,
    MAX_ITEM,
    MAX_LINE_BYTES,
    MAX_NAME,
    MAX_TEXT,
    MAX_TRACE,
    Began,
    Connected,
    Detected,
    Encrypted,
    Ended,
    Failed,
    Forked,
    Imported,
    Items,
    Lines,
    Memory,
    Passed,
    SecondHost,
    TooLong,
    Unreadable,
    Warned,
    WorkerEnded,
    decode,
    encode,
)
from qualytics.secret import Secret

MESSAGES = [
    Began("tcp"),
    Ended("tcp", ok=True, ms=0.0),
    Ended("login", ok=False, ms=3_600_000_000),
    Detected({"product_name": "é漢😀", "product_version": None}),
    Connected("::1", 5432, "fe80::1%eth0", 65_535),
    Encrypted("TLSv1.3", "TLS_AES_256_GCM_SHA384", verified=True, not_after="2030-01-01T00:00:00Z"),
    Encrypted(None, None, verified=False, not_after=None),
    SecondHost("sts.example.com, where a role is assumed"),
    SecondHost(None),
    Memory(0),
    Warned("x" * MAX_TEXT),
    Items((Item("a" * MAX_ITEM, "table", is_system=False), Item("\0\n", "view", is_system=True))),
    Failed("auth", "c" * MAX_TEXT, "h" * MAX_TEXT, "d" * MAX_DETAIL, "t" * MAX_TRACE, "ORA-01017"),
    Failed("internal"),
    Passed(),
    Passed(has_more=True),
    WorkerEnded("SIGSEGV"),
    Imported(None),
    Imported("ImportError: no"),
    Forked(2),
    Forked(None, "Resource temporarily unavailable"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=repr)
def test_a_message_is_read_as_it_was_written(message):
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    read = decode(line)
    assert (type(read), read) == (type(message), message)


def test_half_a_character_is_replaced_when_it_is_written():
    assert decode(encode(Warned("half \udce9"))) == Warned("half ?")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"junk",
        b"\xff\xfe",
        b"1",
        b"null",
        b'"Passed"',
        b"[]",
        b"{}",
        b'{"Passed": false}',
        b"[[]]",
        b'["Unknown"]',
        b"[" * 20_000,
        b'{"a":' * 20_000,
        b'["Memory", ' + b"9" * 10_000 + b"]",
    ],
    ids=lambda line: repr(line[:20]),
)
def test_what_is_no_message_is_not_read(line):
    with pytest.raises(Unreadable):
        decode(line)


@pytest.mark.parametrize(
    "values",
    [
        ["Began"],
        ["Began", "tcp", "tls"],
        ["Began", "no such stage"],
        ["Began", ["tcp"]],
        ["Ended", "tcp", 1, 0.0],
        ["Ended", "tcp", True, "0"],
        ["Ended", "tcp", True, True],
        ["Ended", "tcp", True, -1],
        ["Ended", "tcp", True, 1e300],
        ["Ended", "tcp", True, float("nan")],
        ["Ended", "tcp", True, float("inf")],
        ["Detected", ["product_name"]],
        ["Detected", {"product_name": 1}],
        ["Detected", {"x" * (MAX_NAME + 1): None}],
        ["Detected", {"product_name": "x" * (MAX_NAME + 1)}],
        ["Connected", "localhost", 1, "::1", 1],
        ["Connected", 1, 1, "::1", 1],
        ["Connected", "::1", 65_536, "::1", 1],
        ["Connected", "::1", "1", "::1", 1],
        ["Connected", "fe80::1%" + "x" * 64, 1, "::1", 1],
        ["Encrypted", "TLSv1.3", None, None, None],
        ["Encrypted", 1, None, True, None],
        ["SecondHost", 1],
        ["Memory", -1],
        ["Memory", 1.5],
        ["Memory", True],
        ["Memory", "1"],
        ["Memory", 1 << 64],
        ["Warned", None],
        ["Warned", "x" * (MAX_TEXT + 1)],
        ["Warned", "half \ud800"],
        ["Items", [["a", "table"]]],
        ["Items", [["a", "table", 1]]],
        ["Items", [["a" * (MAX_ITEM + 1), "table", False]]],
        ["Items", "abc"],
        ["Items", [7]],
        ["Failed", "no such class", None, None, None, None, None],
        ["Failed", ["auth"], None, None, None, None, None],
        ["Failed", "auth"],
        ["Failed", "auth", 1, None, None, None, None],
        ["Failed", "auth", None, None, "d" * (MAX_DETAIL + 1), None, None],
        ["Failed", "auth", None, None, None, "t" * (MAX_TRACE + 1), None],
        ["Failed", "auth", None, None, None, None, 1045],
        ["Failed", "auth", None, None, None, None, ""],
        ["Failed", "auth", None, None, None, None, "1" * 65],
        ["Failed", "auth", None, None, None, None, "two words"],
        ["Failed", "auth", None, None, None, None, "28P01\n"],
        ["Failed", "auth", None, None, None, None, "é"],
        ["Passed", None],
        ["Passed", 1],
        ["WorkerEnded", 1],
        ["Forked", 0, None],
        ["Forked", 1, None],
        ["Forked", -1, None],
        ["Forked", True, None],
        ["Forked", 1 << 31, None],
        ["Forked", "2", None],
    ],
    ids=lambda values: repr(values)[:60],
)
def test_values_of_another_type_or_beyond_their_bounds_are_not_read(values):
    with pytest.raises(Unreadable):
        decode(json.dumps(values).encode())


def test_lines_are_cut_wherever_a_read_ends():
    text = b"one\ntwo\n\nthree"
    for size in range(1, len(text) + 1):
        lines, found = Lines(100), []
        for first in range(0, len(text), size):
            found += lines.feed(text[first : first + size])
        assert found == [b"one", b"two", b""]


def test_all_lines_together_have_a_limit():
    lines = Lines(10)
    assert lines.feed(b"12345\n") == [b"12345"]
    with pytest.raises(TooLong):
        lines.feed(b"67890")


def test_a_line_has_a_limit():
    lines = Lines(10 * MAX_LINE_BYTES)
    assert lines.feed(b"x" * MAX_LINE_BYTES) == []
    with pytest.raises(TooLong):
        lines.feed(b"x")


PLANS = [
    Plan("duckdb", {"uri": "/a"}, {}, 1.5),
    Plan(
        *("postgresql", {"host": "h", "parameters": {"ssl_mode": "verify"}}, {"password": Secret("é\n\0")}, 20.0),
        *("database", "schema", "root", ("one", "two"), "verify", Listing("tables", "a", 1, 2)),
        Policy(("10.0.0.0/8", "[::1]:5432"), (("db.example.com", 5432),)),
    ),
]


@pytest.mark.parametrize("plan", PLANS, ids=["short", "whole"])
@pytest.mark.parametrize("size", [1, 1_000_000])
def test_the_child_reads_the_plan_that_was_written(plan, size):
    readable, writable = os.pipe()
    line = plan.encode("/own")
    os.write(writable, line[:-size])
    os.write(writable, line[-size:])
    read, directory = read_plan(readable)  # the pipe is still open
    os.close(readable)
    os.close(writable)
    shown = {name: secret.reveal() for name, secret in read.secrets.items()}
    assert shown == {name: secret.reveal() for name, secret in plan.secrets.items()}
    assert directory == "/own"
    names = ("type", "values", "timeout_s", "database", "schema", "root_path", "login_databases", "ssl_mode", "policy")
    for name in names:
        assert getattr(read, name) == getattr(plan, name), name
    if plan.listing is None:
        assert read.listing is None
    else:
        assert (read.listing.what, read.listing.prefix) == (plan.listing.what, plan.listing.prefix)
        assert (read.listing.skip, read.listing.limit) == (plan.listing.skip, plan.listing.limit)


def test_without_a_whole_line_there_is_no_plan():
    readable, writable = os.pipe()
    os.write(writable, PLANS[0].encode("/own")[:-1])
    os.close(writable)
    assert read_plan(readable) is None
    os.close(readable)
