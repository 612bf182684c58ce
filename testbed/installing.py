"""Installs what stands in the table of `needs.py`, once for all clones: by apt-get, as root only, by pip and by npm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from testbed import needs
from testbed.cache import kept, locked

# apt-get itself does not wait for who updates its lists; a lock of ours on their folder makes clones wait.
APT = Path("/var/lib/apt/lists")
_DPKG_WAIT_S = 600


class Missing(RuntimeError):
    """Something is not installed and cannot be installed from here; the message says what to do."""


def install_debian(*packages: str) -> None:
    """Install those of these Debian packages that are not here, without starting their services."""
    missing = [name for name in packages if not needs.DEBIAN[name].is_here()]
    if not missing:
        return
    apt_get(*missing)


def apt_get(*packages: str, options: tuple[str, ...] = ()) -> None:
    """Install packages anew, whatever is here; `options` are those of apt-get install."""
    if not needs.can_install():
        raise Missing(f"missing: run as root: apt-get install -y --no-install-recommends {' '.join(packages)}")
    run_apt(*options, *packages)


def run_apt(*words: str, lists: Path = APT) -> None:
    """Update the lists and install, one clone at a time, and when whoever else uses dpkg has done."""
    # RUNLEVEL=1 keeps invoke-rc.d from starting what a package brings.
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    apt = ["apt-get", "-y", "-q", "-o", "Dpkg::Use-Pty=0", "-o", f"DPkg::Lock::Timeout={_DPKG_WAIT_S}"]
    with locked(lists):
        for command in ([*apt, "update"], [*apt, "install", "--no-install-recommends", *words]):
            subprocess.run(command, check=True, env=env, stdin=subprocess.DEVNULL, stdout=sys.stderr)


def npm_package(name: str, entry: str) -> Path:
    """Return the file `entry` of an npm package of the table, installed into the cache once.

    Node.js comes from Debian.
    """
    install_debian("nodejs", "npm")
    need = needs.NPM[name]

    def make(place: Path, lock: int) -> None:
        words = ["install", need.wanted]
        if need.locked:
            words = ["ci"]
            shutil.copy(Path(__file__).with_name(name) / "package-lock.json", place)
            (place / "package.json").write_text(json.dumps({"dependencies": dict([need.wanted.split("@")])}))
        _run(["npm", *words, "--no-audit", "--no-fund", "--prefix", str(place)], lock, cwd=place)

    found = kept(need.place(name), make) / "node_modules" / name / entry
    if not found.exists():
        raise Missing(f"{need.wanted} was installed, but brought no {entry}")
    return found


def virtual_environment(name: str) -> Path:
    """Return the virtual environment of that name in the table, made in the cache once."""
    return environment(name, needs.ENVIRONMENTS[name])


def environment(name: str, need: needs.Environment) -> Path:
    """Return a virtual environment that holds the requirements, made in the cache once."""

    def make(place: Path, lock: int) -> None:
        _run([sys.executable, "-m", "venv", str(place)], lock)
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        _run([*pip, *need.requirements], lock)

    return kept(need.place(name), make)


def wheels(name: str) -> Path:
    """Return a folder with the wheels of that name in the table, fetched into the cache once."""
    need = needs.WHEELS[name]

    def make(place: Path, lock: int) -> None:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--only-binary=:all:"]
        _run([*pip, "--dest", str(place), *need.requirements], lock)

    return kept(need.place(name), make)


def _run(command: list[str], lock: int, cwd: Path | None = None) -> None:
    subprocess.run(command, check=True, cwd=cwd, stdin=subprocess.DEVNULL, stdout=sys.stderr, pass_fds=(lock,))
