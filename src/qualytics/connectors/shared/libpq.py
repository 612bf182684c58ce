"""libpq itself, for what psycopg has no function for: how it words errors, and the bytes of a connection."""

from __future__ import annotations

import ctypes
import os
import select
import sys
from typing import Any

# What SSL_get_error answers (OpenSSL, "SSL_get_error", RETURN VALUES).
_SSL, _WANT_READ, _WANT_WRITE = 1, 2, 3
_EOF = "unexpected eof while reading"


def library(pgconn: Any) -> ctypes.CDLL:
    """Return the library through which psycopg made a connection; libpq and its OpenSSL are found in it."""
    path = str(sys.modules[type(pgconn).__module__].__file__)
    if path.endswith(".py"):  # psycopg in Python alone
        from psycopg.pq.misc import find_libpq_full_path

        path = find_libpq_full_path() or ""
    return ctypes.CDLL(path)


def set_verbosity(pgconn: Any, verbosity: int) -> None:
    """Set how much the messages of a connection say, which is one of PGVerbosity of libpq-fe.h."""
    call = library(pgconn).PQsetErrorVerbosity
    call.argtypes = (ctypes.c_void_p, ctypes.c_int)
    call(pgconn.pgconn_ptr, verbosity)


class Wire:
    """The bytes of a connection, under libpq's own TLS, while libpq itself awaits none.

    libpq hands out one row at a time, which costs more than all that is done with them afterwards.
    """

    def __init__(self, pgconn: Any) -> None:
        self._poll = select.poll()
        self._descriptor = pgconn.socket
        found = library(pgconn)
        found.PQgetssl.restype = ctypes.c_void_p
        tls = found.PQgetssl(ctypes.c_void_p(pgconn.pgconn_ptr))
        self._stream = _Tls(found, tls) if tls else _Plain(self._descriptor)

    def send(self, data: bytes) -> None:
        """Send all of some bytes."""
        sent = 0
        while sent < len(data):
            if (done := self._stream.write(data[sent:])) < 0:
                self._wait()
            else:
                sent += done

    def receive(self, into: Any, begin: int, end: int) -> int:
        """Wait for bytes, put them between two places of a numpy array, and return how many; 0 when no more are sent.

        Raises:
            OperationalError: TLS has failed.

        """
        while (received := self._stream.read(into, begin, end)) < 0:
            self._wait()
        return received

    def end(self) -> None:
        """Leave the connection to libpq, when all that was asked for has come."""
        self._stream.end()

    def _wait(self) -> None:
        self._poll.register(self._descriptor, self._stream.awaits)
        self._poll.poll()


class _Plain:
    """A socket without TLS; where it would have to wait it returns -1, and `awaits` is the event of poll to wait for."""

    awaits = 0

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, into: Any, begin: int, end: int) -> int:
        try:
            return os.readv(self._descriptor, [into[begin:end]])
        except BlockingIOError:
            self.awaits = select.POLLIN
            return -1

    def write(self, data: bytes) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            self.awaits = select.POLLOUT
            return -1

    def end(self) -> None:
        """Do nothing."""


class _Tls:
    """What `_Plain` is, through OpenSSL."""

    awaits = 0

    def __init__(self, found: ctypes.CDLL, tls: int) -> None:
        self._found, self._tls = found, ctypes.c_void_p(tls)
        found.SSL_read.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
        found.ERR_get_error.restype = ctypes.c_ulong
        found.ERR_reason_error_string.restype = ctypes.c_char_p
        found.SSL_set_read_ahead.argtypes = (ctypes.c_void_p, ctypes.c_int)
        # Or of each 8 KiB that a server sends OpenSSL asks the system twice.
        found.SSL_set_read_ahead(self._tls, 1)
        # An address is looked up once for each array: a server sends 8 KiB at a time.
        self._into, self._address = None, 0

    def read(self, into: Any, begin: int, end: int) -> int:
        if into is not self._into:
            self._into, self._address = into, into.ctypes.data
        self._found.ERR_clear_error()
        done = self._found.SSL_read(self._tls, self._address + begin, end - begin)
        return done if done > 0 else self._judged(done)

    def write(self, data: bytes) -> int:
        self._found.ERR_clear_error()
        done = self._found.SSL_write(self._tls, data, len(data))
        return done if done > 0 else self._judged(done)

    def end(self) -> None:
        # libpq waits for the socket, and would not see what has been read ahead.
        self._found.SSL_set_read_ahead(self._tls, 0)

    def _judged(self, done: int) -> int:
        error = self._found.SSL_get_error(self._tls, done)
        if error in {_WANT_READ, _WANT_WRITE}:
            self.awaits = select.POLLIN if error == _WANT_READ else select.POLLOUT
            return -1
        if error == _SSL:
            from psycopg import OperationalError

            reason = self._found.ERR_reason_error_string(ctypes.c_ulong(self._found.ERR_get_error())) or b""
            if (words := reason.decode(errors="replace")) != _EOF:
                raise OperationalError(f"SSL error: {words}")
        return 0
