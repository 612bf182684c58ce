"""`qualytics serve`: run the control plane."""

from __future__ import annotations

import os
from typing import Any

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import Command
from qualytics.cli._kinds import Text
from qualytics.errors import UsageError
from qualytics.server import config


def _settings(command: Any) -> Any:
    for setting in reversed(config.SETTINGS):
        if setting.kind is bool:
            flag = f"--{setting.name.replace('_', '-')}"
            help_text = f"{setting.help[0].upper()}{setting.help[1:]}."
            command = options.option(flag, setting.name, is_flag=True, help=help_text)(command)
            continue
        many = setting.kind is tuple
        default = f"  [default: {setting.default}]" if setting.default not in {None, ()} else ""
        command = options.option(
            f"--{setting.name.replace('_', '-')}",
            setting.name,
            type=Text(),
            multiple=many,
            metavar={int: "INTEGER", float: "SECONDS"}.get(setting.kind, "TEXT"),
            help=f"{setting.help[0].upper()}{setting.help[1:]}{'; may be repeated' if many else ''}.{default}",
        )(command)
    return command


@click.command(cls=Command)
@options.examples(
    "serve",
    "serve --listen 127.0.0.1:8080 --allow-target 10.0.0.0/8",
)
@_settings
@options.option("--store", type=Text(), help="Store: postgresql://user@host/database; the embedded one by default.")
@options.common_options(form=False)
def command(*, store: str | None, **given: Any) -> None:
    """Serve the store as a control plane that many users share; each option is a variable, too: QUALYTICS_LISTEN …."""
    for name, value in given.items():
        if value:
            text = "true" if value is True else ",".join(value) if isinstance(value, tuple) else value
            os.environ[f"QUALYTICS_{name.upper()}"] = text
    if store is not None:
        os.environ["QUALYTICS_STORE"] = store
    loaded = config.load()
    if loaded.settings.policy is not None and loaded.settings.policy.targets:
        output.inform(f"tests may also reach {', '.join(loaded.settings.policy.targets)}")
    try:
        from qualytics.server import running
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith("qualytics"):
            raise
        message = f"the control plane needs {exc.name}, which is not installed"
        raise UsageError(message, "pip install 'qualytics[server]'") from exc

    running.serve(loaded, output.say)
