"""Statements on a file of SQLite through ADBC's driver, which makes Arrow of rows without an object for each value.

The driver brings a SQLite of its own. Two of them in one process end each other's locks on a file (sqlite.org's "How To
Corrupt An SQLite Database File", 2.2.1), so whatever the standard library has opened is closed before this.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import adbc_driver_manager
import adbc_driver_sqlite
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

# The words of SQLite (sqlite3ErrStr in its main.c) for the results that are more than a statement that is wrong.
_CODES = {
    sqlite3.SQLITE_BUSY: "database is locked",
    sqlite3.SQLITE_CORRUPT: "disk image is malformed",
    sqlite3.SQLITE_NOTADB: "file is not a database",
    sqlite3.SQLITE_READONLY: "attempt to write a readonly database",
    sqlite3.SQLITE_CANTOPEN: "unable to open database file",
    sqlite3.SQLITE_IOERR: "disk I/O error",
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_TOOBIG: "string or blob too big",
}
# Rows of what the session itself asks: few, or one.
_FEW = 1_000


class Database:
    """The open file of a path, for reading only; `busy_s` is how long a statement waits for who has it locked."""

    def __init__(self, path: str, busy_s: float) -> None:
        self.path = path
        # ADBC gives the path of the library that its wheel brings to its own module for DB-API alone.
        driver = adbc_driver_sqlite._driver_path()  # noqa: SLF001
        self._database = adbc_driver_manager.AdbcDatabase(driver=driver, uri=f"file:{quote(path)}?mode=ro")
        self._connection = adbc_driver_manager.AdbcConnection(self._database)
        self.wait(busy_s)
        self.execute("pragma trusted_schema = off")

    def close(self) -> None:
        """Close the file, and end its transaction."""
        self._connection.close()
        self._database.close()

    def wait(self, busy_s: float) -> None:
        """Wait so long from now on for who has the file locked."""
        self.execute(f"pragma busy_timeout = {int(busy_s * 1_000)}")

    def execute(self, sql: str) -> None:
        """Run a statement whose rows nobody needs."""
        for _ in self.batches(sql, _FEW):
            pass

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement; in one column all are of one type.

        Raises:
            sqlite3.Error: as the standard library raises it.

        """
        return [row for batch in self.batches(sql, _FEW) for row in zip(*map(pa.Array.to_pylist, batch), strict=True)]

    def row(self, sql: str) -> tuple[Any, ...] | None:
        """Return the first row of a statement, None when it has none."""
        return next(iter(self.rows(sql)), None)

    def names(self, sql: str) -> list[str]:
        """Return the names of the columns of a statement, which need not be distinct."""
        with self._reader(sql, _FEW) as reader:
            return list(reader.schema.names)

    def batches(self, sql: str, size: int) -> Generator[pa.RecordBatch]:
        """Yield the rows of a statement, `size` at once.

        A column has the type of what the rows of the first batch are stored as (int64 where all are NULL). What is stored
        otherwise further on is an error, but for what the driver takes for the same: integers among doubles, all among
        texts, and texts among bytes.
        """
        with self._reader(sql, size) as reader:
            yield from reader

    @contextlib.contextmanager
    def _reader(self, sql: str, size: int) -> Iterator[pa.RecordBatchReader]:
        try:
            with adbc_driver_manager.AdbcStatement(self._connection) as statement:
                statement.set_options(**{"adbc.sqlite.query.batch_rows": str(size)})
                statement.set_sql_query(sql)
                stream, _ = statement.execute_query()
                with pa.RecordBatchReader.from_stream(stream) as reader:
                    yield reader
        except (adbc_driver_manager.Error, OSError) as exc:
            raise _as_of_library(str(exc), sql) from None


def _as_of_library(words: str, sql: str) -> sqlite3.Error:
    """Return what the standard library would raise: SQLite's own words are among the driver's."""
    own = re.sub(
        r"\A[A-Z_]+: (\[SQLite\] )?Failed to (prepare|step) query: ", "", words.removesuffix(f"\nquery: {sql}")
    )
    error = sqlite3.OperationalError(own)
    error.sqlite_errorcode = next((code for code, part in _CODES.items() if part in own), sqlite3.SQLITE_ERROR)
    return error
