"""Installs what the tests need beyond the virtual environment, and says all that is missing when it cannot."""

from __future__ import annotations

import functools
import subprocess
import sys

from dev import (
    cloud,
    control_plane,
    derby,
    fakesnow,
    hive,
    java,
    objects,
    odbc,
    oidc,
    proxy,
    published,
    redshift,
    servers,
)

NEEDS = (
    servers.postgres_programs,
    functools.partial(servers.locales, "de_DE", "ru_RU", "ja_JP"),
    servers.mariadb_programs,
    fakesnow.fakesnow_programs,
    redshift.programs,
    hive.programs,
    derby.programs,
    java.programs,
    odbc.programs,
    oidc.provider_program,
    published.program,
    control_plane.schemathesis,
    *objects.PROGRAMS,
    *cloud.PROGRAMS,
    *proxy.PROGRAMS,
)


def main() -> int:
    missing = []
    for need in NEEDS:
        try:
            need()
        except (servers.Missing, subprocess.CalledProcessError) as exc:
            missing.append(str(exc))
    for line in missing:
        print(f"prepare: {line}", file=sys.stderr)
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
