"""Kinds of option values: text, whole number, seconds, one of a few words; values are never repeated in errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from qualytics.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

UNSET_HINT = "an unset shell variable is the likely cause; '${NAME}' in single quotes would have been reported"

QUOTES_HINT = "put a value with spaces in quotes, as in --name 'Production DB'"
ALLOW_EMPTY_HINT = "where an empty one is meant, add --allow-empty"


def require_value(value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
    """Return the name of the option, which has a value.

    Raises:
        UsageError: the value is empty, or is the next option of the command.

    """
    option = max(param.opts, key=len) if param else "the value"
    if isinstance(param, click.Argument):
        option = param.make_metavar(ctx) if ctx else "the argument"
    if value == "":
        raise UsageError(f"{option} is empty", UNSET_HINT)
    word = str(value).partition("=")[0]
    if ctx and word == "--" and not ctx.command.allow_interspersed_args:  # behind it another command begins
        raise UsageError(f"{option} has no value: -- follows it at once", UNSET_HINT)
    if ctx and word.startswith("-") and any(word in other.opts for other in ctx.command.get_params(ctx)):
        raise UsageError(f"{option} has no value: {word} follows it at once", UNSET_HINT)
    return option


class Text(click.ParamType[Any]):
    """A text; an empty one, or one that is the next option, points at an unset shell variable."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text as it is."""
        require_value(value, param, ctx)
        return value


class SecretText(Text):
    """A password or key in a command with --allow-empty, which is parsed first and takes an empty one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text as it is."""
        if value == "" and ctx and ctx.params.get("allow_empty"):
            return value
        try:
            return super().convert(value, param, ctx)
        except UsageError as exc:
            raise UsageError(exc.message, f"{exc.hint}; {ALLOW_EMPTY_HINT}" if value == "" else exc.hint) from None


class Whole(click.ParamType[Any]):
    """A whole number in plain digits."""

    name = "integer"

    def __init__(self, minimum: int | None = None) -> None:
        self._minimum = minimum

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        option = require_value(value, param, ctx)
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", str(value)):
            hint = f"write it in plain digits, at most 18, as in {option} 1"
            raise UsageError(f"{option} must be a whole number", hint)
        number = int(value)
        if self._minimum is not None and number < self._minimum:
            raise UsageError(f"{option} must be {self._minimum} or more", f"as in {option} {self._minimum}")
        return number


class Seconds(click.ParamType[Any]):
    """A number of seconds."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        option = require_value(value, param, ctx)
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", str(value)):
            raise UsageError(f"{option} must be a number of seconds", f"as in {option} 2.5")
        return float(value)


class OneOf(click.Choice[str]):
    """One of a few words, in lower case."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(words)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word."""
        option = require_value(value, param, ctx)
        if value not in self.choices:
            from qualytics.text import alternatives, nearest

            near = nearest(str(value), self.choices)
            hint = f"did you mean {near}?" if near else f"as in {option} {self.choices[0]}"
            if param is not None and param.multiple and "," in str(value):
                hint = f"give each by itself: {' '.join(f'{option} {word}' for word in self.choices[:2])}"
            raise UsageError(f"{option} must be {alternatives(self.choices)}", hint)
        return str(value)
