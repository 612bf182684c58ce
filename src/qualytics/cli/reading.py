"""`qualytics connections read` and `qualytics datastores read`: rows of a table or a query, and the receipt of them."""

from __future__ import annotations

import contextlib
import io
import itertools
import operator
import signal
import sys
from typing import IO, TYPE_CHECKING, Any, cast

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import Command
from qualytics.cli._kinds import OneOf, Seconds, Text, Whole
from qualytics.cli._terminal import progress
from qualytics.client import connect
from qualytics.errors import UsageError
from qualytics.model import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from qualytics.reading.reader import Reader

# Rows of the table that is shown where no file is asked for.
_SHOWN_ROWS = 20
_FORMATS = ("parquet", "arrow", "csv", "jsonl", "table")
_BINARY = frozenset({"parquet", "arrow"})
_MIB = 1 << 20
_STRAY_HINT = "name the table with --table, as in --table orders"


def _read_options() -> Callable[[Any], Any]:
    formats = "parquet, arrow, csv, jsonl or table; by default what the name of the file ends with."
    parallel = "Connections that read at once.  [default: of the connection]"
    fetch_size = "Rows that a driver holds at once.  [default: of the connection]"
    special = "NaN, infinity and the like, where the column cannot hold them: error, null or text."
    choices = {"show_default": True, "metavar": "TEXT"}
    return options.all_of(
        options.option("--table", type=Text(), help="Table or view to read."),
        options.option(
            "--columns", type=Text(), metavar="NAMES", help="""Only these columns of it, as id,name or 'id,"a, b"'."""
        ),
        options.option("--where", type=Text(), metavar="SQL", help="Only the rows for which this condition is true."),
        options.option("--sql", type=Text(), metavar="QUERY", help="Read one query, in place of a table."),
        options.option(
            "--path", "source_path", type=Text(), metavar="PATH", help="Read the files under a path of a store."
        ),
        options.option("--limit", type=Whole(1), help="Read at most so many rows."),
        options.option("--output", "path", type=Text(), metavar="FILE", help="File to write; - is stdout."),
        options.option("--format", "-f", "form", type=OneOf(_FORMATS), metavar="TEXT", help=formats),
        options.option("--overwrite", is_flag=True, help="Replace the file if it exists."),
        options.option("--receipt", "receipt_path", type=Text(), metavar="FILE", help="File for the receipt, as JSON."),
        options.option("--partition-column", type=Text(), help="Column of numbers, dates or timestamps to divide by."),
        options.option("--parallel", type=Whole(1), help=parallel),
        options.option("--fetch-size", type=Whole(1), help=fetch_size),
        options.option("--ordered", is_flag=True, help="Write one partition after the other, not as their rows come."),
        options.option("--verify", is_flag=True, help="Have the engine count the rows in the same snapshot."),
        options.option("--special", type=OneOf(("error", "null", "text")), default="error", help=special, **choices),
        options.option(
            "--invalid-text",
            type=OneOf(("error", "hex")),
            default="error",
            help="Bytes that are no text: error or hex.",
            **choices,
        ),
        options.option("--timeout", "limit_s", type=Seconds(), help="Seconds for the reading.  [default: no limit]"),
    )


@click.command("read", cls=Command, stray_hint=_STRAY_HINT)
@options.examples(
    "connections read sales --table orders --output orders.parquet --verify",
    "connections read prod --database sales --sql 'select 1 as one' --output - --format csv",
)
@options.record_options("Connection", "read")
@options.option("--database", type=Text(), help="Database (catalog) to read in.")
@options.option("--schema", type=Text(), help="Schema of the table.")
@_read_options()
@options.common_options(form=False)
def read_connection(*, record: int | str, database: str | None, schema: str | None, **values: Any) -> None:
    """Read a table or a query into a file, or show its first rows.

    The file appears whole or not at all. The receipt says what was read, from which snapshot, and how exactly.
    """
    scope = Scope(database, schema)
    _read(lambda client, asked: client.connections.read(record, scope, **asked), values)


@click.command("read", cls=Command, stray_hint=_STRAY_HINT)
@options.examples(
    "datastores read orders --table orders --output orders.parquet --verify --receipt orders.json",
    "datastores read orders --table orders --parallel 4 --output - --format csv",
)
@options.record_options("Datastore", "read", part="datastores")
@_read_options()
@options.common_options(form=False)
def read_datastore(*, record: int | str, **values: Any) -> None:
    """Read a table or a query in the place of a datastore into a file, or show its first rows."""
    _read(lambda client, asked: client.datastores.read(record, **asked), values)


def _read(begin: Callable[[Any, dict[str, Any]], Reader], values: dict[str, Any]) -> None:
    path, form = values.pop("path"), values.pop("form")
    if path == "/dev/stdout":  # which would be replaced, where it is a file
        path = "-"
    values["path"] = values.pop("source_path")
    overwrite, receipt_path = values.pop("overwrite"), values.pop("receipt_path")
    if values["columns"] is not None:
        values["columns"] = _names(values["columns"])
    is_table = _is_table(path, form, receipt_path)
    if is_table:
        values["limit"] = values["limit"] or _SHOWN_ROWS
        values["parallel"] = 1
    from qualytics.reading import files  # as the reader: few commands need them

    chosen = None if is_table else files.format_of(path, form)
    if path is not None and receipt_path is not None and files.are_one(path, receipt_path):
        raise UsageError("--output and --receipt name the same file", "name another one for the receipt")
    with _ended_by_signals(), connect() as client, contextlib.ExitStack() as sinks:
        # All that is written has its place before a row is read, and appears behind the last one, or not at all.
        receipt_sink = None if receipt_path is None else sinks.enter_context(_sink(receipt_path, overwrite=overwrite))
        sink = None if chosen is None else sinks.enter_context(_sink(path, overwrite=overwrite))
        with begin(client, values) as reader, progress(lambda: _progress_line(reader)) as end_progress:
            # On a terminal the line of progress would stand among the rows.
            before_rows = end_progress if path in {None, "-"} and output.is_on_terminal() else _nothing
            if chosen is None or sink is None:
                _show(reader, before_rows)
            else:
                before_rows()
                _copy(reader, chosen, sink, "stdout" if path == "-" else path)
            receipt = reader.receipt
        if receipt_sink is not None:
            _write_receipt(receipt_sink, receipt, receipt_path)
    output.flush()
    output.inform(_summary(receipt, None if is_table or path == "-" else path))


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let what ends a program end a read as Ctrl-C does, so that nothing of its file stays."""
    numbers = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, lambda ended_by, _frame: sys.exit(128 + ended_by))
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _names(text: str) -> tuple[str, ...]:
    """Return names with commas between; as in CSV, one that holds a comma stands in quotes."""
    import csv

    try:
        names = [name.strip() for line in csv.reader([text], skipinitialspace=True, strict=True) for name in line]
    except csv.Error:
        names = []
    if not all(names) or not names:
        raise UsageError("--columns must be names with commas between", """as in --columns 'id,"first, last"'""")
    return tuple(names)


def _sink(path: str, *, overwrite: bool) -> contextlib.AbstractContextManager[IO[bytes]]:
    from qualytics.reading import files

    if path == "-":
        return contextlib.nullcontext(cast("IO[bytes]", _Stdout()))
    return files.whole_file(path, overwrite=overwrite)


def _is_table(path: str | None, form: str | None, receipt_path: str | None) -> bool:
    if form == "table" or (path is None and form is None and output.is_on_terminal()):
        if path not in {None, "-"} or receipt_path is not None:
            raise UsageError(
                "a table of the first rows is no file", "leave out --output and --receipt, or choose another --format"
            )
        return True
    if path is None:
        raise UsageError("--output is missing", "name a file, as in --output orders.parquet, or - for stdout")
    if path == "-" and form is None:
        raise UsageError("--format is missing", "stdout has no name: --format parquet, arrow, csv or jsonl")
    if path == "-" and form in _BINARY and output.is_on_terminal():
        raise UsageError(
            f"{form} is not for a terminal", "name a file with --output, or let another program read stdout"
        )
    return False


def _copy(reader: Reader, form: str, sink: IO[bytes], where: str) -> None:
    from qualytics.reading import files, outputs

    with files.named_errors(where):
        written = outputs.open_output(sink, form, reader.schema)
        try:
            for batch in reader:
                written.write(batch)
            written.end(reader.receipt)
            sink.flush()
        except BaseException:
            written.abandon()
            raise


def _nothing() -> None:
    """Do nothing."""


def _show(reader: Reader, before_rows: Callable[[], None]) -> None:
    from qualytics.cli._formats.columns import Column
    from qualytics.cli._formats.tables import Table

    # By number, for two columns may have one name; and those of a table without rows are known, too.
    columns = tuple(Column(name, operator.itemgetter(str(number))) for number, name in enumerate(reader.schema.names))
    batches = iter(reader)
    first = next(batches, None)
    before_rows()
    shown = batches if first is None else itertools.chain([first], batches)
    output.write_list(itertools.chain.from_iterable(map(_rows, shown)), Table("table", columns=columns))


def _rows(batch: Any) -> Iterator[dict[str, Any]]:
    from qualytics.reading.texts import as_texts

    columns = [as_texts(column) for column in batch.columns]
    for row in zip(*columns, strict=True):
        yield {str(number): text for number, text in enumerate(row)}


class _Stdout(io.RawIOBase):
    """Standard output as a file of bytes; a reader that has gone is told as everywhere."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        output.write_bytes(data)
        return len(data)

    def flush(self) -> None:
        output.flush()


def _write_receipt(sink: IO[bytes], receipt: Mapping[str, Any], where: str) -> None:
    import json

    from qualytics.reading import files

    with files.named_errors(where):
        sink.write(json.dumps(receipt, indent=2, ensure_ascii=False).encode() + b"\n")
        sink.flush()


def _progress_line(reader: Reader) -> str:
    now = reader.progress
    size = now["bytes"] / _MIB
    return f"{now['rows']:,} rows, {size:,.1f} MiB, partitions {now['partitions']} of {now['of_partitions']}"


def _summary(receipt: dict[str, Any], path: str | None) -> str:
    rows, parts = receipt["rows"], len(receipt["partitions"])
    verified = receipt["verified"]
    into = f" into {output.escape(path)}" if path else ""
    words = [f"read {rows:,} row{'s' * (rows != 1)}{into}", f"{receipt['seconds']:.1f} s"]
    if parts > 1:
        words.append(f"{parts} partitions over {receipt['parallel']} connections")
    words.append(f"snapshot: {receipt['snapshot']['kind']}" if receipt["snapshot"] else "no snapshot")
    if verified is not None:
        words.append("the engine counts the same")
    return ", ".join(words)
