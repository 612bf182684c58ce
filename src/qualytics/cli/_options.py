"""Options made from the table of fields, and how their values become the fields of a request."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from qualytics.cli._output import FORMATS
from qualytics.errors import InvalidInput, Problem, UsageError
from qualytics.fields import BY_NAME, CREATE, FIELDS, MAX_SECRET, TEST, UPDATE, Field
from qualytics.secret import References, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Command = Callable[..., Any]

_STDIN_FIELDS = ("password", "secret_key")
_MAX_FILE = 1_048_576
_ENV_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)\Z", re.DOTALL)


class Text(click.ParamType[Any]):
    """A text; an empty one, or one that is the next option, points at an unset shell variable."""

    name = "text"

    def __init__(self, *, may_be_empty: bool = False) -> None:
        """Take whether '' is a value."""
        self._may_be_empty = may_be_empty

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text as it is."""
        option = param.opts[0] if param else "the option"
        if value == "" and not self._may_be_empty:
            raise UsageError(f"{option} is empty", _UNSET_HINT)
        if ctx and isinstance(value, str) and any(value in other.opts for other in ctx.command.params):
            raise UsageError(f"{option} has no value: {value} follows it at once", _UNSET_HINT)
        return value


_UNSET_HINT = "an unset shell variable is the likely cause; '${NAME}' in single quotes would have been reported"


class Whole(click.ParamType[Any]):
    """A whole number in plain digits."""

    name = "integer"

    def __init__(self, minimum: int | None = None) -> None:
        """Take the smallest number, if there is one."""
        self._minimum = minimum

    def convert(self, value: Any, param: click.Parameter | None, _ctx: click.Context | None) -> int:
        """Return the number."""
        option = param.opts[0] if param else "the option"
        text = str(value)
        if not text:
            raise UsageError(f"{option} is empty", _UNSET_HINT)
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            raise UsageError(f"{option} must be a whole number")
        number = int(text)
        if self._minimum is not None and number < self._minimum:
            raise UsageError(f"{option} must be {self._minimum} or more")
        return number


class Seconds(click.ParamType[Any]):
    """A number of seconds."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, _ctx: click.Context | None) -> float:
        """Return the number."""
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", str(value)):
            raise UsageError(f"{param.opts[0] if param else 'the option'} must be a number of seconds")
        return float(value)


def field_options(verb: str) -> Callable[[Command], Command]:
    """Return a decorator that adds an option for every field of a verb, and the ways to give secrets."""
    added = [
        click.option("--env-file", type=Text(), metavar="FILE", help="NAME=VALUE lines for ${NAME} references."),
        *(
            click.option(f"{BY_NAME[name].option}-stdin", is_flag=True, help=f"Read {BY_NAME[name].help} from stdin.")
            for name in reversed(_STDIN_FIELDS)
        ),
        *(_field_option(field, verb) for field in reversed(FIELDS) if verb in field.verbs),
    ]  # fmt: skip
    return _all(added)


def common_options(*, form: bool = True) -> Callable[[Command], Command]:
    """Return a decorator that adds --format and --debug."""
    added = [
        click.option("--debug", is_flag=True, expose_value=False, help="Log what happens to stderr, without secrets.")
    ]
    if form:
        added.append(
            click.option(
                "--format", "-f", "form", type=click.Choice(FORMATS), default="yaml", show_default=True, help="Format."
            )
        )  # fmt: skip
    return _all(added)


def id_option(what: str, *, required: bool = False) -> Command:
    """Return the --id option."""
    return click.option("--id", "record_id", type=Whole(1), required=required, help=f"{what} ID.")


def timeout_option() -> Command:
    """Return the --timeout option."""
    return click.option("--timeout", "timeout_s", type=Seconds(), help="Seconds for the whole test.  [default: 10]")


def collect(ctx: click.Context, options: dict[str, Any]) -> dict[str, Any]:
    """Take the field options out of `options` and return the fields to send, references resolved.

    Every secret among them is remembered in `ctx` for masking.

    Raises:
        UsageError: options that exclude each other, or a secret that cannot be asked for.
        InvalidInput: bad references or bad JSON, all of them at once.

    """
    stdin = [name for name in _STDIN_FIELDS if options.pop(f"{name}_stdin", False)]
    if len(stdin) > 1:
        raise UsageError("two options want standard input", "give one of them in another way")
    env_file = options.pop("env_file", None)
    given = {name: options.pop(name) for name in BY_NAME if name in options and ctx_has(ctx, name)}
    for name in stdin:
        if given.get(name) is not None:
            raise UsageError(f"{BY_NAME[name].option} and {BY_NAME[name].option}-stdin exclude each other")
    given = {name: value for name, value in given.items() if value is not None}
    fields = _resolved(given, os.environ if env_file is None else {**os.environ, **read_env_file(env_file)})
    for name in stdin:
        fields[name] = _from_stdin(BY_NAME[name])
    remember(ctx, (Secret(fields[name]) for name in fields if BY_NAME[name].is_secret))
    return fields


def ctx_has(ctx: click.Context, name: str) -> bool:
    """Say whether the running command has a field's option (and not another of that name)."""
    return any(getattr(param, "is_field", False) and param.name == name for param in ctx.command.params)


def remember(ctx: click.Context, secrets: Any) -> None:
    """Keep secrets of this call, so that no message shows them."""
    ctx.find_root().obj.extend(secrets)


def choose(record_id: int | None, name: str | None, find: Callable[[str], int]) -> int:
    """Return the id that --id or --name means.

    Raises:
        UsageError: both or neither are given.

    """
    if (record_id is None) == (name is None):
        raise UsageError("give either --id or --name", "qualytics connections list shows both")
    return record_id if record_id is not None else find(str(name))


def read_env_file(path: str) -> dict[str, str]:
    """Return the variables of a file of NAME=VALUE lines.

    `#` starts a comment line, `export ` may stand before a name, one pair of quotes around a value
    is removed; nothing is expanded.

    Raises:
        UsageError: the file cannot be read, or a line is something else; the line is not repeated.

    """
    found: dict[str, str] = {}
    for number, line in enumerate(read_file(path, "--env-file").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _ENV_LINE.match(text)
        if match is None:
            raise UsageError(f"--env-file: line {number} of {path} is not NAME=VALUE")
        value = match["value"].strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[match["name"]] = value
    return found


def read_file(path: str, option: str) -> str:
    """Return the text of a file that an option names.

    Raises:
        UsageError: it cannot be read, is larger than 1 MiB, or is not UTF-8.

    """
    try:
        with open(path, "rb") as file:
            raw = file.read(_MAX_FILE + 1)
    except (OSError, ValueError) as exc:
        raise UsageError(f"{option}: {path}: {getattr(exc, 'strerror', None) or exc}") from exc
    if len(raw) > _MAX_FILE:
        raise UsageError(f"{option}: {path} is larger than 1 MiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise UsageError(f"{option}: {path} is not UTF-8") from exc


def _field_option(field: Field, verb: str) -> Command:
    kind: click.ParamType[Any] = Whole() if field.type is int else Text(may_be_empty=field.name == "password")
    names = [field.option, *([field.short] if field.short else [])]
    return click.option(
        *names,
        field.name,
        type=kind,
        cls=_FieldOption,
        required=field.name == "type" and verb == CREATE,
        metavar="JSON" if field.type is dict else None,
        help=_help(field, verb),
        shell_complete=_complete_type if field.name == "type" else None,
    )


class _FieldOption(click.Option):
    is_field = True


def _help(field: Field, verb: str) -> str:
    text = {CREATE: field.help, UPDATE: f"new {field.help}", TEST: f"override {field.help} for testing"}[verb]
    if verb == TEST and field.name == "type":
        text = f"{field.help}, for settings that are not stored"
    refs = " (supports ${ENV_VAR})" if field.takes_refs else ""
    prompt = "; - asks for it" if field.is_secret else ""
    return f"{text[0].upper()}{text[1:]}{refs}{prompt}."


def complete_types(text: str) -> list[str]:
    """Return the type names that complete a comma list."""
    from qualytics.client import type_names

    done, comma, last = text.rpartition(",")
    return [f"{done}{comma}{name}" for name in type_names() if name.startswith(last)]


def _complete_type(_ctx: click.Context, _param: click.Parameter, text: str) -> list[str]:
    return complete_types(text)


def _all(added: list[Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in added:
            command = option(command)
        return command

    return decorate


def _resolved(given: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    references = References(variables)
    fields: dict[str, Any] = {}
    for name, value in given.items():
        field = BY_NAME[name]
        if field.type is dict:
            fields[name] = references.resolve(field.option, _parameters(value))
        elif field.is_secret and value == "-":
            fields[name] = _from_prompt(field)
        elif field.takes_refs:
            fields[name] = references.resolve(field.option, value, may_be_empty=name == "password")
        else:
            fields[name] = value
    references.finish()
    return fields


def _parameters(text: str) -> dict[str, Any]:
    from qualytics import strict_json

    text = read_file(text[1:], "--parameters") if text.startswith("@") else text
    try:
        value = strict_json.loads(text)
    except ValueError as exc:
        hint = """write it as '{"role": "ANALYST"}', in single quotes, or as @file.json"""
        raise InvalidInput([Problem("--parameters", f"--parameters: {exc}", hint)]) from None
    if not isinstance(value, dict):
        raise InvalidInput(
            [Problem("--parameters", "--parameters: must be a JSON object", 'as in \'{"role": "ANALYST"}\'')]
        )
    return value


def _from_stdin(field: Field) -> str:
    raw = sys.stdin.buffer.read(4 * MAX_SECRET + 1)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise UsageError(f"{field.option}-stdin: standard input is not UTF-8") from None
    # One line end is the habit of echo and of editors, not a part of the secret.
    text = text.removesuffix("\n").removesuffix("\r")
    if not text and field.name != "password":
        raise UsageError(f"{field.option}-stdin: standard input is empty")
    return text


def _from_prompt(field: Field) -> str:
    if not sys.stdin.isatty():
        raise UsageError(
            f"{field.option} - asks on a terminal, and there is none",
            f"pipe it into {BY_NAME['password'].option}-stdin, or use {field.option} '${{NAME}}'",
        )
    import getpass

    return getpass.getpass(f"{field.name.replace('_', ' ').capitalize()}: ")
