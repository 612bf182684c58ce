"""Options made from the table of fields, and those that many commands share."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

from qualytics.cli import _style
from qualytics.cli._kinds import OneOf, Seconds, SecretText, Text, Whole
from qualytics.cli._output import FORMATS, WHOLE, Format, is_on_terminal
from qualytics.cli._records import RecordArgument
from qualytics.cli._values import STDIN_FIELDS
from qualytics.client import default_format
from qualytics.errors import UsageError
from qualytics.fields import BY_NAME, CREATE, FIELDS, INLINE, PARAMETER_OPTIONS, TEST, UPDATE, Field
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Command = Callable[..., Any]

SHOWN_ONCE = "the token is shown this once; keep it where no one else reads it"
_TYPE_NOTES = {TEST: "for settings that are not stored", INLINE: "for a new connection, made of the options below"}
# The fields of a connection that an update can unset.
UNSETTABLE = (*(field.name for field in FIELDS if UPDATE in field.verbs), *PARAMETER_OPTIONS)


def option(*names: str, **attrs: Any) -> Callable[[Command], Command]:
    """Return a decorator as `click.option` does; the option is made when its command is called.

    A group is imported with all its commands: those of `connections` have 250 options.
    """
    return _added(functools.partial(click.Option, names, **attrs))


def examples(*lines: str) -> Callable[[Command], Command]:
    """Return a decorator that gives a command its examples, without the name of the program; each runs as it stands."""

    def decorate(command: Command) -> Command:
        command.examples = tuple(f"qualytics {line}" for line in lines)  # type: ignore[attr-defined]
        return command

    return decorate


def field_options(verb: str) -> Callable[[Command], Command]:
    """Return a decorator that adds an option for every field of a verb, and the ways to give secrets."""
    stdin = [
        option(f"{BY_NAME[name].option}-stdin", is_flag=True, help=f"Read the {BY_NAME[name].noun} from stdin.")
        for name in STDIN_FIELDS
    ]
    fields = [_field_option(field, verb) for field in FIELDS if verb in field.verbs]
    inside = [
        option(
            "--" + name.replace("_", "-"),
            name,
            type=Text(),
            help=f"{noun[0].upper()}{noun[1:]} (supports ${{ENV_VAR}}); as {name} in --parameters.",
        )
        for name, noun in PARAMETER_OPTIONS.items()
    ]
    allow_empty = option(
        "--allow-empty", is_flag=True, is_eager=True, help="Take an empty password; without it that is an error."
    )
    return all_of(*fields, *inside, *stdin, allow_empty, env_file_option())


def common_options(*, form: bool = True, on_terminal: str | None = None) -> Callable[[Command], Command]:
    """Return a decorator that adds --color, --quiet, --debug and, but for `form=False`, how documents are written.

    A command gets that as `form`, made of --format, --columns and --jq, and of the default that the user has set, or
    that the command has `on_terminal`.
    """
    formats = option(
        *("--format", "-f", "form"),
        type=OneOf(FORMATS),
        default=FORMATS[0],
        show_default=True,
        metavar="TEXT",
        help="Output format: yaml or json; also table, wide, jsonl or csv.",
    )
    columns = option(
        "--columns",
        type=Text(),
        metavar="NAMES",
        help="Only these columns, as id,name,parameters.role.",
        shell_complete=_complete_columns,
    )
    expression = option(
        "--jq", "expression", type=Text(), metavar="EXPRESSION", help="Filter the JSON with an expression of jq."
    )
    color = option(
        "--color",
        type=OneOf(_style.WHEN),
        default=_style.WHEN[0],
        metavar="WHEN",
        expose_value=False,
        callback=_style.keep_color,
        help="Colours: auto, always or never; auto: on a terminal.",
    )
    quiet = option(
        "--quiet",
        is_flag=True,
        expose_value=False,
        callback=_style.keep_quiet,
        help="Write errors alone to stderr: no stages, notes or warnings.",
    )
    debug = option("--debug", is_flag=True, expose_value=False, help="Log to stderr what is done, secrets masked.")
    always = (color, quiet, debug)
    with_format = functools.partial(_with_format, on_terminal)
    return all_of(formats, columns, expression, *always, with_format) if form else all_of(*always)


def _with_format(on_terminal: str | None, command: Command) -> Command:
    @functools.wraps(command)
    def run(*args: Any, form: str, columns: str | None, expression: str | None, **values: Any) -> Any:
        return command(*args, form=_format(form, columns, expression, on_terminal), **values)

    return run


def _format(name: str, columns: str | None, expression: str | None, on_terminal: str | None) -> Format:
    ctx = click.get_current_context()
    is_given = ctx.get_parameter_source("form") is click.core.ParameterSource.COMMANDLINE
    if not is_given and expression is None:
        name = default_format(FORMATS) or (on_terminal if on_terminal and is_on_terminal() else name)
    if name in WHOLE and columns is None and expression is None:
        return Format(name)
    from qualytics.cli import _formats

    words = _words(ctx) + " --all" * bool(ctx.params.get("is_all"))
    return _formats.choose(words, name, columns, expression, is_given=is_given)


def _words(ctx: click.Context) -> str:
    return ctx.command_path.partition(" ")[2]


def _complete_columns(ctx: click.Context, _param: click.Parameter, text: str) -> list[str]:
    from qualytics.cli._formats import column_names

    return _continued(text, column_names(_words(ctx)))


def id_option(text: str, *, required: bool = False) -> Command:
    """Return the --id option."""
    return option("--id", "record_id", type=Whole(1), required=required, help=text)


def name_option(text: str, name: str = "name", part: str | None = None) -> Command:
    """Return the --name option of a command that finds a record of a part of the client by it."""
    return option("--name", name, type=Text(), help=text, shell_complete=part and complete_names(part))


def record_options(
    noun: str,
    action: str = "",
    *,
    part: str = "connections",
    name: str | None = "name",
    listing: str | None = None,
    is_needed: bool = True,
) -> Callable[[Command], Command]:
    """Return a decorator that adds [NAME|ID], --id and --name to a command, which gets the one given as `record`.

    `part` of the client holds the records. `name` is the parameter of --name, None where that means something else.
    """
    argument = RecordArgument(part, name, complete_names(part))
    shown = listing or f"qualytics {part} list"

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def chosen(*args: Any, **values: Any) -> Any:
            return command(*args, record=argument.choose(values, shown, is_needed=is_needed), **values)

        to_do = f" to {action}" if action else ""
        names = [name_option(f"{noun} name.", name, part)] if name else []
        return all_of(_added(argument), id_option(f"{noun} ID{to_do}."), *names)(chosen)

    return decorate


def _added(param: click.Parameter | Callable[[], click.Parameter]) -> Command:
    def decorate(command: Command) -> Command:
        command.__dict__.setdefault("__click_params__", []).append(param)
        return command

    return decorate


def types_option() -> Command:
    """Return the --type option of a command that chooses among records, which gets it as `types`."""
    text = "Comma-separated connection types."
    return option("--type", "-t", "types", type=Text(), help=text, shell_complete=complete_types)


def limit_option() -> Command:
    """Return the --limit option of a list that is whole without it."""
    return option("--limit", type=Whole(1), help="Show at most so many; all by default.")


def yes_option(text: str = "Do not ask, as a terminal would.") -> Command:
    """Return the --yes option."""
    return option("--yes", is_flag=True, help=text)


def env_file_option() -> Command:
    """Return the --env-file option."""
    return option("--env-file", type=Text(), metavar="FILE", help="NAME=VALUE lines for ${NAME} references.")


def timeout_option() -> Command:
    """Return the --timeout option."""
    return option("--timeout", "timeout_s", type=Seconds(), help="Seconds for the whole test.  [default: 10]")


class RunOptions(Struct):
    """How many connections are tested together, and what becomes of the results."""

    parallel: int | None
    fail_on: str | None
    retry: bool
    junit: str | None
    is_github: bool
    resume: int | None
    tags: tuple[str, ...]
    owner: str | None


def run_options() -> Callable[[Command], Command]:
    """Return a decorator that adds --all and what goes with it; a command gets them as `run`, None without --all."""
    added = (
        option(
            "--all", "is_all", is_flag=True, help="Test all connections, or those of --type, --name, --tag and --owner."
        ),
        option("--parallel", type=Whole(1), help="With --all: tests at once.  [default: 32]"),
        option("--fail-on", type=Text(), metavar="CLASSES", help="With --all: only these classes, as auth,dns."),
        option("--retry-transient", "retry", is_flag=True, help="With --all: retry what may pass a moment later."),
        option("--junit", type=Text(), metavar="FILE", help="With --all: write a JUnit report to a file."),
        option("--resume", type=Whole(1), metavar="ID", help="With --all: go on with a run of a control plane."),
        option("--github", "is_github", is_flag=True, help="With --all: annotate a run of GitHub Actions."),
    )

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def chosen(*args: Any, is_all: bool, **values: Any) -> Any:
            taken = {name: values.pop(name) for name in RunOptions.__annotations__}
            given = [name for name, value in taken.items() if value not in {None, False, ()}]
            if given and not is_all:
                option = _RUN_NAMES.get(given[0], f"--{given[0].replace('_', '-')}")
                raise UsageError(f"{option} is for --all", f"add --all, or leave out {option}")
            return command(*args, run=RunOptions(**taken) if is_all else None, **values)

        return all_of(*added, tag_filters())(chosen)

    return decorate


_RUN_NAMES = {"retry": "--retry-transient", "is_github": "--github", "tags": "--tag"}


def place_options() -> Callable[[Command], Command]:
    """Return a decorator that adds --database and --schema, which a test looks at and nothing stores."""
    database = option("--database", type=Text(), help="Database (catalog) to test as well; not stored.")
    schema = option("--schema", type=Text(), help="Schema to test as well; not stored.")
    return all_of(database, schema)


def complete_types(_ctx: click.Context, _param: click.Parameter, text: str) -> list[str]:
    """Return the type names that complete a comma list."""
    from qualytics.client import type_names

    return _continued(text, type_names())


def _complete_parameters(ctx: click.Context, param: click.Parameter, text: str) -> list[str]:
    from qualytics.cli import _completing_parameters

    return _completing_parameters.complete(ctx, param, text)


_COMPLETE = {"type": complete_types, "parameters": _complete_parameters}


def _continued(text: str, names: Iterable[str]) -> list[str]:
    done, comma, last = text.rpartition(",")
    return [f"{done}{comma}{name}" for name in names if name.startswith(last)]


def complete_names(part: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return what completes names of records: it gives all, of which the shell, or its answer, takes those that fit."""

    def complete(_ctx: click.Context, _param: click.Parameter, _text: str) -> list[str]:
        from qualytics.cli import _completing

        return _completing.records(part)

    return complete


def unset_option(names: Sequence[str]) -> Command:
    """Return the --unset option of a command that can unset these fields."""

    def complete(_ctx: click.Context, _param: click.Parameter, text: str) -> list[str]:
        return [name for name in names if name.startswith(text)]

    text = "Unset a field; may be repeated."
    return option("--unset", multiple=True, type=Text(), metavar="FIELD", help=text, shell_complete=complete)


def tag_filters() -> Callable[[Command], Command]:
    """Return a decorator that adds --tag and --owner to a command, which gets them as `tags` and `owner`."""
    text = "Only those with this tag; may be repeated: all of them."
    tag = option("--tag", "tags", multiple=True, type=Text(), help=text)
    owner = option("--owner", type=Text(), help="Only those of this owner, upper and lower case alike.")
    return all_of(tag, owner)


def untag_option() -> Command:
    """Return the --untag option of an update."""
    return option(
        *("--untag", "remove_tags"),
        multiple=True,
        type=Text(),
        help="Tag to take off; may be repeated.",
        callback=_listed,
    )


def _listed(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> list[str] | None:
    return list(values) or None


def _field_option(field: Field, verb: str) -> Command:
    if field.type is list:  # an update adds to what there is
        name = f"add_{field.name}" if verb == UPDATE else field.name
        text = f"{field.help[0].upper()}{field.help[1:]}; may be repeated."
        return option(field.option, name, multiple=True, type=Text(), help=text, callback=_listed)
    kind: click.ParamType[Any] = Whole() if field.type is int else SecretText() if field.is_secret else Text()
    return option(
        *(field.option, *([field.short] if field.short else [])),
        field.name,
        type=kind,
        required=field.name == "type" and verb == CREATE,
        help=_help(field, verb),
        shell_complete=_COMPLETE.get(field.name),
    )


def _help(field: Field, verb: str) -> str:
    text = field.help or field.noun
    notes = [field.note] if field.note else []
    if field.name == "type" and verb in _TYPE_NOTES:
        notes.append(_TYPE_NOTES[verb])
    elif verb == TEST:
        text = f"override {field.noun} for testing"
    elif verb == UPDATE and field.type is not dict:
        text = f"new {field.noun}"
    if field.takes_refs:
        text += " (supports ${ENV_VAR})"
    if field.is_secret:
        notes.append("- asks for it")
    return "; ".join([f"{text[0].upper()}{text[1:]}", *notes]) + "."


def all_of(*added: Command) -> Callable[[Command], Command]:
    """Return a decorator that adds options, which help lists in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(added):  # click lists the option that was added last first
            command = option(command)
        return command

    return decorate
