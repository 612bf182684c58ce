"""A login by libpq that keeps what the server said in fields: psycopg gives no SQLSTATE of a login that failed."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Refusal, Verdict
from qualytics.connectors.shared import postgresql_text as text
from qualytics.connectors.shared.names import as_bytes, as_text
from qualytics.connectors.shared.postgresql_arguments import arguments
from qualytics.connectors.shared.postgresql_errors import Said, at_login, classify

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target

# libpq-fe.h, PGVerbosity. A verbose message has the SQLSTATE, and the routine of the server that wrote it.
_DEFAULT, _VERBOSE = 1, 2
_HEAD = re.compile(r": {2}([0-9A-Z]{5}): ")
_PLACE = re.compile(r"\n[^\n:]+: {2}(\w+), [^\s:]+:\d+(?=\n|\Z)")
# The server cannot speak the encoding of this session: feature not supported, no such character.
_NO_SUCH_ENCODING = frozenset({"0A000", "22021", "22P05"})


def log_in(target: Target, database: str) -> Any:
    """Return an open session in autocommit, whose texts come as `_postgresql_text` says.

    Raises:
        Refusal: the login failed; its cause is the exception of psycopg for the server's SQLSTATE.

    """
    try:
        handle = _session(target, database, text.UTF8)
    except Refusal as exc:
        if getattr(exc.__cause__, "sqlstate", None) not in _NO_SUCH_ENCODING:
            raise
        handle = _session(target, database, text.RAW)
    text.prepare(handle)
    return handle


def _session(target: Target, database: str, encoding: str) -> Any:
    import psycopg
    from psycopg.conninfo import make_conninfo

    # The one value that may be no text is quoted here.
    quoted = as_bytes(database).replace(b"\\", rb"\\").replace(b"'", rb"\'")
    conninfo = make_conninfo(**arguments(target), client_encoding=encoding).encode()
    pgconn = psycopg.pq.PGconn.connect_start(conninfo + b" dbname='" + quoted + b"'")
    _set_verbosity(pgconn, _VERBOSE)
    if not _is_open(pgconn, target.timeout_s):
        raise _refusal(pgconn, target)
    _set_verbosity(pgconn, _DEFAULT)
    pgconn.nonblocking = 1
    handle: Any = psycopg.Connection(pgconn)
    handle.autocommit = True
    return handle


def _set_verbosity(pgconn: Any, verbosity: int) -> None:
    # psycopg lacks this one function of libpq. Its own module knows where libpq is: a look-up there finds it, too.
    import ctypes

    module = sys.modules[type(pgconn).__module__]
    if (place := str(module.__file__)).endswith(".py"):  # psycopg in Python alone: judged by libpq's words
        return
    call = ctypes.CDLL(place).PQsetErrorVerbosity
    call.argtypes = (ctypes.c_void_p, ctypes.c_int)
    call(pgconn.pgconn_ptr, verbosity)


def _is_open(pgconn: Any, timeout_s: float) -> bool:
    import select

    from psycopg.pq import ConnStatus, PollingStatus

    until = time.monotonic() + timeout_s
    while pgconn.status != ConnStatus.BAD:
        status = pgconn.connect_poll()
        if status in {PollingStatus.OK, PollingStatus.FAILED}:
            return bool(status == PollingStatus.OK)
        reads, writes = ([pgconn.socket], []) if status == PollingStatus.READING else ([], [pgconn.socket])
        if not any(select.select(reads, writes, [], max(0.0, until - time.monotonic()))):
            pgconn.finish()
            raise TimeoutError("the server did not answer the login in time")
    return False


def _refusal(pgconn: Any, target: Target) -> Refusal:
    from psycopg import OperationalError, errors

    said = _read(as_text(pgconn.error_message or b""), used_password=pgconn.used_password)
    pgconn.finish()
    try:
        error = errors.lookup(said.state or "")
    except KeyError:
        error = OperationalError
    cause = error(said.text)
    verdict = at_login(said, target.tls) or classify(cause) or Verdict("unknown")
    refusal = Refusal(verdict)
    refusal.__cause__ = cause
    return refusal


def _read(message: str, *, used_password: bool) -> Said:
    """Take a verbose message of libpq apart; what a reader needs of it stays."""
    state, place = _HEAD.search(message), _PLACE.search(message)
    return Said(
        state=state[1] if state else None,
        routine=place[1] if place else None,  # a pooler's words have none
        text=_PLACE.sub("", _HEAD.sub(":  ", message, count=1)).strip(),
        used_password=used_password,
    )
