"""Airflow, dbt and ADBC, each in an environment of its own: they write what is imported, or read what is exported."""

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


def adbc_python() -> Path:
    """Return a Python with ADBC's driver manager and its drivers for PostgreSQL and SQLite, installed once."""
    return virtual_environment("adbc") / "bin" / "python"


def adbc(home: Path) -> tuple[Path, dict[str, str]]:
    """Return a Python with ADBC's driver manager, and the environment in which it knows the drivers of PyPI by name.

    Their manifests are written to a folder of `home`, as the installers of drivers do.
    """
    python = adbc_python()
    manifests = home / "drivers"
    manifests.mkdir()
    for name in ("postgresql", "sqlite"):
        (library,) = python.parents[1].glob(f"lib/python3*/site-packages/adbc_driver_{name}/libadbc_driver_{name}.so")
        text = f'manifest_version = 1\nname = "{name}"\nversion = "1.13.0"\n\n[Driver]\nshared = "{library}"\n'
        (manifests / f"{name}.toml").write_text(text)
    return python, {"ADBC_DRIVER_PATH": str(manifests)}


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
