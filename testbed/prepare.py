"""Installs what the tests need beyond the virtual environment, and says all that is missing when it cannot."""

from __future__ import annotations

import subprocess
import sys

from testbed import (
    browser,
    buenavista,
    clone,
    cloud,
    control_plane,
    debian,
    derby,
    fakesnow,
    hive,
    java,
    mysql,
    objects,
    odbc,
    oidc,
    other_tools,
    proxy,
    published,
    redshift,
    roapi,
    servers,
    shells,
    timescaledb,
)
from testbed.installing import Missing

NEEDS = (
    servers.postgres_programs,
    servers.locales,
    shells.shells,
    shells.tmux,
    browser.chromium_program,
    browser.axe_script,
    servers.mariadb_programs,
    mysql.program,
    timescaledb.programs,
    fakesnow.fakesnow_programs,
    redshift.programs,
    roapi.program,
    buenavista.python,
    hive.programs,
    derby.programs,
    java.programs,
    odbc.programs,
    oidc.provider_program,
    published.program,
    other_tools.airflow,
    other_tools.dbt,
    other_tools.adbc_python,
    control_plane.schemathesis,
    clone.core_wheels,
    *objects.PROGRAMS,
    *cloud.PROGRAMS,
    *proxy.PROGRAMS,
)


def main() -> int:
    missing = []
    for need in NEEDS:
        try:
            need()
        except debian.Absent as exc:
            print(f"prepare: {exc}", file=sys.stderr)
        except (Missing, subprocess.CalledProcessError) as exc:
            missing.append(str(exc))
    for line in missing:
        print(f"prepare: {line}", file=sys.stderr)
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
