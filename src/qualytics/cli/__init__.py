"""The command line: parse, run, and turn every error into lines on stderr and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

import click

import qualytics
from qualytics.cli import _output as output
from qualytics.cli._call import INTERRUPTED, Call
from qualytics.cli._group import LazyGroup
from qualytics.cli._kinds import UNSET_HINT
from qualytics.errors import QualyticsError, TestFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

root = LazyGroup(
    name="qualytics",
    help="Manage the database connections that datastores use.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=lambda ctx, _param, value: _version(ctx) if value else None,
            help="Show the version.",
        )
    ],
    examples=(
        "qualytics connections create --type sqlite --name files --uri ./sales.sqlite",
        "qualytics connections test --name files",
        "qualytics connections list",
    ),
    table={
        "connections": ("connections:group", "Create, update, get, list, delete and test connections."),
        "datastores": ("datastores:group", "Manage the datastores that use connections."),
        "run": ("run:command", "Start a command that finds a connection, with its secrets, in its environment."),
        "shell": ("shell:command", "Start the client that the engine of a connection brings, logged in."),
        "config": ("config:group", "Keep connections and datastores as files: export them, plan and apply changes."),
        "auth": ("auth:group", "Sign in to a control plane, and choose which one the commands work on."),
        "audit": ("audit:group", "Read what was done on a control plane."),
        "serve": ("serve:command", "Serve the store as a control plane that many users share."),
        "users": ("accounts:users", "Manage the users of a control plane."),
        "service-accounts": ("accounts:service_accounts", "Manage the service accounts of a control plane."),
        "grants": ("grants:group", "Let users of a control plane use connections, with their secrets."),
        "keys": ("keys:group", "Rotate the key that seals the secrets."),
        "store": ("store:group", "Check, back up and restore the embedded store."),
        "doctor": ("doctor:command", "Check this machine, the store, the drivers and the control plane."),
        "completion": ("completion:command", "Print the completion script of a shell."),
    },
)


def main(argv: Sequence[str] | None = None) -> int:  # noqa: PLR0911 - one return a kind of ending
    """Run one command and return its exit code; nothing is raised and no traceback is shown."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if shell := os.environ.get("_QUALYTICS_COMPLETE"):
        from qualytics.cli import _completing

        return _completing.answer(root, shell, arguments, os.environ)
    call = Call(debug="--debug" in arguments)
    try:
        code = root.main(arguments, prog_name="qualytics", standalone_mode=False, obj=call)
        output.flush()
    except output.OutputClosed:
        return 1
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as exc:
        output.say(exc.ctx.get_help())
        return UsageError.exit_code
    except click.ClickException as exc:
        return _fail(_usage_error(exc), call)
    except QualyticsError as exc:
        return _fail(exc, call)
    except Exception as exc:  # noqa: BLE001 - the last line of defence: a fault of ours is an error, not a traceback
        return _fail(_internal(exc), call)
    finally:
        if argv is None:  # the process ends here: looking for cycles once more would take an eighth of a call
            gc.freeze()
    exit_code = code if isinstance(code, int) else 0
    if call.debug:
        call.note(f"exit code {exit_code}")
    return exit_code


def _fail(error: QualyticsError, call: Call) -> int:
    call.note_error(error)
    output.say_error(error, call.mask)
    if isinstance(error, TestFailed):
        call.suspect_shell(error.report)
    return error.exit_code


def _usage_error(exc: click.ClickException) -> UsageError:
    hint = None
    if isinstance(exc, click.NoSuchOption) and exc.ctx is not None:
        from qualytics.cli._guess import option_error

        message, hint = option_error(exc.ctx, exc.option_name)
    elif isinstance(exc, click.BadOptionUsage):
        option = exc.option_name
        if exc.ctx and any(
            option in param.opts and getattr(param, "is_flag", False) for param in exc.ctx.command.params
        ):
            message, hint = f"{option} takes no value", f"write {option} alone"
        else:
            message, hint = f"{option} has no value", UNSET_HINT
    elif isinstance(exc, click.MissingParameter) and exc.param is not None:
        name = exc.param.opts[0] if isinstance(exc.param, click.Option) else exc.param.human_readable_name
        message = f"{name} is missing"
    else:
        message = exc.format_message().rstrip(".").lower()
    if hint is None and isinstance(exc, click.UsageError) and exc.ctx is not None:
        hint = f"{exc.ctx.command_path} --help shows the options"
    return UsageError(message, hint)


def _internal(exc: Exception) -> QualyticsError:
    error = QualyticsError(
        f"internal fault: {type(exc).__name__}", "run it again with --debug and report what it prints"
    )
    error.__cause__ = exc
    return error


def _version(ctx: click.Context) -> None:
    output.write_text(f"qualytics {qualytics.__version__}\n")
    ctx.exit()
