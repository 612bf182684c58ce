"""Help: examples first, options in groups, and lines as long as the terminal is wide."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NARROW = 60  # below, what an option does stands under it
_LEAST = 20

# The groups of options in their order. A command has a group when it has the first option of it, and an option stands
# in the first group of the command that names it; what is in none stands before them all, in the command's own order.
_SECTIONS = {
    "Datastore": "connection-id connection-name name database schema root-path description tags",
    "Connection": "host type name port username password uri access-key secret-key catalog catalog-type"
    " jdbc-fetch-size max-parallelization parameters authentication-type role-arn external-id tag untag owner",
    "Secrets": "env-file passphrase password-stdin secret-key-stdin allow-empty",
    "Testing": "database schema test timeout",
    "Output": "debug dry-run format columns jq quiet color help",
}


class Formatter(click.HelpFormatter):
    """Writes help as wide as the terminal, up to a limit, and readable on a narrow one."""

    def __init__(self, max_width: int | None = None) -> None:
        columns = min(shutil.get_terminal_size().columns, max_width or 80)
        super().__init__(width=max(columns - 2, _LEAST))

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how a command is called; click's own "Usage:" is looked up in catalogs, a 40th of a call."""
        super().write_usage(prog, args, prefix or "Usage: ")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write names and what they are: side by side, on a narrow terminal one below the other."""
        if self.width >= _NARROW:
            super().write_dl(rows, col_max, col_spacing)
            return
        for name, text in rows:
            self.write(f"{'':{self.current_indent}}{name}\n")
            self.indent()
            self.indent()
            self.write_text(text)
            self.dedent()
            self.dedent()


def examples(command: click.Command) -> tuple[str, ...]:
    """Return the examples of a command, each a line for a shell."""
    lines: tuple[str, ...] = getattr(command.callback or command, "examples", ())
    return lines


def write_examples(command: click.Command, formatter: click.HelpFormatter) -> None:
    """Write the examples as they can be copied: a long one goes on in the next line after a backslash."""
    if lines := examples(command):
        with formatter.section("Examples"):
            for line in lines:
                formatter.write("\n".join(folded(line, formatter.width, " " * formatter.current_indent)) + "\n")


def folded(line: str, width: int, indent: str = "") -> Iterator[str]:
    """Yield the lines of a command: it is folded before an option or a pipe, where a shell allows it."""
    parts = _parts(line)
    row = indent + next(parts)
    for part in parts:
        if len(row) + 1 + len(part) + 2 > width:
            yield row + " \\"
            row = indent + "    " + part
        else:
            row += " " + part
    yield row


def _parts(line: str) -> Iterator[str]:
    part, quote = "", ""
    for word in line.split(" "):
        if part and not quote and (word.startswith("-") or word in {"|", "<"}):
            yield part
            part = word
        else:
            part = f"{part} {word}" if part else word
        for mark in word:
            if mark in "'\"":
                quote = "" if quote == mark else quote or mark
    yield part


def sections(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the groups of a command's options that have any: of each option how it is written, and its text."""
    params = {_word(param): param for param in command.get_params(ctx)}
    groups = {name: words.split() for name, words in _SECTIONS.items()}
    group_of: dict[str, str] = {}
    for name, words in groups.items():
        if words[0] in params:
            group_of = dict.fromkeys(words, name) | group_of
    for name in ("Options", *groups):
        members = [param for word, param in params.items() if group_of.get(word, "Options") == name]
        # An argument without a text stands in the usage alone.
        if rows := [row for param in members if (row := param.get_help_record(ctx)) and row[1]]:
            yield name, rows


def write_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write the options in their groups."""
    for name, rows in sections(command, ctx):
        with formatter.section(name):
            formatter.write_dl(rows)


def _word(param: click.Parameter) -> str:
    if not isinstance(param, click.Option) or str(param.name).startswith("record_"):  # which record is meant
        return str(param.name)
    return max(param.opts, key=len).removeprefix("--")
