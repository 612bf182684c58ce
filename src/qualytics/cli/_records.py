"""Which record a command is about: a word, --id or --name; and words that belong to nothing."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from qualytics.cli._kinds import QUOTES_HINT, Text
from qualytics.errors import UsageError
from qualytics.fields import SECRETS
from qualytics.model import Word, id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Complete = Callable[[click.Context, click.Parameter, str], list[str]]

# Where click keeps the word; the options stand beside it as `record_id` and, where a name is no new one, by this name.
WORD = "word"
_NAME_FIRST = "put a value with spaces in quotes, and a name before the options"


def shown(record: int | str) -> str:
    """Return a record as a message names it: an id as it is, a name in quotes."""
    return str(record) if id_of(record) is not None else repr(str(record))


def by_option(record_id: int | None, name: str | None, listing: str, foreign: Sequence[str] = ()) -> int | str:
    """Return the record that --id or --name means, where no word can: `listing` is the command that shows both.

    `foreign` are words for another program, among which the record may stand by mistake.

    Raises:
        UsageError: both are given, or neither.

    """
    record = name if record_id is None else record_id
    if record is None:
        hint = f"{listing} shows ids and names"
        if any(word.partition("=")[0] in {"--name", "--id"} for word in foreign):
            hint = "write it before the words for the other program"
        elif foreign and _is_name("connections", foreign[0]):
            hint = f"did you mean --name {shlex.quote(foreign[0])}?"
        raise UsageError("give --name or --id", hint)
    if None not in {record_id, name}:
        raise UsageError("give either --id or --name, not both", f"{listing} shows ids and names")
    return record


class RecordArgument(click.Argument):
    """The word that names a record of a `part` of the client: connections, datastores, users or tokens."""

    def __init__(self, part: str, name_param: str | None, complete: Complete) -> None:
        super().__init__([WORD], required=False, metavar="[NAME|ID]", type=Text(), shell_complete=complete)
        self.part = part
        self.name_param = name_param
        self.what = f"Name of the {part.removesuffix('s')}, or its ID in digits."

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Return the argument and what it is, as help shows it."""
        return self.make_metavar(ctx), self.what

    def choose(self, values: dict[str, Any], listing: str, *, is_needed: bool = True) -> int | str | None:
        """Take the word, --id and --name out of the values of a call, and return the record that one of them means.

        Raises:
            UsageError: more than one is given, or none and one is needed.

        """
        word, record_id = values.pop(WORD), values.pop("record_id")
        name = values.pop(self.name_param) if self.name_param else None
        given = [value for value in (word, record_id, name) if value is not None]
        if len(given) == 1:
            return Word(word) if word is not None else given[0]
        if word is not None:
            option = "--id" if record_id is not None else "--name"
            hint = self.hint_for(f"{name} {word}") if record_id is None else None
            raise UsageError(f"a word beside {option} says which record, too", hint or f"give one; {QUOTES_HINT}")
        if given:
            return by_option(record_id, name, listing)
        if is_needed:
            raise UsageError("give a name, or --id", f"{listing} shows ids and names")
        return None

    def hint_for(self, text: str) -> str | None:
        """Return the hint that a text was meant, if there is a record of that name: nothing else is repeated."""
        option = "--name " if self.name_param else ""
        return f"did you mean {option}{shlex.quote(text)}?" if _is_name(self.part, text) else None


def require_no_stray_words(
    command: click.Command, params: dict[str, Any], args: Sequence[str], rest: Sequence[str], otherwise: str
) -> None:
    """Raise UsageError for words that belong to no option; they are not repeated: they may be half a password.

    `otherwise` is the hint where the words are neither a name nor the rest of a secret.
    """
    argument = next((param for param in command.params if isinstance(param, RecordArgument)), None)
    word = None if argument is None else params.get(WORD)
    is_split = argument is not None and (rest or word is not None) and _follows_secret(command, args)
    if not rest and not is_split:
        return
    strays = len(rest) + (is_split and word is not None)
    hint = None
    if argument is not None and not is_split:
        words = [params.get(argument.name_param or ""), word]
        hint = argument.hint_for(" ".join([*(one for one in words if one is not None), *rest]))
    message = f"{strays} words belong to no option" if strays > 1 else "1 word belongs to no option"
    raise UsageError(message, hint or (_NAME_FIRST if is_split else otherwise))


def _follows_secret(command: click.Command, args: Sequence[str]) -> bool:
    """Say whether a word comes after a secret, so that it may be the rest of one that a shell has split."""
    options = {name: param for param in command.params if isinstance(param, click.Option) for name in param.opts}
    waiting: click.Option | None = None
    is_secret = False
    for arg in args:
        if waiting is not None:
            is_secret, waiting = _is_literal_secret(waiting, arg), None
        elif arg.startswith("-") and len(arg) > 1:
            name, equals, value = arg.partition("=")
            option = options.get(name)
            is_secret = bool(option and equals) and option is not None and _is_literal_secret(option, value)
            waiting = option if option is not None and not equals and not option.is_flag else None
        elif is_secret:
            return True
    return False


def _is_literal_secret(option: click.Option, value: str) -> bool:
    # A reference is resolved here, where no shell splits it, and "-" is a question.
    return option.name in {*SECRETS, "bearer"} and value != "-" and "${" not in value


def _is_name(part: str, text: str) -> bool:
    from qualytics.client import known_names

    return text.casefold() in {name.casefold() for name in known_names(part)}
