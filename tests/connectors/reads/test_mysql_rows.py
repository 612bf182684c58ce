"""Rows of the text protocol: whatever the pieces that they come in, and errors in the place of rows."""

import struct
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql.err import InternalError, OperationalError

from qualytics.connectors.reads import mysql_rows

SCHEMA = pa.schema([("a", pa.string()), ("b", pa.binary())])
EOF = b"\xfe\0\0\0\0"
GONE = b"\xff" + struct.pack("<H", 1317) + b"#70100Query execution was interrupted"
FIRST = 250  # of the numbers of packets, which begin again behind 255
VALUES = st.none() | st.binary(max_size=3) | st.sampled_from([250, 251, 65_535, 65_536]).map(bytes)


def value(data):
    if data is None:
        return b"\xfb"
    size = len(data)
    if size < 251:
        return bytes([size]) + data
    return (b"\xfc" + struct.pack("<H", size) if size < 1 << 16 else b"\xfd" + struct.pack("<I", size)[:3]) + data


def packets(payloads):
    return b"".join(
        struct.pack("<I", len(payload))[:3] + bytes([number % 256]) + payload
        for number, payload in enumerate(payloads, FIRST)
    )


class Source:
    """Gives what it has in pieces of so many bytes."""

    def __init__(self, data, size):
        self.data, self.size = data, size

    def read1(self, most):
        size = min(most, self.size)
        piece, self.data = self.data[:size], self.data[size:]
        return piece


def read(sent, size=1 << 20, fetch_size=2):
    closed = []
    handle = SimpleNamespace(
        _result=SimpleNamespace(unbuffered_active=True, connection=None),
        _rfile=Source(sent, size),
        _next_seq_id=FIRST,
        _force_close=lambda: closed.append(True),
        encoding="utf8",
    )
    found = []
    for block, starts in mysql_rows.rows(handle, fetch_size):
        columns = mysql_rows.columns(block, starts, SCHEMA, len(found) + 1)
        arrays = [column.as_bytes().to_pylist() for column in columns]
        assert len(arrays[0]) <= fetch_size
        found += zip(*arrays, strict=True)
    return found, bool(closed)


@given(st.lists(st.tuples(VALUES, VALUES), max_size=9), st.integers(1, 9) | st.just(1 << 20), st.integers(1, 9))
def test_rows_come_as_they_were_sent(rows, size, fetch_size):
    sent = packets([*(value(a) + value(b) for a, b in rows), EOF])
    if len(sent) > 1_000:
        size *= 1_000
    assert read(sent, size, fetch_size) == (rows, False)


@pytest.mark.parametrize(
    ("payloads", "error", "words"),
    [
        ([value(b"a") + value(b"b"), GONE], OperationalError, "interrupted"),
        ([value(b"a") + value(b"b")], OperationalError, "Lost connection"),
        ([value(b"a"), EOF], InternalError, "ends before its last column"),
        ([value(b"a") * 3, EOF], InternalError, "does not end where"),
        ([b"\x09a" + value(b"b"), value(b"c") * 2, EOF], InternalError, "ends before its last column"),
        ([b"\xff\xff", *[value(b"c") * 2] * 2, EOF], InternalError, "has no size"),
    ],
)
def test_what_are_no_such_rows_is_an_error(payloads, error, words):
    with pytest.raises(error, match=words):
        read(packets(payloads), fetch_size=3)


def test_a_packet_that_is_missing_is_an_error():
    row = value(b"a") * 2
    first = packets([row])
    with pytest.raises(InternalError, match="missing"):
        read(packets([row, row, EOF])[len(first) :])
