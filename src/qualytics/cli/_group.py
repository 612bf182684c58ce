"""Commands and groups: loaded when they are called, with the nearest name for a mistyped one."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import click

from qualytics.cli import _output as output
from qualytics.cli._call import current
from qualytics.cli._kinds import QUOTES_HINT
from qualytics.cli._records import require_no_stray_words
from qualytics.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from click.shell_completion import CompletionItem


class _Context(click.Context):
    """What help is as wide as: the terminal."""

    def make_formatter(self) -> click.HelpFormatter:
        """Return what writes the help."""
        from qualytics.cli._help import Formatter

        return Formatter(self.max_content_width)


class _Helpful(click.Command):
    """Writes its help the way documents are written, so that a full disk or a closed pipe is told."""

    context_class = _Context

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then the commands of a group, then the options."""
        from qualytics.cli import _help

        _help.write_examples(self, formatter)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        _help.write_options(self, ctx, formatter)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the help option; click's own text is looked up in catalogs of languages, which takes 2 ms a call."""
        names = self.get_help_option_names(ctx)
        if self._help_option is None and names:
            text = "Show this message and exit."
            how: dict[str, Any] = {"is_flag": True, "is_eager": True, "expose_value": False, "callback": _show_help}
            self._help_option = click.Option([*names, "show_help"], help=text, **how)
        return self._help_option


def _show_help(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        output.write_text(ctx.get_help() + "\n")
        ctx.exit()


class Command(_Helpful):
    """A command; words that belong to no option are told without repeating them: they may be half a password."""

    def __init__(self, *args: Any, stray_hint: str = QUOTES_HINT, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.stray_hint = stray_hint
        self.allow_extra_args = True  # what is left over is reported below

    @property
    def params(self) -> list[click.Parameter]:
        """Return the options and arguments, which are made when somebody asks for them."""
        self._params[:] = [param if isinstance(param, click.Parameter) else param() for param in self._params]
        return self._params

    @params.setter
    def params(self, params: list[click.Parameter]) -> None:
        self._params: list[Any] = params  # click hands on what decorators left: some are yet to be made

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options, and raise UsageError when words are left over."""
        try:
            given = tuple(args)
            rest = super().parse_args(ctx, args)
        except click.UsageError as exc:
            exc.ctx = exc.ctx or ctx  # the parser does not know it; hints name the command
            raise
        if not ctx.resilient_parsing:
            require_no_stray_words(self, ctx.params, given, rest, self.stray_hint)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        current(ctx).note_start(ctx)
        return super().invoke(ctx)


class SuggestingGroup(_Helpful, click.Group):
    """A group that answers a mistyped command with the nearest one."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or raise UsageError with the nearest name."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            from qualytics.cli._guess import command_hint

            raise UsageError(f"there is no command {name!r}", command_hint(ctx, self, args))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with the first sentence of its help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, line in self.lines(ctx)])

    def lines(self, ctx: click.Context) -> Iterator[tuple[str, str]]:
        """Yield the name of each command and the first sentence of its help."""
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None:
                yield name, first_sentence(command.help or "")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands, with the lines of help, and the options that complete a word."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=line) for name, line in self.lines(ctx) if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


def first_sentence(text: str) -> str:
    """Return the first sentence of a help, in one line."""
    return " ".join(text.split("\n\n", maxsplit=1)[0].split()).split(". ")[0].removesuffix(".") + "."


class LazyGroup(SuggestingGroup):
    """A group whose commands are imported when they are called; their help lines stand in the table."""

    def __init__(
        self, *args: Any, table: Mapping[str, tuple[str, str]], examples: Sequence[str] = (), **attrs: Any
    ) -> None:
        super().__init__(*args, **attrs)
        self._table = table
        self.examples = examples

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self._table)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in self._table:
            return None
        module, attribute = self._table[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(f"qualytics.cli.{module}"), attribute)
        return command

    def lines(self, _ctx: click.Context) -> Iterator[tuple[str, str]]:
        """Yield the name of each command and its help line, without importing anything."""
        for name, (_, line) in self._table.items():
            yield name, line
