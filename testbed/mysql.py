"""Oracle's MySQL, whose accounts log in by caching_sha2_password, from the one suite of Debian that has it."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
from typing import TYPE_CHECKING, Any

from testbed import servers
from testbed.debian import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def program() -> Path:
    """Return the path of mysqld.

    Raises:
        Absent: it is not to be had today.

    """
    return unpacked("mysql") / "usr/sbin/mysqld"


@contextlib.contextmanager
def mysql(certificate: Any = None) -> Iterator[servers.Server]:
    """Run MySQL whose administrator is `admin`; `certificate` is (chain, key) of trustme, else there is no TLS."""
    daemon = program()
    share = daemon.parents[1]
    with servers.server_directory("mysql") as directory:
        server = servers.Server(servers.free_port(), "admin", secrets.token_urlsafe(12), directory)
        first = directory / "first.sql"
        first.write_text(
            f"create user '{server.user}'@'%' identified by '{server.password}';\n"
            f"grant all on *.* to '{server.user}'@'%' with grant option;\n"
        )
        servers.own(first)
        base = [
            *(str(daemon), "--no-defaults", f"--datadir={directory}/data", "--secure-file-priv=NULL"),
            *(f"--lc-messages-dir={share}/share/mysql", f"--plugin-dir={share}/lib/mysql/plugin"),
            f"--character-sets-dir={share}/share/mysql/charsets",
        ]
        subprocess.run(
            [*base, "--initialize-insecure"],
            check=True,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **servers.non_root(),
        )
        flags = [
            *(f"--socket={directory}/s", f"--port={server.port}", "--bind-address=127.0.0.1", "--mysqlx=OFF"),
            *(f"--pid-file={directory}/pid", "--skip-name-resolve", f"--init-file={first}"),
            *("--innodb-flush-log-at-trx-commit=0", "--max-connect-errors=1000000"),
        ]
        if certificate is None:
            flags += ["--tls-version="]
        else:
            cert_file, key_file = servers.write_certificate(directory, *certificate)
            flags += [f"--ssl-cert={cert_file}", f"--ssl-key={key_file}"]
        try:
            server.start([*base, *flags], lambda: servers.mariadb_ready(server))
            yield server
        finally:
            server.stop()
