"""`qualytics run`: a command with a connection in its environment."""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._call import current
from qualytics.cli._group import Command
from qualytics.cli._kinds import Text
from qualytics.cli._records import by_option
from qualytics.client import connect, environment, purpose_of
from qualytics.errors import UsageError
from qualytics.model import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from qualytics.model import CommandEnvironment, UsedConnection
    from qualytics.secret import Secret

# What env(1) and shells end with.
_CANNOT_RUN, NOT_FOUND = 126, 127
_HINTS = {
    errno.EACCES: "it is a folder, or not executable: chmod +x makes a script so",
    errno.ENOEXEC: "its first line names no interpreter, as #!/bin/sh does: start it by one, as in -- sh FILE",
    errno.E2BIG: "its arguments and environment, the connection's values among them, are longer than the system takes",
}


class ForeignWords(Command):
    """The words of the other command are its own, whatever they look like."""

    def __init__(self, *args: Any, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.allow_interspersed_args = False


@click.command("run", cls=ForeignWords)
@options.examples(
    "run --name prod --database sales -- psql -c 'select 1'",
    "run --id 1 -- sh -c 'echo $PGHOST'",
)
@options.id_option("Connection ID.")
@options.name_option("Connection name.", part="connections")
@options.option("--database", type=Text(), help="Database (catalog) for the variables that name one.")
@options.option("--schema", type=Text(), help="Schema for the variables that name one.")
@options.common_options(form=False)
@click.argument("command", metavar="-- COMMAND...", nargs=-1, type=click.UNPROCESSED)
def command(
    *, record_id: int | None, name: str | None, database: str | None, schema: str | None, command: Sequence[str]
) -> NoReturn:
    """Start a command that finds the connection, with its secrets, in its environment; end as it ends.

    The variables are those of the type's own tools (PGHOST, MYSQL_HOST, SNOWFLAKE_ACCOUNT, AWS_ACCESS_KEY_ID, …),
    DATABASE_URL where there is a usual form, QUALYTICS_CONNECTION_HOST and the like for each field and parameter, and
    PROD_PASSWORD and the like, as `config export` and `connections url` call the secrets of a connection 'prod'.
    Nothing is written to disk: what must be a file is one in memory.
    """
    record = by_option(record_id, name, "qualytics connections list", command)
    if not command:
        raise UsageError("there is no command to run", "put it behind --, as in: qualytics run --name prod -- psql")
    used, references = used_with_references(record, f"run {os.path.basename(command[0])}")
    known = environment(used, Scope(database, schema))
    current(click.get_current_context()).remember([*known.texts.values(), *known.files.values()])
    replace_process(command, command_environment(known, references))


def used_with_references(record: int | str, purpose: str) -> tuple[UsedConnection, dict[str, str]]:
    """Use a connection; return it, and its secrets by the variables that `config export` writes in their place."""
    from qualytics.exchange import layout

    with connect() as client:
        used = client.connections.use(record, purpose=purpose_of(purpose))
        # All names would be told apart alike, and a control plane may have thousands.
        names = {one["name"] for one in client.connections.list(layout.namesakes_part(used.name))}
    slug = layout.slugs(sorted(names | {used.name}))[used.name]
    references = {layout.placeholder(slug, field)[2:-1]: secret.reveal() for field, secret in used.secrets.items()}
    return used, references


def command_environment(use: CommandEnvironment, references: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the command: ours, without what would change where it goes, and the connection."""
    prefixes = tuple(name[:-1] for name in use.cleared if name.endswith("*"))
    kept = {
        name: value for name, value in os.environ.items() if name not in use.cleared and not name.startswith(prefixes)
    }
    texts = {name: text.reveal() for name, text in use.texts.items()}
    return {**kept, **references, **texts, **{name: memory_file(name, secret) for name, secret in use.files.items()}}


def memory_file(name: str, content: Secret) -> str:
    """Return the path of a file in memory that the command inherits."""
    if not hasattr(os, "memfd_create"):
        raise UsageError(f"{name} needs a file in memory, which this system has not", "run it on Linux")
    handle = os.memfd_create(name, 0)  # no MFD_CLOEXEC: it stays open in the command
    with open(handle, "wb", closefd=False) as file:
        file.write(content.reveal().encode())
    return f"/proc/self/fd/{handle}"


def replace_process(words: Sequence[str], environment: dict[str, str]) -> NoReturn:
    """Become another program; where it cannot be started, say so and end as shells do."""
    output.flush()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores, and the command would, too
        signal.signal(number, signal.SIG_DFL)
    try:
        if not words[0]:  # of which Python says something else
            raise FileNotFoundError
        os.execvpe(words[0], list(words), environment)  # noqa: S606 - the words go to no shell
    except OSError as exc:
        is_missing = isinstance(exc, FileNotFoundError | NotADirectoryError)
        why = "there is no such command" if is_missing else (exc.strerror or "the system refuses").lower()
        hint = _HINTS.get(
            exc.errno or 0, "check the name and PATH; the words behind -- are one command and its arguments"
        )
        if is_missing and os.path.isfile(words[0]):
            why, hint = "the interpreter that its first line names is not there", "look at its first line, after #!"
        output.say(f"error: cannot run {output.escape(repr(words[0]))}: {why}")
        output.say(f"hint: {hint}")
        sys.exit(NOT_FOUND if is_missing else _CANNOT_RUN)
