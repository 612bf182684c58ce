"""`qualytics connections url`: a connection in the words of another tool."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import Command
from qualytics.cli._kinds import OneOf, Text
from qualytics.client import connect
from qualytics.errors import NotAllowed, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qualytics.client import Client
    from qualytics.secret import Secret

TOOLS = ("adbc", "airflow", "dbt", "jdbc", "libpq", "odbc", "spark", "sqlalchemy")


@click.command(cls=Command)
@options.examples(
    "connections url prod --for sqlalchemy --database sales",
    "connections url prod --for dbt --database sales --schema public > profiles.yml",
    "connections url --id 1 --for airflow > connections.json",
    "connections url prod --for adbc --database sales > prod.toml",
)
@options.record_options("Connection")
@options.option(
    "--for",
    "tool",
    type=OneOf(TOOLS),
    required=True,
    metavar="TOOL",
    help="adbc, airflow, dbt, jdbc, libpq, odbc, spark or sqlalchemy.",
)
@options.option("--database", type=Text(), help="Database to name there.")
@options.option("--schema", type=Text(), help="Schema to name there.")
@options.option(
    "--show-secrets", is_flag=True, help="Print secrets in clear; only on a terminal, of the embedded store."
)
@options.option("--install", is_flag=True, help="Write a profile of adbc into the folder where it is looked for.")
@options.common_options(form=False)
def url(
    *, record: int | str, tool: str, database: str | None, schema: str | None, show_secrets: bool, install: bool
) -> None:
    """Print a connection as another tool writes it; secrets as the ${NAME} of config export, never their values.

    sqlalchemy, jdbc: a URL. airflow: a file for `airflow connections import`. libpq: a section of pg_service.conf.
    odbc: a section of odbc.ini. spark: options of a DataFrameReader, or the configuration for files, as JSON.
    adbc: a connection profile of the driver manager, NAME.toml in ~/.config/adbc/profiles, where --install puts it.
    adbc and dbt (a profiles.yml) take each secret from the environment itself; elsewhere put it in for ${NAME}.
    `qualytics run` sets these variables for its command.
    """
    from qualytics.exchange import other_tools

    scope = {name: value for name, value in (("database", database), ("schema", schema)) if value}
    if show_secrets and not (sys.stdout is not None and sys.stdout.isatty()):
        raise UsageError(
            "--show-secrets prints secrets on a terminal only",
            "qualytics run starts a command with the connection and its secrets in its environment",
        )
    if install and (tool != "adbc" or show_secrets):
        raise UsageError("--install is for profiles of adbc, which hold no secrets", "as in --for adbc --install")
    with connect() as client:
        secrets = _secrets(client, record) if show_secrets else None
        document = client.connections.get(record)
        names = [one["name"] for one in client.connections.list()]
    written = other_tools.write(document, names, tool, scope, output.dump_yaml, secrets)
    if install:
        _install(written.text, document["name"], names)
    else:
        output.write_text(written.text)
        output.flush()
    for name in written.left:
        output.warn(output.escape(f"{tool} has no key for {name}; it is left out"))
    for rule in written.rules:
        output.warn(rule)


def _install(profile: str, name: str, names: Sequence[str]) -> None:
    """Write a profile where ADBC's driver manager looks first; another one of that name is kept."""
    from qualytics.exchange import layout
    from qualytics.exchange.folder import FileFault, Folder

    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    place = os.environ.get("ADBC_PROFILE_PATH", "").split(os.pathsep)[0] or os.path.join(config, "adbc", "profiles")
    file = f"{layout.slugs(names)[name]}.toml"
    with Folder.open(place, make=True) as folder:
        try:
            why = "holds something else" if file in folder.names() and folder.read(file) != profile else None
            if why is None:
                folder.write(profile, file)
        except FileFault as exc:
            why = exc.args[0]
    if why is not None:
        raise UsageError(f"{os.path.join(place, file)} {why}", "remove it, or print the profile into another file")
    output.say(f"note: {output.escape(os.path.join(place, file))} is the profile {file.removesuffix('.toml')}")


def _secrets(client: Client, record: int | str) -> Mapping[str, Secret]:
    if client.store_name is None:
        raise NotAllowed(
            "--show-secrets is of the embedded store alone",
            "qualytics run starts a command with the connection and its secrets in its environment",
        )
    return client.connections.use(record, purpose="show secrets").secrets
