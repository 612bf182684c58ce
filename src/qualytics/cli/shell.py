"""`qualytics shell`: the client that an engine brings, on a connection."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._call import current
from qualytics.cli._kinds import Text
from qualytics.cli._records import by_option
from qualytics.cli.run import (
    NOT_FOUND,
    ForeignWords,
    command_environment,
    memory_file,
    replace_process,
    used_with_references,
)
from qualytics.client import environment, shell_command, shell_programs
from qualytics.model import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


@click.command("shell", cls=ForeignWords)
@options.examples(
    "shell --name prod --database sales",
    "shell --name prod -- -c 'select 1'",
    "shell --id 1 -- -c '\\conninfo'",
)
@options.id_option("Connection ID.")
@options.name_option("Connection name.", part="connections")
@options.option("--database", type=Text(), help="Database (catalog) to enter.")
@options.option("--schema", type=Text(), help="Schema to enter.")
@options.common_options(form=False)
@click.argument("arguments", metavar="[-- ARGUMENT...]", nargs=-1, type=click.UNPROCESSED)
def command(
    *, record_id: int | None, name: str | None, database: str | None, schema: str | None, arguments: Sequence[str]
) -> NoReturn:
    """Start the client that the engine of a connection brings, logged in; end as it ends.

    It is psql, mysql or mariadb, sqlite3, duckdb or snow, as installed here; what follows -- are further arguments of
    its own. It finds the connection as a command of `qualytics run` does: no secret is among its arguments. Files of
    SQLite and DuckDB are opened for reading only; option files of MySQL and MariaDB are not read.
    """
    record = by_option(record_id, name, "qualytics connections list", arguments)
    used, references = used_with_references(record, "shell")
    scope = Scope(database, schema)
    known = environment(used, scope)
    current(click.get_current_context()).remember(known.secrets.values())
    path, program = _installed(shell_programs(used.type))
    shell = shell_command(used, scope, program)
    files = [beginning + memory_file(program, text) for beginning, text in shell.files.items()]
    replace_process([path, *shell.words, *files, *arguments], command_environment(known, references))


def _installed(programs: Sequence[str]) -> tuple[str, str]:
    """Return the path of the first client that is installed, and which of them it is.

    A name may lead to another one, as Debian's `mysql` does to MariaDB's, whose arguments differ.
    """
    for program in programs:
        if path := shutil.which(program):
            name = os.path.basename(os.path.realpath(path))
            return path, name if name in programs else program
    wanted = " or ".join(programs)
    output.say(f"error: {wanted} is not installed, or not on PATH")
    output.say(f"hint: install {wanted}, the client of this engine, and try again")
    sys.exit(NOT_FOUND)
