"""What a mistyped command or option most likely meant; nothing is guessed below a fair likeness."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from qualytics.cli._kinds import QUOTES_HINT
from qualytics.errors import QualyticsError
from qualytics.fields import BY_NAME, UPDATE
from qualytics.text import alternatives, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What other tools call these commands.
_COMMANDS = {
    "list": "ls ll dir all",
    "get": "show describe info view inspect cat",
    "create": "add new make register insert",
    "update": "edit set change modify patch alter rename",
    "delete": "rm remove del drop destroy",
    "test": "check ping try validate",
    "login": "signin sign-in",
    "logout": "signout sign-out",
}
# What other tools call these options.
_OPTIONS = {
    "output": "o out file",
    "format": "o output out",
    "format json": "json",
    "format yaml": "yaml",
    "format table": "table",
    "format csv": "csv",
    "username": "user u login uid account",
    "password": "pass passwd pwd",
    "host": "server hostname endpoint",
    "uri": "url path file bucket",
    "url": "uri host server",
    "database": "db dbname catalog",
    "access-key": "access-key-id aws-access-key-id key",
    "secret-key": "secret secret-access-key aws-secret-access-key",
    "parameters": "params param properties options extra config",
    "debug": "verbose v trace",
    "type": "kind driver engine",
    "name": "connection datastore",
    "timeout": "wait seconds",
    "context": "profile",
    "limit": "max count head",
    "catalog": "database db dbname",
    "listen": "port bind host address",
    "sql": "query q statement",
    "where": "filter",
    "columns": "select fields cols",
    "parallel": "jobs j threads partitions num-partitions",
    "fetch-size": "fetchsize batch-size chunk-size chunksize",
    "overwrite": "force replace",
}
_LEAST = 3  # letters of a beginning that is taken for the whole
_LIKE = r"-(-[a-z][a-z0-9-]{0,63}|[A-Za-z])"


def command_hint(ctx: click.Context, group: click.Group, words: list[str]) -> str:
    """Return what to do about words that begin with no command of a group."""
    name, rest = words[0].casefold(), words[1:]
    if name in {"help", "version"}:
        is_root = ctx.parent is None
        return f"did you mean {ctx.find_root().command_path if is_root else ctx.command_path} --{name}?"
    own = group.list_commands(ctx)
    alias = _alias(name)
    if name not in own and alias in own:
        return f"did you mean {alias}?"
    if name not in own and (moved := _elsewhere(ctx, {name, alias}, rest)):
        return f"did you mean {moved}?"
    guess = _near(name, own)
    if guess is None:
        return f"{ctx.command_path} --help lists the commands"
    child = group.get_command(ctx, guess)
    if isinstance(child, click.Group) and rest and rest[0] in child.list_commands(ctx):
        return f"did you mean {ctx.command_path} {guess} {rest[0]}?"
    return f"did you mean {guess}?"


def option_error(ctx: click.Context, option: str) -> tuple[str, str]:
    """Return what is wrong with an option that a command does not have, and what to do."""
    if not re.fullmatch(_LIKE, option):  # part of a value, perhaps: a password may begin with a dash
        return "there is no such option", QUOTES_HINT
    word = option.lstrip("-")
    field = BY_NAME.get(word.replace("-", "_"))
    if field and UPDATE not in field.verbs and ctx.command_path.endswith("connections update"):
        return f"the {field.noun} of a connection cannot change", "create a new one: qualytics connections create"
    hints = _above_hints(ctx, ctx.command, word) if isinstance(ctx.command, click.Group) else _hints(ctx, word)
    return f"there is no option {option}", next(hints, f"{ctx.command_path} --help shows the options")


def _hints(ctx: click.Context, word: str) -> Iterator[str]:
    own = _options(ctx.command)
    yield from (f"did you mean --{alias}?" for alias in _aliases(word) if alias.partition(" ")[0] in own)
    if "parameters" in own and (name := word.replace("-", "_")) in _parameters():
        yield f"""did you mean --parameters '{{"{name}": …}}'?"""
    if guess := _near(word, own):
        yield f"did you mean --{guess}?"
    if ctx.parent is not None and isinstance(ctx.parent.command, click.Group):
        others = [name for name, command in _commands(ctx.parent, ctx.parent.command) if word in _options(command)]
        if others:
            yield f"--{word} is an option of {ctx.parent.command_path} {alternatives(others)}"


def _above_hints(ctx: click.Context, group: click.Group, word: str) -> Iterator[str]:
    below = {word for _, command in _commands(ctx, group) for word in _options(command)}
    for alias in (word, *_aliases(word)):
        if alias.partition(" ")[0] in below:
            yield f"did you mean {ctx.command_path} COMMAND --{alias}?"


def _alias(word: str) -> str | None:
    return next((name for name, words in _COMMANDS.items() if word in words.split()), None)


def _aliases(word: str) -> list[str]:
    return [name for name, words in _OPTIONS.items() if word in words.split()]


def _near(word: str, names: Iterable[str]) -> str | None:
    names = list(names)
    begun = [name for name in names if len(word) >= _LEAST and name.startswith(word)]
    return begun[0] if len(begun) == 1 else nearest(word, names)


def _elsewhere(ctx: click.Context, names: set[str | None], rest: list[str]) -> str | None:
    """Return the command that a word is in another group: the one that the next word names, or the first."""
    root = ctx.find_root()
    if not isinstance(root.command, click.Group) or (ctx.parent is not None and ctx.command.name in names):
        return None
    places = [path for path in _paths(root, root.command) if path[-1] in names]
    named = _near(rest[0].casefold(), root.command.list_commands(root)) if rest else None
    chosen = next((path for path in places if path[0] == named), next(iter(places), None))
    return f"{root.command_path} {' '.join(chosen)}" if chosen else None


def _paths(ctx: click.Context, group: click.Group, trail: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in _commands(ctx, group):
        yield (*trail, name)
        if isinstance(command, click.Group):
            yield from _paths(ctx, command, (*trail, name))


def _commands(ctx: click.Context, group: click.Group) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(ctx):
        try:
            command = group.get_command(ctx, name)
        except QualyticsError:  # an extra is missing: what needs it cannot have been meant
            continue
        if command is not None:
            yield name, command


def _options(command: click.Command) -> list[str]:
    return [name[2:] for param in command.params for name in param.opts if name.startswith("--")]


def _parameters() -> set[str]:
    from qualytics.client import type_document, type_names

    return {param["name"] for name in type_names() for param in type_document(name)["parameters"]}
