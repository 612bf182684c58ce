"""pgbouncer, the pooler that stands before many a PostgreSQL."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from testbed import servers
from testbed.installing import Missing, install_debian
from testbed.needs import program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def pooler() -> str:
    """Return the path of pgbouncer: installed, else Debian's package."""
    install_debian("pgbouncer")
    found = program("pgbouncer")
    if found is None:
        raise Missing("the package pgbouncer was installed, but brought no program")
    return found


@contextlib.contextmanager
def pgbouncer(
    databases: Mapping[str, str], users: Mapping[str, str], certificate: Any = None, **settings: str
) -> Iterator[servers.Server]:
    """Run pgbouncer; `databases` gives for each name where it leads, `users` the passwords, `settings` more lines.

    `certificate` is (chain, key) of trustme for TLS. The first user is the one of the server that is returned.
    """
    command = pooler()
    user, password = next(iter(users.items()))
    with servers.server_directory("pgb") as directory:
        front = servers.Server(servers.free_port(), user, password, directory)
        words = directory / "users.txt"
        words.write_text("".join(f'"{name}" "{word}"\n' for name, word in users.items()))
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(front.port),
            "unix_socket_dir": "",
            "auth_file": str(words),
            **settings,
        }
        if certificate is not None:
            cert_file, key_file = servers.write_certificate(directory, *certificate)
            lines |= {"client_tls_sslmode": "allow"}
            lines |= {"client_tls_cert_file": str(cert_file), "client_tls_key_file": str(key_file)}
        ini = directory / "pgbouncer.ini"
        sections = {"databases": databases, "pgbouncer": lines}
        ini.write_text(
            "".join(
                f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in held.items())
                for name, held in sections.items()
            )
        )
        for path in (words, ini):
            servers.own(path)
        try:
            front.start([command, str(ini)], front.listens)
            yield front
        finally:
            front.stop()
