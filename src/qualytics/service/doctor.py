"""The doctor: what of this machine the program needs, and which drivers are there; nothing is changed."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from qualytics import connectors, module_path
from qualytics.errors import QualyticsError
from qualytics.probe.trusted_roots import hashed_roots, system_roots
from qualytics.settings import has_home
from qualytics.store.faults import named_os_errors
from qualytics.store.sealing.keys import Keys
from qualytics.structs import Struct

if TYPE_CHECKING:
    from pathlib import Path

    from qualytics.connectors.contract import Connector
    from qualytics.settings import Settings

_PYTHON = (3, 11)
_SQLITE = (3, 37, 0)  # the store's tables are strict
_IMPORT_S = 60.0
_JAVA_S = 10.0
_LOOK_UP_S = 2.0
_HOSTS = "/etc/hosts"
_LOOK_UP = "import socket, sys; socket.getaddrinfo(sys.argv[1], None)"
_IMPORT = "import importlib, sys; sys.path[:] = sys.argv[2:]; importlib.import_module(sys.argv[1])"


class _Check(Struct, eq=True):
    """One finding; `ok` is False where something must be done, which `hint` names.

    A finding that is well and has a hint is a warning.
    """

    name: str
    ok: bool
    found: str
    hint: str | None = None


def examine(settings: Settings, *, do_import: bool = False) -> dict[str, Any]:
    """Return `{checks, types}`; with `do_import` each installed driver is imported, in a process of its own."""
    checks = [_python(), _sqlite(), _roots(), _host_name(), _home(settings)]
    if has_home(settings.home):
        checks += [_store(settings), _key(settings)]
    java = _java()
    return {
        "checks": [{"name": one.name, "ok": one.ok, "found": one.found, "hint": one.hint} for one in checks],
        "types": [_type(connector, java, do_import=do_import) for connector in connectors.all_connectors()],
    }


def _python() -> _Check:
    ok = sys.version_info[:2] >= _PYTHON
    return _Check("python_version", ok, sys.version.split()[0], None if ok else "install Python 3.11 or later")


def _sqlite() -> _Check:
    ok = sqlite3.sqlite_version_info >= _SQLITE
    return _Check(
        "sqlite_version", ok, sqlite3.sqlite_version, None if ok else "install a Python with SQLite 3.37 or later"
    )


def _roots() -> _Check:
    folders = os.environ.get("SSL_CERT_DIR")
    if folders and not os.environ.get("SSL_CERT_FILE"):
        return _root_folders(folders)
    path = system_roots()
    if path is None:
        hint = "install the package ca-certificates, or set SSL_CERT_FILE"
        return _Check("roots", ok=False, found="no root certificates", hint=hint)
    try:
        count = len(ssl.create_default_context(cafile=path).get_ca_certs())
    except OSError:
        return _Check("roots", ok=False, found=f"{path} cannot be read", hint="set SSL_CERT_FILE to a PEM file")
    if folders and not (check := _root_folders(folders)).ok:
        return check
    return _Check("roots", ok=True, found=f"{count} in {path}")


def _root_folders(folders: str) -> _Check:
    try:
        found = [path for folder in folders.split(os.pathsep) if folder for path in hashed_roots(folder)]
    except OSError as exc:
        hint = "set SSL_CERT_DIR to a folder of certificates, or unset it"
        return _Check("roots", ok=False, found=f"SSL_CERT_DIR cannot be read: {exc.strerror}", hint=hint)
    rehash = None if found else f"run: openssl rehash {folders}"
    return _Check("roots", ok=bool(found), found=f"{len(found)} hashed names in {folders}", hint=rehash)


def _host_name() -> _Check:
    """Say whether this machine knows its own name, which Microsoft's ODBC driver looks up before it connects."""
    name = socket.gethostname()
    try:
        with open(_HOSTS, encoding="utf-8", errors="replace") as hosts:
            if lists(hosts.read(), name):
                return _Check("host_name", ok=True, found=f"{name} stands in {_HOSTS}")
    except OSError:  # no such file; some other service may know the name
        pass
    if _resolves(name):
        return _Check("host_name", ok=True, found=f"{name} resolves")
    found = f"{name} does not resolve without a name server; tests of sqlserver, synapse and fabric may wait for one"
    return _Check("host_name", ok=True, found=found, hint=f"add the line to {_HOSTS}: 127.0.1.1 {name}")


def lists(hosts: str, name: str) -> bool:
    """Say whether a text in the form of /etc/hosts has a host of that name."""
    entries = (line.partition("#")[0].split() for line in hosts.splitlines())
    return any(name.lower() in map(str.lower, entry[1:]) for entry in entries)


def _resolves(name: str) -> bool:
    return _succeeds(["-S", "-c", _LOOK_UP, name], _LOOK_UP_S)


def _succeeds(arguments: list[str], within_s: float, **where: Any) -> bool:
    """Say whether our own code ends well in a process of its own: look-ups and imports can be stopped no other way."""
    try:
        done = subprocess.run(  # noqa: S603 - see above
            [sys.executable, "-I", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=within_s,
            check=False,
            **where,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _home(settings: Settings) -> _Check:
    """Say whether the config directory can be used, or made: by what a store does there, undone at once."""
    try:
        found = _private("home", settings.home, stat.S_ISDIR, "a directory", 0o700)
        return _tried(settings.home, found) if found.ok else found
    except QualyticsError as exc:
        return _Check("home", ok=False, found=exc.message, hint=exc.hint)


def _tried(home: Path, found: _Check) -> _Check:
    place = home
    while not os.path.lexists(place):
        place = place.parent
    with named_os_errors(home), tempfile.TemporaryDirectory(prefix=".qualytics-doctor-", dir=place) as trial:
        written = os.path.join(trial, "trial")
        with open(written, "xb") as file:
            file.write(b"trial")
            os.fsync(file.fileno())
    return found


def _store(settings: Settings) -> _Check:
    return _private("store", settings.store_path, stat.S_ISREG, "a file", 0o600)


def _key(settings: Settings) -> _Check:
    keys = Keys(settings)
    place = "QUALYTICS_KEY" if keys.from_environment else str(keys.path)
    try:
        there = bool(keys.load())
    except QualyticsError as exc:
        return _Check("key", ok=False, found=exc.message, hint=exc.hint)
    if there:
        return _Check("key", ok=True, found=place)
    if os.path.lexists(settings.store_path):
        hint = "put the key file of this store back, or set QUALYTICS_KEY_FILE or QUALYTICS_KEY"
        return _Check("key", ok=False, found=f"there is a store, but no key at {place}", hint=hint)
    return _Check("key", ok=True, found=f"{place} is not made yet")


def _private(name: str, path: Path, is_kind: Any, kind: str, mode: int) -> _Check:
    """Say whether a path is the user's alone; one that is not there yet is well, too."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return _Check(name, ok=True, found=f"{path} is not made yet")
    except OSError as exc:
        return _Check(
            name, ok=False, found=f"{path}: {exc.strerror}", hint="set QUALYTICS_CONFIG_HOME to a directory of your own"
        )
    if not is_kind(found.st_mode):
        return _Check(
            name, ok=False, found=f"{path} is not {kind}", hint="set QUALYTICS_CONFIG_HOME to a directory of your own"
        )
    if found.st_uid != os.geteuid():
        return _Check(
            name,
            ok=False,
            found=f"{path} belongs to another user",
            hint="run as its owner, or set QUALYTICS_CONFIG_HOME",
        )
    now = stat.S_IMODE(found.st_mode)
    if now & 0o077:
        return _Check(name, ok=False, found=f"{path} has mode {now:04o}", hint=f"chmod {mode:o} {path}")
    return _Check(name, ok=True, found=f"{path}, mode {now:04o}")


def _type(connector: Connector, java: str | None, *, do_import: bool) -> dict[str, Any]:
    version = connector.driver_version()
    loads = None
    if do_import and version is not None:
        loads = importable(connector.driver)
    return {
        "type": connector.type,
        "driver": connector.distribution or connector.driver,
        "installed": version is not None,
        "version": version,
        "importable": loads,
        "install": connector.extra and f"pip install 'qualytics[{connector.extra}]'",
        "java": java if connector.needs_java else None,
    }


def importable(driver: str, within_s: float = _IMPORT_S) -> bool:
    """Say whether a driver can be imported, in a process and a home of its own: it may crash, hang or write."""
    with tempfile.TemporaryDirectory(prefix="qualytics-doctor-") as home:
        env = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "HOME": home, "TMPDIR": home}
        return _succeeds(["-B", "-c", _IMPORT, driver, *module_path.places()], within_s, cwd=home, env=env)


def _java() -> str | None:
    """Return the first line that the installed Java says of its version; None when there is none."""
    if not any(connector.needs_java for connector in connectors.all_connectors()):
        return None
    home = os.environ.get("JAVA_HOME")
    program = (shutil.which("java", path=f"{home}/bin") if home else None) or shutil.which("java")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - the user's own Java
            [program, "-version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_JAVA_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = (done.stderr or done.stdout).decode(errors="replace").splitlines()
    return said[0] if done.returncode == 0 and said else None
