"""`qualytics config`: connections and datastores as files: export, plan, apply, schema."""

from __future__ import annotations

import contextlib
import os
import re
from collections import ChainMap
from typing import TYPE_CHECKING, Any

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._call import current
from qualytics.cli._group import SuggestingGroup
from qualytics.cli._kinds import Text
from qualytics.cli._questions import can_ask, require_yes
from qualytics.cli._values import read_env_file
from qualytics.client import connect
from qualytics.errors import Conflict, InvalidInput, QualyticsError, TestFailed, UsageError
from qualytics.packed import PackedList

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qualytics.exchange.config_files import Configuration
    from qualytics.types import ConfigTestResult

_PENDING = 7
_COUNTS = ("create", "update", "delete")


@click.group(cls=SuggestingGroup)
@options.examples(
    "config export --output ./config",
    "config plan ./config",
    "config apply ./config --yes",
)
def group() -> None:
    """Keep connections and datastores as files: export them, plan and apply changes."""


@group.command()
@options.examples(
    "config export --output ./config",
    "config export --output ./config --type postgresql,snowflake --name prod",
    "config export --output ./finance --tag finance",
)
@options.option("--output", "folder", type=Text(), default=".", metavar="DIR", help="Folder to write to.  [default: .]")
@options.name_option("Only connections with this part in their name, upper and lower case alike.")
@options.types_option()
@options.tag_filters()
@options.common_options()
def export(
    *,
    folder: str,
    name: str | None,
    types: str | None,
    tags: tuple[str, ...],
    owner: str | None,
    form: output.Format,
) -> None:
    """Write a YAML file for each connection, and for each datastore on it; secrets as ${NAME}, never their values.

    Files that are the same stay untouched.
    """
    from qualytics.client import parse_types
    from qualytics.exchange import config_files
    from qualytics.exchange.folder import FileFault, Folder

    wanted_types = parse_types(types) if types else ()

    with connect() as client, Folder.open(folder, make=True) as opened:
        wanted = None
        if name or types or tags or owner is not None:
            wanted = {one["id"] for one in client.connections.list(name, wanted_types, tags=tags, owner=owner)}
        try:
            done = config_files.write(
                opened,
                client.connections.list(),
                client.config.datastores(),
                output.dump_yaml,
                lambda document: wanted is None or document["id"] in wanted,
            )
        except FileFault as exc:
            raise QualyticsError(f"{folder}/{exc.args[0]}", "nothing outside of the folder is written") from exc
    output.write_document({"folder": folder, **done}, form)


@group.command()
@options.examples(
    "config schema --type postgresql",
)
@options.option("--type", "-t", "type_name", type=Text(), help="Connection type; without it, that of a datastore.")
@options.common_options()
def schema(*, type_name: str | None, form: output.Format) -> None:
    """Print the JSON Schema of a file, as export writes them to DIR/.schema for editors."""
    from qualytics.exchange import schemas

    output.write_document(schemas.of_type(type_name) if type_name else schemas.of_datastore(), form)


_reading = options.all_of(
    click.argument("folder", type=Text(), metavar="DIR"),
    options.env_file_option(),
    options.option(
        "--prune", is_flag=True, help="Delete what is stored and the folder does not hold, if it has such files."
    ),
)


@group.command()
@options.examples(
    "config plan ./config",
    "config plan ./config --prune --format table --exit-code",
)
@_reading
@options.option("--exit-code", is_flag=True, help="Exit with 7 when changes are pending.")
@options.common_options()
@click.pass_context
def plan(
    ctx: click.Context, *, folder: str, env_file: str | None, prune: bool, exit_code: bool, form: output.Format
) -> None:
    """Show what an apply of DIR would create, update and delete; store nothing.

    A secret that is wholly one ${NAME} is taken of the environment, and is shown as changed or given, never itself.
    """
    found = _read(ctx, folder, env_file)
    with connect() as client:
        document = _with_changes(client.config.plan, _config(found, prune=prune))
    output.write_document(_shown(document, found), form)
    _say_left_out(folder, found)
    output.flush()
    if _say_faults(ctx, folder, found, document):
        ctx.exit(_error_of(found, document).exit_code)
    ctx.exit(_PENDING if exit_code and len(document["changes"]) else 0)


@group.command("apply")
@options.examples(
    "config apply ./config --yes",
    "config apply ./config --test --timeout 5 --yes",
)
@_reading
@options.option("--test", "run_test", is_flag=True, help="Test what is new or changed first; apply only if all pass.")
@options.timeout_option()
@options.yes_option("Do not ask; needed off a terminal.")
@options.common_options()
@click.pass_context
def apply_(
    ctx: click.Context,
    *,
    folder: str,
    env_file: str | None,
    prune: bool,
    run_test: bool,
    timeout_s: float | None,
    yes: bool,
    form: output.Format,
) -> None:
    """Do what a plan of DIR shows, all of it or nothing; a second time changes nothing.

    With --test, connections that would be created or changed are tested with the values of their files. When one
    fails, the reports of those that failed are printed and nothing is applied.
    """
    if timeout_s is not None and not run_test:
        raise UsageError("--timeout is for --test", "add --test, or leave out --timeout")
    found = _read(ctx, folder, env_file)
    config, how = _config(found, prune=prune), {"test": run_test, "timeout_s": timeout_s}
    with connect() as client:
        document = None
        try:
            if yes and not found.faults:
                with contextlib.suppress(InvalidInput, Conflict):  # a plan tells where each fault stands
                    document = _with_changes(client.config.apply, config, **how)
            if document is None:
                document = _with_changes(client.config.plan, config)
                if _say_faults(ctx, folder, found, document):
                    error, hint = _error_of(found, document), f"qualytics config plan {folder} shows them"
                    raise error(f"nothing was applied: {folder} has faults", hint)
                if len(document["changes"]):
                    _confirm(document, yes=yes)
                    document = _with_changes(client.config.apply, config, plan=document["plan"], **how)
        except TestFailed as exc:
            _show_failures(exc.failures, form)
            raise
    output.write_document(_shown(document, found), form)
    _say_left_out(folder, found)


def _show_failures(failures: Sequence[ConfigTestResult], form: output.Format) -> None:
    if form.name in {"table", "wide", "csv"}:  # whose columns are those of a plan
        from qualytics.cli import _formats

        form = _formats.choose("connections test --all", form.name, None, None, is_given=True)
    output.write_list(failures, form)
    output.flush()
    for report in failures:
        output.say_failed(f"the test of connection {report['name']!r}", report, is_shown=False)


def _confirm(document: Mapping[str, Any], *, yes: bool) -> None:
    counts = ", ".join(f"{name} {document[name]:,}" for name in _COUNTS if document[name])
    if not yes and not can_ask():
        raise UsageError("--yes is missing, and there is no terminal to ask on", "look at the plan, then add --yes")
    require_yes(f"apply the plan ({counts})?", yes=yes)


def _read(ctx: click.Context, path: str, env_file: str | None) -> Configuration:
    from qualytics.exchange import config_files
    from qualytics.exchange.folder import Folder

    variables = os.environ if env_file is None else ChainMap(read_env_file(env_file), os.environ)
    with Folder.open(path) as folder:
        found = config_files.read(folder, variables)
    if not found.folders and not found.faults:
        hint = f"qualytics config export --output {path}"
        if os.path.basename(os.path.normpath(path)) in config_files.SORTS:
            hint = "name the folder that this one is in"
        raise UsageError(f"{path} has neither connections nor datastores", hint)
    current(ctx).remember_all(found.secrets)
    return found


def _with_changes(verb: Callable[..., Any], config: Mapping[str, Any], **how: Any) -> dict[str, Any]:
    """Return the document of a plan or an apply, its changes in a list that is read as it is written."""
    changes = PackedList()
    return {**verb(config, on_change=changes.append, **how), "changes": changes}


def _config(found: Configuration, *, prune: bool) -> dict[str, Any]:
    # What a file with a fault holds is not known, so that nothing may be taken for absent.
    return {**found.resources, "prune": found.folders if prune and not found.faults else []}


def _shown(document: Mapping[str, Any], found: Configuration) -> dict[str, Any]:
    counts = {name: document[name] for name in (*_COUNTS, "unchanged")}
    left_out = [{"path": one.path, "fields": one.fields} for one in found.left_out]
    return {**counts, "references": found.references, "left_out": left_out, "changes": document["changes"]}


def _say_left_out(folder: str, found: Configuration) -> None:
    for one in found.left_out:
        what = f": {', '.join(one.fields)}" if one.fields else ""
        output.note(output.escape(f"{folder}/{one.path}{what} is not carried over"))


def _error_of(found: Configuration, document: Mapping[str, Any]) -> type[QualyticsError]:
    """Return what the faults are together: a conflict with what is stored, where each is one."""
    errors: list[type[QualyticsError]] = [Conflict, *Conflict.__subclasses__()]
    conflicts = {error.code for error in errors}
    is_conflict = not found.faults and all(problem["code"] in conflicts for problem in document["problems"])
    return Conflict if is_conflict else UsageError


def _say_faults(ctx: click.Context, folder: str, found: Configuration, document: Mapping[str, Any]) -> bool:
    from qualytics.exchange.config_files import Fault

    faults = list(found.faults)
    for problem in document["problems"]:
        sort, index = f"{problem['resource']}s", problem["index"]
        source = None if index is None else found.source(sort, index)
        where, line = (source.path, source.line_of(problem["loc"])) if source else (sort, None)
        faults.append(Fault(where, line, problem["message"], _in_a_file(problem["hint"])))
    for fault in sorted(faults, key=lambda one: (one.path, one.line or 0)):
        at = f"{folder}/{fault.path}" + (f":{fault.line}" if fault.line else "")
        output.say(f"error: {output.escape(current(ctx).mask(f'{at}: {fault.message}'))}")
        if fault.hint:
            output.say(f"hint: {output.escape(fault.hint)}")
    return bool(faults)


def _in_a_file(hint: str | None) -> str | None:
    # Where a command takes an option, a file has a field.
    option = re.fullmatch("give it with --([a-z-]+)", hint or "")
    return f"write {option[1].replace('-', '_')}: …" if option else hint
