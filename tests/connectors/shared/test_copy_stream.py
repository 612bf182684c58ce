"""Rows of COPY are found in what a server sends, wherever it is cut, whatever stands among them or in their values."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from qualytics.connectors.shared.copy_binary import MARGIN
from qualytics.connectors.shared.copy_stream import CopyStream

pytestmark = pytest.mark.servers

_MIB = 1 << 20


@pytest.fixture
def login(postgres_server):
    where = {"host": "127.0.0.1", "port": postgres_server.port, "dbname": "sales"}
    return {"user": postgres_server.user, "password": postgres_server.password, **where}


@pytest.fixture(params=["disable", "require"])
def session(login, request):
    """Open a session without TLS, and one with it."""
    with closing(psycopg.connect(**login, sslmode=request.param, autocommit=True)) as opened:
        assert opened.pgconn.ssl_in_use == (request.param == "require")
        yield opened


def rows(session, sql, *, width=1, at_once=1000, max_bytes=16 * _MIB):
    """Return all rows as bytes, and how many came at once."""
    found, batches = [], []
    for block, begins, ends in CopyStream(session.pgconn, sql, width, MARGIN).rows(at_once, max_bytes):
        batches.append(len(begins))
        found += [block.bytes[begin:end].tobytes() for begin, end in zip(begins, ends, strict=True)]
    return found, batches


def binary(session, sql):
    """Return the same rows as libpq hands them out, one by one."""
    with session.cursor().copy(f"copy ({sql}) to stdout (format binary)") as copy:
        return list(copy)


# Values that look like the head of a message with a row of one, two or 256 columns, and rows of all lengths about them.
_HEADS = r"'\x640000000800016400000006000264000000060100'::bytea"
_QUERIES = {
    "no rows": (1, "select 1 where false"),
    "one": (1, "select 1"),
    "texts": (2, "select n, repeat('d', n % 700) from generate_series(1, 3000) n"),
    "NULL": (2, "select nullif(n % 3, 0), null::text from generate_series(1, 3000) n"),
    "like heads": (2, f"select substring({_HEADS}, n % 20), {_HEADS} from generate_series(1, 3000) n"),
    "like heads alone": (1, f"select {_HEADS} from generate_series(1, 3000) n"),
    "256 columns": (256, f"select {', '.join(['n'] * 256)} from generate_series(100, 200) n"),
    "1,600 columns": (1600, f"select {', '.join(['n'] * 1600)} from generate_series(100, 200) n"),
    "long among short": (1, "select repeat('d', n % 50 / 49 * 70000 + n) from generate_series(1, 300) n"),
    "longer than all room": (1, f"select repeat('d', n) from (values (1), ({2 * _MIB}), (2), ({5 * _MIB}), (3)) q(n)"),
}  # fmt: skip


@pytest.mark.parametrize("name", _QUERIES)
def test_rows_are_those_that_libpq_hands_out(session, name):
    width, sql = _QUERIES[name]
    # The first has the header before it, and the last is the end of them.
    expected = b"".join(binary(session, sql))[19:-2]
    for at_once in (7, 1000):
        found, batches = rows(session, sql, width=width, at_once=at_once)
        assert b"".join(found) == expected
        assert all(row[:2] == width.to_bytes(2) for row in found)
        assert max(batches, default=0) <= at_once


def test_what_the_server_says_between_rows_is_no_row(session):
    session.execute(
        "create function pg_temp.told(n int) returns int language plpgsql as "
        "$$ begin raise notice 'row %', n; return n; end $$"
    )
    found, _ = rows(session, "select pg_temp.told(n) from generate_series(1, 2000) n")
    assert [int.from_bytes(row[6:]) for row in found] == list(range(1, 2001))


def test_rows_of_many_bytes_come_fewer_at_once(session):
    found, batches = rows(session, f"select repeat('x', {_MIB}) from generate_series(1, 40)", max_bytes=4 * _MIB)
    assert len(found) == sum(batches) == 40
    assert max(batches) <= 8


def test_libpq_goes_on_afterwards(session):
    with session.transaction():
        for number in range(3):
            assert len(rows(session, f"select generate_series(1, {number * 1000})")[0]) == number * 1000
            # Of two records of TLS, the second of which libpq would await in vain had it been read ahead.
            for _ in range(20):
                assert session.execute("select %s || repeat('x', 12000)", (number,)).fetchone()[0][:2] == f"{number}x"


@pytest.mark.parametrize(
    ("sql", "state", "words"),
    [
        ("select nowhere", "42703", "does not exist"),
        ("select 1 / (n - 900) from generate_series(1, 1000) n", "22012", "division by zero"),
        ("select 1) to stdout; select (1", "42601", "syntax error"),
    ],
)
def test_an_error_has_the_state_and_the_words_of_the_server(session, sql, state, words):
    with pytest.raises(psycopg.DatabaseError, match=words) as caught:
        rows(session, sql)
    assert caught.value.sqlstate == state


def test_an_error_of_an_unknown_state_keeps_it(session):
    session.execute(
        "create function pg_temp.refused() returns int language plpgsql as "
        "$$ begin raise exception 'no' using errcode = 'QX001', detail = 'why', hint = 'how'; end $$"
    )
    with pytest.raises(psycopg.DatabaseError) as caught:
        rows(session, "select pg_temp.refused()")
    assert caught.value.sqlstate == "QX001"
    assert str(caught.value).startswith("no\nDETAIL:  why\nHINT:  how")


def test_a_session_that_is_ended_in_the_middle_is_no_end_of_rows(session, login):
    stream = CopyStream(session.pgconn, "select n from generate_series(1, 10000000) n", 1, MARGIN)
    taken = stream.rows(1000, _MIB)
    next(taken)
    with psycopg.connect(**login, autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s)", (session.pgconn.backend_pid,))
    with pytest.raises(psycopg.OperationalError):
        for _ in taken:
            pass


def message(kind, body=b""):
    return kind + (len(body) + 4).to_bytes(4) + body


HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
ROWS = [b"\0\1" + len(value).to_bytes(4) + value for value in (b"one", b"two Z\0\0\0\5I", b"", b"d\0\0\0\6\0\1")]
BEGIN = message(b"H", b"\1\0\1\0\1")
END = message(b"d", b"\xff\xff") + message(b"c")
READY = message(b"Z", b"T")


def whole(tag=b"COPY 4\0"):
    first, *others = ROWS
    sent = message(b"d", HEADER + first) + b"".join(message(b"d", row) for row in others)
    return BEGIN + sent + END + message(b"C", tag) + READY


def answered(pieces):
    """Return the rows in an answer that a server sends in these pieces before it closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:

        def serve():
            with listening.accept()[0] as served:
                served.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                served.recv(4096)
                served.sendall(message(b"R", bytes(4)) + READY)
                served.recv(4096)
                for piece in pieces:
                    served.sendall(piece)

        serving = pool.submit(serve)
        where = {"host": "127.0.0.1", "port": listening.getsockname()[1], "user": "u", "dbname": "d"}
        with closing(psycopg.connect(**where, sslmode="disable", gssencmode="disable", autocommit=True)) as session:
            try:
                return rows(session, "select 1")[0]
            finally:
                session.close()
                serving.result()


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_an_answer_may_be_cut_anywhere(size):
    sent = whole()
    assert answered([sent[at : at + size] for at in range(0, len(sent), size)]) == ROWS


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (whole()[:-1], "closed the connection"),
        (whole()[: len(BEGIN) + 30], "closed the connection"),
        (whole(b"COPY 5\0"), "counts other rows"),
        (whole(b"SELECT 4\0"), "counts other rows"),
        (BEGIN + READY, "counts other rows"),
        (BEGIN + END + READY, "does not begin as COPY"),
        (BEGIN + message(b"d", ROWS[0]) + END + READY, "does not begin as COPY"),
        (BEGIN + message(b"d", HEADER[:-1] + b"\xff" + ROWS[1]), "does not begin as COPY"),
        (BEGIN + message(b"T", bytes(6)) + READY, "does not belong to COPY"),
        (BEGIN + b"d\0\0\0\3" + READY, "without a length"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "closed the connection"),
    ],
)
def test_what_is_no_whole_answer_is_refused(sent, words):
    with pytest.raises((psycopg.OperationalError, psycopg.errors.ProtocolViolation), match=words):
        answered([sent])
