"""`qualytics connections catalogs`, `schemas`, `tables` and `explain`: what a connection can see, and what ails it."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import Command
from qualytics.cli._kinds import Text, Whole
from qualytics.client import connect
from qualytics.client import explain as explain_message
from qualytics.errors import UsageError
from qualytics.model import LISTING_SIZE, Listing

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_BYTES = 1 << 20
_DIGITS = r"[0-9]{1,12}"
_catalog = options.option("--catalog", type=Text(), help="Catalog (database) to look into.")


@click.command(cls=Command)
@options.examples(
    "connections catalogs prod",
)
@options.record_options("Connection")
@options.timeout_option()
@options.common_options()
def catalogs(*, record: int | str, timeout_s: float | None, form: output.Format) -> None:
    """List the catalogs (databases) that a connection can see, and which of them are datastores."""
    with connect() as client:
        _write(client.discovery.catalogs(record, timeout_s=timeout_s), form)


@click.command(cls=Command)
@options.examples(
    "connections schemas prod --catalog sales",
)
@options.record_options("Connection")
@_catalog
@options.timeout_option()
@options.common_options()
def schemas(*, record: int | str, catalog: str | None, timeout_s: float | None, form: output.Format) -> None:
    """List the schemas of a catalog, and which of them are datastores."""
    with connect() as client:
        _write(client.discovery.schemas(record, catalog=catalog, timeout_s=timeout_s), form)


@click.command(cls=Command)
@options.examples(
    "connections tables sales",
    "connections tables prod --catalog sales --schema public",
    "connections tables sales --prefix ord --limit 20",
)
@options.record_options("Connection")
@_catalog
@options.option("--schema", type=Text(), help="Schema to look into.")
@options.option("--prefix", type=Text(), help="What names begin with; of an object store, the folder.")
@options.option("--limit", type=Whole(1), default=LISTING_SIZE, show_default=True, help="Show at most so many.")
@options.option("--after", type=Text(), metavar="TOKEN", help="Go on where an earlier call stopped: its `next`.")
@options.timeout_option()
@options.common_options()
def tables(
    *,
    record: int | str,
    catalog: str | None,
    schema: str | None,
    timeout_s: float | None,
    form: output.Format,
    **page: Any,
) -> None:
    r"""List the tables and views of a schema, or the prefixes and objects of an object store.

    A name that is no text is shown with \xNN for each byte that is none; --catalog, --schema and --prefix take it so.
    """
    listing = Listing("tables", page["prefix"] or "", _offset(page["after"]), page["limit"])
    with connect() as client:
        document = client.discovery.tables(record, listing, catalog=catalog, schema=schema, timeout_s=timeout_s)
        output.write_document(document, form)


@click.command(cls=Command)
@options.examples(
    "connections explain ORA-01017",
    """connections explain --type postgresql 'FATAL: password authentication failed for user "app"'""",
    "connections explain < error.log",
)
@options.option(
    "--type",
    "-t",
    "connector_type",
    type=Text(),
    help="Connection type; not needed where a code tells it, as ORA-12514.",
    shell_complete=options.complete_types,
)
@click.argument("message", required=False, type=Text(), metavar="[MESSAGE | -]")
@options.common_options()
def explain(*, connector_type: str | None, message: str | None, form: output.Format) -> None:
    """Say what an error message means that any other tool wrote: psql, a Java or Python trace, a log; or a code alone.

    Without MESSAGE, or with -, it is read from standard input. It is never shown again.
    """
    text = _pasted() if message in {None, "-"} else str(message)
    output.write_document(explain_message(connector_type, text), form)


COMMANDS = (catalogs, schemas, tables, explain)


def _pasted() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        hint = "put it in quotes, or pipe it: psql … 2>&1 | qualytics connections explain --type …"
        raise UsageError("there is no message to explain", hint)
    text = sys.stdin.buffer.read(_MAX_BYTES + 1).decode(errors="replace")
    if len(text) > _MAX_BYTES:
        raise UsageError("standard input holds too much", "give the message alone: 1 MiB is the most")
    return text


def _write(page: Mapping[str, Any], form: output.Format) -> None:
    output.write_list(page["items"], form)
    if page["next"] is not None:
        output.warn(f"there are more than {len(page['items'])}; the rest is not shown")


def _offset(token: str | None) -> int:
    if token is not None and not re.fullmatch(_DIGITS, token):
        raise UsageError("--after takes what an earlier call showed as next", "leave it out to begin at the start")
    return int(token or 0)
