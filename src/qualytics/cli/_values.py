"""How what was typed becomes the fields of a request: references, files, standard input and prompts."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

from qualytics.cli._call import current
from qualytics.cli._kinds import ALLOW_EMPTY_HINT
from qualytics.errors import InvalidInput, Problem, UsageError
from qualytics.fields import BY_NAME, MAX_SECRET, PARAMETER_OPTIONS, TAG_CHANGES, Field
from qualytics.secret import References, Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import click

STDIN_FIELDS = ("password", "secret_key")
_MAX_FILE = 1_048_576
_ENV_LINE = r"(?s)(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)\Z"


def collect(ctx: click.Context, options: dict[str, Any], table: Mapping[str, Field] = BY_NAME) -> dict[str, Any]:
    """Take the options that are fields of the table out of `options` and return them, references resolved.

    Every secret among them is remembered in the call for masking.

    Raises:
        UsageError: options that exclude each other, or a secret that cannot be asked for.
        InvalidInput: bad references or bad JSON, all of them at once.

    """
    stdin = [field for name, field in table.items() if options.pop(f"{name}_stdin", False)]
    env_file = options.pop("env_file", None)
    allow_empty = options.pop("allow_empty", None)  # None: the command has no such option
    given = {name: value for name in table if (value := options.pop(name, None)) is not None}
    tags = {name: value for name in TAG_CHANGES if (value := options.pop(name, None)) is not None}
    inside = {name: value for name in PARAMETER_OPTIONS if (value := options.pop(name, None)) is not None}
    _check_stdin(stdin, given)
    variables = os.environ if env_file is None else {**os.environ, **read_env_file(env_file)}
    asked = [table[name] for name, value in given.items() if table[name].is_secret and value == "-"]
    for field in asked:
        _require_terminal(field)
    call = current(ctx)
    call.typed = any(table[name].is_secret and value != "-" and "${" not in value for name, value in given.items())
    references = References(variables)
    fields = {name: _resolved(references, table[name], value, allow_empty) for name, value in given.items()}
    inside = {name: references.resolve("--" + name.replace("_", "-"), value) for name, value in inside.items()}
    references.finish()
    if inside:
        fields["parameters"] = _with_inside(fields.get("parameters", {}), inside)
    if references.used:
        call.note(f"resolved {' '.join(references.used)}")
    fields |= {field.name: _from_prompt(field, allow_empty) for field in asked}
    fields |= {field.name: _from_stdin(field, allow_empty) for field in stdin}
    secrets = [Secret(value) for name, value in fields.items() if table[name].is_secret]
    call.remember(secrets, (value for name, value in fields.items() if not table[name].is_secret))
    return fields | tags


def read_env_file(path: str) -> dict[str, str]:
    """Return the variables of a file of NAME=VALUE lines.

    `#` starts a comment line, `export ` may stand before a name, one pair of quotes around a value
    is removed; nothing is expanded.

    Raises:
        UsageError: the file cannot be read, or a line is something else; the line is not repeated.

    """
    variables: dict[str, str] = {}
    # Only these end a line: a password may hold one of the other characters that splitlines() takes.
    for number, line in enumerate(read_file(path, "--env-file").replace("\r\n", "\n").split("\n"), start=1):
        text = line.strip(" \t")
        if not text or text.startswith("#"):
            continue
        match = re.match(_ENV_LINE, text)
        if match is None:
            hint = "a line is NAME=VALUE, a comment after #, or empty"
            raise UsageError(f"--env-file: line {number} of {path} is not NAME=VALUE", hint)
        value = match["value"].strip(" \t")
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        variables[match["name"]] = value
    return variables


def read_file(path: str, option: str) -> str:
    """Return the text of a file that an option names.

    Raises:
        UsageError: it cannot be read, is larger than 1 MiB, or is not UTF-8.

    """
    try:
        with open(path, "rb") as file:
            raw = file.read(_MAX_FILE + 1)
    except (OSError, ValueError) as exc:
        why = getattr(exc, "strerror", None) or "holds a null byte"
        raise UsageError(f"{option}: {path}: {why.lower()}", f"check the path that {option} names") from exc
    if len(raw) > _MAX_FILE:
        raise UsageError(f"{option}: {path} is larger than 1 MiB", "check that it is the right file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise UsageError(
            f"{option}: {path} is not UTF-8", "check that it is the right file, and save it as UTF-8"
        ) from exc


def _check_stdin(stdin: Sequence[Field], given: Mapping[str, Any]) -> None:
    if len(stdin) > 1:
        raise UsageError(
            f"{' and '.join(field.option + '-stdin' for field in stdin)} both read standard input",
            f"give one of them in another way, as in {stdin[0].option} '${{NAME}}'",
        )
    for field in stdin:
        option = field.option
        if field.name in given:
            raise UsageError(f"{option} and {option}-stdin exclude each other", "drop one of the two")
        if _is_terminal():
            raise UsageError(
                f"{option}-stdin reads a pipe or a file, and standard input is a terminal",
                f"{option} - asks for it without showing it",
            )


def _with_inside(parameters: dict[str, Any], inside: Mapping[str, Any]) -> dict[str, Any]:
    # Keys are compared in lower case, as they are kept.
    given = {key.casefold(): value for key, value in parameters.items()}
    for name, value in inside.items():
        if name in given and given[name] != value:
            option = "--" + name.replace("_", "-")
            raise UsageError(f"{option} and {name} in --parameters have different values", "drop one of the two")
    return parameters | {name: value for name, value in inside.items() if name not in given}


def _resolved(references: References, field: Field, value: str, allow_empty: bool | None) -> Any:
    if field.type is dict:
        return references.resolve(field.option, _parameters(value))
    if field.takes_refs:
        may_be_empty = field.name == "password" or (field.is_secret and bool(allow_empty))
        return references.resolve(field.option, value, may_be_empty=may_be_empty)
    return value


def _parameters(text: str) -> dict[str, Any]:
    from qualytics import strict_json

    text = read_file(text[1:], "--parameters") if text.startswith("@") else text
    try:
        value = strict_json.loads(text)
    except ValueError as exc:
        hint = """write it as '{"role": "ANALYST"}', in single quotes, or as @file.json"""
        raise InvalidInput([Problem("--parameters", f"--parameters: {exc}", hint)]) from None
    if not isinstance(value, dict):
        hint = """as in --parameters '{"role": "ANALYST"}'"""
        raise InvalidInput([Problem("--parameters", "--parameters must be a JSON object", hint)])
    return value


def _allowing(allow_empty: bool | None) -> str:
    return "" if allow_empty is None else f"; {ALLOW_EMPTY_HINT}"


def _from_stdin(field: Field, allow_empty: bool | None) -> str:
    option = f"{field.option}-stdin"
    if sys.stdin is None:
        raise UsageError(f"{option}: standard input is closed", f"pipe the {field.noun} into the command")
    raw = sys.stdin.buffer.read(4 * MAX_SECRET + 3)
    if len(raw) > 4 * MAX_SECRET + 2:  # four bytes a character, and a line end
        raise UsageError(f"{option}: standard input holds too much", f"{MAX_SECRET:,} characters are the most")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise UsageError(f"{option}: standard input is not UTF-8", "convert it, as with iconv -t UTF-8") from None
    # One line end is the habit of echo and of editors, not a part of the secret.
    text = text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")
    if not text and not allow_empty:
        hint = f"what writes the {field.noun} into the pipe printed nothing: run it alone"
        raise UsageError(f"{option}: standard input is empty", hint + _allowing(allow_empty))
    return text


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _require_terminal(field: Field) -> None:
    if not _is_terminal():
        stdin = f"pipe it into {field.option}-stdin, or use " if field.name in STDIN_FIELDS else "use "
        raise UsageError(
            f"{field.option} - asks on a terminal, and there is none", f"{stdin}{field.option} '${{NAME}}'"
        )


def _from_prompt(field: Field, allow_empty: bool | None) -> str:
    from qualytics.cli._prompts import MAX_LINE, NoTerminal, hidden_line

    instead = f"use {field.option} '${{NAME}}'"
    try:
        line = hidden_line(f"{field.noun.capitalize()}: ")
        typed = line.decode(sys.stdin.encoding)
    except NoTerminal as exc:  # rather no answer than one that everybody sees
        raise UsageError("the terminal cannot hide what is typed", instead) from exc
    except EOFError:
        raise UsageError(f"no {field.noun} was typed", f"run it again, or {instead}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the {field.noun} that was typed is not {sys.stdin.encoding} text", instead) from None
    if len(line) >= MAX_LINE:
        raise UsageError(f"a terminal takes {MAX_LINE:,} bytes a line, so the {field.noun} may be cut", instead)
    if not typed and not allow_empty:
        raise UsageError(f"no {field.noun} was typed", "run it again" + _allowing(allow_empty))
    return typed


def unset_fields(unset: Iterable[str], given: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """Return the fields of --unset, each None; parameters stand inside the given ones.

    Raises:
        UsageError: one is no field that can be unset, or is given as well.

    """
    names = [text.removeprefix("--").replace("-", "_") for text in unset]
    parameters = given.get("parameters") or {}
    for name in names:
        if name not in known:
            raise UsageError(f"--unset: there is no field {name!r} to unset", f"the fields are {', '.join(known)}")
        if name in given or name in parameters:
            raise UsageError(f"{name} is both given and unset", "drop one of the two")
    inside = dict.fromkeys(name for name in names if name in PARAMETER_OPTIONS)
    plain: dict[str, Any] = dict.fromkeys(name for name in names if name not in PARAMETER_OPTIONS)
    return ({"parameters": {**parameters, **inside}} if inside else {}) | plain
