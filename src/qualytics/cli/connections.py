"""`qualytics connections`: create, update, get, list, delete, test, history, types, usages, and discovery."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli import discovery, imports, listing, other_tools, past_tests, reading
from qualytics.cli._call import current
from qualytics.cli._group import SuggestingGroup
from qualytics.cli._kinds import Text
from qualytics.cli._notes import note_ssl_mode
from qualytics.cli._questions import confirm_delete
from qualytics.cli._records import shown
from qualytics.cli._terminal import run_change, run_test, shows_stages
from qualytics.cli._values import collect, unset_fields
from qualytics.client import connect, preview, ssl_mode, type_document
from qualytics.errors import TestFailed, UsageError
from qualytics.fields import CREATE, TEST, UPDATE
from qualytics.model import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qualytics.client import Client
    from qualytics.types import TestReport


@click.group(cls=SuggestingGroup)
@options.examples(
    "connections create --type postgresql --name crm --host db.example.com --username app --password '${DB_PASSWORD}'",
    "connections test prod",
    "connections list --type postgresql,snowflake",
)
def group() -> None:
    """Manage the database connections that datastores use."""


@group.command()
@options.examples(
    """connections create --type postgresql --name "Production DB" --host '${DB_HOST}' --port 5432"""
    " --username '${DB_USER}' --password '${DB_PASSWORD}'",
    "connections create --type snowflake --name warehouse --host acme.snowflakecomputing.com --username analyst"
    """ --password-stdin --parameters '{"role": "ANALYST", "warehouse": "COMPUTE_WH"}' < password.txt""",
    "connections create --type s3 --uri s3://bucket/path --access-key '${AWS_ACCESS_KEY_ID}'"
    " --secret-key '${AWS_SECRET_ACCESS_KEY}'",
    "connections create --type sqlite --name files --uri ./sales.sqlite --test",
)
@options.field_options(CREATE)
@options.option("--dry-run", is_flag=True, help="Print payload without making the API call; store and contact nothing.")
@options.option("--test", "run_test", is_flag=True, help="Test first; store only if the test passes.")
@options.timeout_option()
@options.place_options()
@options.common_options()
@click.pass_context
def create(
    ctx: click.Context, /, *, dry_run: bool, run_test: bool, timeout_s: float | None, form: output.Format, **values: Any
) -> None:
    """Create a connection."""
    scope = _scope(values)
    _check_test(dry_run=dry_run, run_test=run_test, timeout_s=timeout_s, scope=scope)
    fields = collect(ctx, values)
    if dry_run:
        output.write_document(preview(fields), form)
        return
    with connect() as client:
        how: dict[str, Any] = {"test": run_test, "timeout_s": timeout_s, "scope": scope}
        if run_test:
            note_ssl_mode(client, lambda: fields)
            verb = partial(client.connections.create, fields, **how)
            what, is_remote = "the test of the new connection", client.store_name is None
            document = run_change(what, lambda on_stage: verb(on_stage=on_stage), is_remote=is_remote)
        else:
            document = client.connections.create(fields, **how)
        output.write_document(document, _with_ssl_mode(client, document, form))
        warn(client.connections.warnings)


@group.command()
@options.examples(
    "connections update prod --password '${NEW_PASSWORD}'",
    "connections update --id 1 --name 'Production DB' --port 5432 --dry-run",
    """connections update --id 1 --parameters '{"ssl_mode": "require"}' --test""",
    "connections update prod --tag finance --untag draft --owner data-team",
)
@options.record_options("Connection", "update", name=None)
@options.field_options(UPDATE)
@options.untag_option()
@options.unset_option(options.UNSETTABLE)
@options.option("--dry-run", is_flag=True, help="Print the connection as it would become; store nothing.")
@options.option("--test", "run_test", is_flag=True, help="Test the changed connection first; store only if it passes.")
@options.timeout_option()
@options.place_options()
@options.common_options()
@click.pass_context
def update(
    ctx: click.Context,
    /,
    *,
    record: int | str,
    unset: tuple[str, ...],
    dry_run: bool,
    run_test: bool,
    timeout_s: float | None,
    form: output.Format,
    **values: Any,
) -> None:
    """Update specific fields of a connection. Only provided fields are changed. Parameters merge by key."""
    scope = _scope(values)
    _check_test(dry_run=dry_run, run_test=run_test, timeout_s=timeout_s, scope=scope)
    fields = collect(ctx, values)
    fields |= unset_fields(unset, fields, options.UNSETTABLE)
    with connect() as client:
        how: dict[str, Any] = {"dry_run": dry_run, "test": run_test, "timeout_s": timeout_s, "scope": scope}
        if run_test:
            note_ssl_mode(client, lambda: client.connections.get(record), fields)
            verb = partial(client.connections.update, record, fields, **how)
            what, is_remote = f"the test of connection {shown(record)}", client.store_name is None
            document = run_change(what, lambda on_stage: verb(on_stage=on_stage), is_remote=is_remote)
        else:
            document = client.connections.update(record, fields, **how)
        output.write_document(document, _with_ssl_mode(client, document, form))
        warn(client.connections.warnings)


@group.command()
@options.examples(
    "connections get --id 1",
    "connections get prod --format json",
)
@options.record_options("Connection")
@options.common_options()
def get(*, record: int | str, form: output.Format) -> None:
    """Retrieve a connection by ID or name. Secrets are masked in the response.

    Specify either --id or --name, not both.
    """
    with connect() as client:
        document = client.connections.get(record)
        output.write_document(document, _with_ssl_mode(client, document, form))


@group.command()
@options.examples(
    "connections copy prod --name 'prod for finance'",
    "connections copy prod --name staging --host staging.example.com --password '${STAGING_PASSWORD}'",
    "connections copy --id 1 --name staging --dry-run",
)
@options.record_options("Connection", "copy", name=None)
@options.field_options(UPDATE)
@options.untag_option()
@options.option("--dry-run", is_flag=True, help="Print the copy as it would become; store nothing.")
@options.common_options()
@click.pass_context
def copy(ctx: click.Context, /, *, record: int | str, dry_run: bool, form: output.Format, **values: Any) -> None:
    """Store a copy of a connection under the name of --name, with its secrets and the fields that are given.

    Nobody sees the secrets. Its datastores stay with the connection that is copied.
    """
    changes = collect(ctx, values)
    if "name" not in changes:
        raise UsageError("--name is missing", "give the name of the copy, as in --name staging")
    with connect() as client:
        output.write_document(client.connections.copy(record, changes["name"], changes, dry_run=dry_run), form)
        warn(client.connections.warnings)


@group.command()
@options.examples(
    "connections delete --id 1",
    "connections delete prod --dry-run",
)
@options.record_options("Connection", "delete")
@options.option("--dry-run", is_flag=True, help="Say what would be deleted; delete nothing.")
@options.yes_option()
@options.common_options()
def delete(*, record: int | str, yes: bool, dry_run: bool, form: output.Format) -> None:
    """Delete a connection, by --id or --name.

    Deletion fails with a 409 error if datastores still reference this connection. Remove or reassign those
    datastores first.
    """
    with connect() as client:
        confirm_delete("connection", record, lambda: client.connections.get(record), yes=yes or dry_run)
        output.write_document(client.connections.delete(record, dry_run=dry_run), form)


@group.command()
@options.examples(
    "connections test --id 1 --password '${NEW_PASSWORD}'",
    "connections test --type sqlite --uri ./sales.sqlite",
    "connections test --all --format jsonl",
)
@options.record_options("Connection", "test", name="record_name", is_needed=False)
@options.field_options(TEST)
@options.timeout_option()
@options.place_options()
@options.run_options()
@options.common_options()
@click.pass_context
def test(
    ctx: click.Context,
    /,
    *,
    record: int | str | None,
    timeout_s: float | None,
    run: options.RunOptions | None,
    form: output.Format,
    **values: Any,
) -> None:
    """Test connectivity with saved or overridden credentials, which are not stored.

    With --type instead of --id or --name: test settings that are not stored. With --all: test all connections, many
    at once; --type and --name choose among them as in a list.
    """
    if run is not None:
        from qualytics.cli import _runs

        _runs.run_all(ctx, record, values, timeout_s, run, form)
        return
    if record is not None and values["type"] is not None:
        raise UsageError("--type is for settings that are not stored", "leave out --type, or the name and --id")
    if record is None and values["type"] is None:
        raise UsageError("there is nothing to test", "give a name or --id, or --type with settings")
    scope = _scope(values)
    fields = collect(ctx, values)
    with connect() as client:
        if record is None:
            note_ssl_mode(client, lambda: fields)
            what, verb = "the test", partial(client.connections.test_unsaved, fields)
        else:
            note_ssl_mode(client, lambda: client.connections.get(record), fields)
            what = f"the test of connection {shown(record)}"
            verb = partial(client.connections.test, record, fields)
        report = run_test(what, lambda on_stage: verb(timeout_s=timeout_s, scope=scope, on_stage=on_stage))
    show_report(ctx, what, report, form, client.connections.warnings)


@group.command()
@options.examples(
    "connections types",
    "connections types snowflake",
)
@click.argument("name", required=False, metavar="[TYPE]", type=Text(), shell_complete=options.complete_types)
@options.common_options()
def types(*, name: str | None, form: output.Format) -> None:
    """List the connection types, or show one: its fields, parameters, defaults and driver."""
    output.write_document(type_document(name), form)
    if name is not None:
        # Without a control plane that can be used the type is shown all the same.
        with contextlib.suppress(UsageError), connect() as client:
            note_ssl_mode(client, lambda: {"type": name})


@group.command()
@options.examples(
    "connections usages sales",
    "connections usages --id 2 --format json",
)
@options.record_options("Connection")
@options.common_options()
def usages(*, record: int | str, form: output.Format) -> None:
    """List the datastores that use a connection, and say who used it last outside of a control plane."""
    with connect() as client:
        output.write_list(client.connections.usages(record), form)
        for last in client.connections.uses(record)[:1]:
            user, purpose = output.escape(repr(last["user"]["name"])), output.escape(repr(last["purpose"]))
            output.note(f"last used by {user} at {last['at']}: {purpose}")


for command in (
    *(*listing.COMMANDS, *discovery.COMMANDS),
    *(imports.import_, other_tools.url, past_tests.history, reading.read_connection),
):
    group.add_command(command)


def show_report(
    ctx: click.Context, what: str, report: TestReport, form: output.Format, warnings: Iterable[str] = ()
) -> None:
    """Write a test report to stdout; a failed one also speaks on stderr and ends with its exit code.

    `warnings` are not of what was tested.
    """
    if current(ctx).debug:
        current(ctx).note_report(report)
    output.write_document(report, form)
    warn((*report["warnings"], *warnings))
    if not report["connected"]:
        output.say_failed(what, report, is_shown=shows_stages())
        current(ctx).suspect_shell(report)
        ctx.exit(TestFailed.exit_code)


def warn(warnings: Iterable[str]) -> None:
    """Write warnings to stderr, after what is on stdout."""
    with contextlib.suppress(output.OutputClosed):  # the verdict, and its exit code, count all the same
        output.flush()  # on a terminal the document comes first
    for warning in warnings:
        output.warn(output.escape(warning))


def _with_ssl_mode(client: Client, document: Mapping[str, Any], form: output.Format) -> output.Format:
    """Return a format that shows, in a table, which `ssl_mode` holds where the connection has none."""

    def read() -> dict[str, str]:
        mode = ssl_mode(document, client.default_ssl_mode)
        is_set = mode is None or "ssl_mode" in (document["parameters"] or {})
        return {} if is_set else {"parameters.ssl_mode": str(mode)}

    return form.with_defaults(read)


def _scope(values: dict[str, Any]) -> Scope:
    return Scope(values.pop("database"), values.pop("schema"))


def _check_test(*, dry_run: bool, run_test: bool, timeout_s: float | None, scope: Scope) -> None:
    for option, value in (("timeout", timeout_s), ("database", scope.database), ("schema", scope.schema)):
        if value is not None and not run_test:
            raise UsageError(f"--{option} is for --test", f"add --test, or leave out --{option}")
    if dry_run and run_test:
        raise UsageError("--dry-run contacts nothing, so it cannot --test", "drop one of the two")
