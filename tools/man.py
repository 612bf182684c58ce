"""Manual pages, one a command, made of the same texts as --help."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click

import qualytics
from qualytics.cli import root
from qualytics.cli._group import first_sentence
from qualytics.cli._help import examples, folded, sections
from qualytics.errors import all_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WIDTH = 72
_INTERRUPTED = 130


def pages() -> dict[str, Callable[[], str]]:
    """Return what writes each page, by the name of its file under `docs`."""
    return {f"man/{'-'.join(words)}.1": lambda ctx=ctx: _page(ctx) for words, ctx in _contexts(root, "qualytics", None)}


def _contexts(
    command: click.Command, name: str, parent: click.Context | None
) -> Iterator[tuple[tuple[str, ...], click.Context]]:
    ctx = click.Context(command, parent, info_name=name, **root.context_settings)
    yield tuple(ctx.command_path.split()), ctx
    if isinstance(command, click.Group):
        for child in command.list_commands(ctx):
            found = command.get_command(ctx, child)
            if found is None:
                raise RuntimeError(f"{child} has no command")
            yield from _contexts(found, child, ctx)


def _page(ctx: click.Context) -> str:
    return "\n".join(_lines(ctx)) + "\n"


def _lines(ctx: click.Context) -> Iterator[str]:
    command, name = ctx.command, ctx.command_path.replace(" ", "-")
    text = inspect.cleandoc(command.help or "")
    yield '.\\" Written by `make docs`; edit the source instead.'
    yield f'.TH "{_text(name.upper())}" 1 "" "qualytics {qualytics.__version__}" "qualytics"'
    yield ".SH NAME"
    yield f"{_text(name)} \\- {_text(first_sentence(text).removesuffix('.'))}"
    yield ".SH SYNOPSIS"
    yield f".B {_text(ctx.command_path)}"
    yield _text(" ".join(command.collect_usage_pieces(ctx)))
    yield ".SH DESCRIPTION"
    for number, paragraph in enumerate(text.split("\n\n")):
        yield from ([".PP"] if number else [])
        yield _text(" ".join(paragraph.split()))
    yield from _examples(command)
    if isinstance(command, click.Group):
        yield from _commands(command, ctx, name)
    for title, rows in sections(command, ctx):
        yield f".SH {title.upper()}"
        for option, what in rows:
            yield from (".TP", f".B {_text(option)}", _text(" ".join(what.split())))
    if ctx.parent is None:
        yield from _exit_codes()
    yield from _see_also(ctx)


def _examples(command: click.Command) -> Iterator[str]:
    yield ".SH EXAMPLES"
    yield ".nf"
    for line in examples(command):
        yield from map(_text, folded(line, _WIDTH))
    yield ".fi"


def _commands(group: click.Group, ctx: click.Context, name: str) -> Iterator[str]:
    yield ".SH COMMANDS"
    for child in group.list_commands(ctx):
        command = group.get_command(ctx, child)
        yield from (".TP", f".BR {_text(f'{name}-{child}')} (1)")
        yield _text(first_sentence(command.help or "")) if command else ""


def _exit_codes() -> Iterator[str]:
    codes: dict[int, list[str]] = {0: ["done"]}
    for error in sorted(all_errors(), key=lambda error: error.exit_code):
        codes.setdefault(error.exit_code, []).append(error.code)
    yield ".SH EXIT STATUS"
    for code, names in (codes | {_INTERRUPTED: ["interrupted"]}).items():
        yield from (".TP", f".B {code}", _text(", ".join(names)))


def _see_also(ctx: click.Context) -> Iterator[str]:
    near = [ctx.parent] if ctx.parent else []
    names = [found.command_path.replace(" ", "-") for found in near]
    if ctx.parent is not None and isinstance(ctx.parent.command, click.Group):
        children = ctx.parent.command.list_commands(ctx.parent)
        names += [f"{names[0]}-{child}" for child in children if child != ctx.info_name]
    if names:
        yield ".SH SEE ALSO"
        yield from (f".BR {_text(name)} (1){',' if name != names[-1] else ''}" for name in names)


def _text(text: str) -> str:
    """Return a text for roff: its own characters escaped, and no line that begins as a request does."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace('"', "\\(dq")
    escaped = "".join(character if character.isascii() else f"\\[u{ord(character):04X}]" for character in escaped)
    return f"\\&{escaped}" if escaped.startswith(".") else escaped
