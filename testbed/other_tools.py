"""Airflow and dbt, each in an environment of its own: they write what is imported, and read what is exported."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from testbed.commands import Commands
from testbed.installing import virtual_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def airflow() -> Path:
    """Return the path of Airflow's command, installed once."""
    return virtual_environment("airflow") / "bin" / "airflow"


def dbt() -> Path:
    """Return the path of dbt's command, with its adapter for PostgreSQL, installed once."""
    return virtual_environment("dbt") / "bin" / "dbt"


# What keeps dbt from asking or telling anybody on the network, and from colours.
DBT_QUIET = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_VERSION_CHECK": "false", "DBT_USE_COLORS": "false"}


@contextlib.contextmanager
def airflow_commands(home: Path, **variables: str) -> Iterator[Commands]:
    """Yield Airflow's commands on a new metadata database in a folder, with these variables of the environment.

    One process runs them all: each alone would import Airflow anew, and make its models, for most of ten seconds.
    """
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "AIRFLOW_HOME": str(home), "LANG": "C.UTF-8"}
    environment |= variables
    commands = Commands(airflow(), "from airflow.__main__ import main as app", home, environment, forks=False)
    try:
        made = commands.run("db", "migrate")
        made.check_returncode()
        yield commands
    finally:
        commands.close()
