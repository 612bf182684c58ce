"""Programs of another suite of Debian than the system's: fetched by apt-get, unpacked into the cache, never installed.

They run with the loader and the libraries of that suite, so any Debian will do, and no right of root is needed.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from testbed import needs
from testbed.cache import kept
from testbed.installing import Missing

if TYPE_CHECKING:
    from collections.abc import Iterator

APT = Path("/etc/apt")


class Absent(Missing):
    """It cannot be had on this system; what needs it goes without it, and says so."""


def unpacked(name: str) -> Path:
    """Return the tree of the packages of that name in the table, made in the cache once.

    Raises:
        Absent: the system has no sources of Debian, or this is a suite in which a package may be broken today.

    """
    need = needs.UNPACKED[name]
    return kept(need.place(name), lambda place, lock: _make(need, place, lock))


def _make(need: needs.Unpacked, place: Path, lock: int) -> None:
    source = next(_sources(need.suite), None)
    if source is None:
        raise Absent(f"{need.title}: absent, as this system takes no packages from Debian")
    try:
        _fetch(need, source, place / ".apt", lock)
    except subprocess.CalledProcessError as exc:
        if not need.may_be_absent:
            raise
        raise Absent(f"{need.title}: absent, as Debian's {need.suite} does not give it today") from exc
    for package in sorted((place / ".apt").glob("cache/archives/*.deb")):
        _run(["dpkg", "-x", str(package), str(place)], lock)
    shutil.rmtree(place / ".apt")
    _bind(place, need.programs, lock)


def _sources(suite: str) -> Iterator[str]:
    """Yield the system's own sources of Debian, changed to another suite of it."""
    system = platform.freedesktop_os_release()
    if system["ID"] != "debian" or shutil.which("apt-get") is None:
        return
    files = (APT / "sources.list", *sorted((APT / "sources.list.d").glob("*.[ls]*")))
    for text in (path.read_text() for path in files if path.exists()):
        yield from changed_sources(text, system["VERSION_CODENAME"], suite)


def changed_sources(text: str, codename: str, suite: str) -> Iterator[str]:
    """Yield the entries for a codename in a file of sources, of either form, as they are for another suite (deb822)."""
    entries = re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n?", "", text))
    for words, url in re.findall(rf"(?m)^deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+{codename}\s", text):
        options = [f"{name.title()}: {value}" for name, _, value in (word.partition("=") for word in words.split())]
        entries.append("\n".join(["Types: deb", f"URIs: {url}", f"Suites: {codename}", "Components: main", *options]))
    fields = {"Types": "deb", "Suites": suite, "Components": "main"}
    line = re.compile(rf"(?m)^({'|'.join(fields)}):.*$")
    for entry in entries:
        if re.search(rf"(?m)^Suites:.*\b{codename}(?![\w-])", entry) and re.search(r"(?m)^Types:.*\bdeb\b", entry):
            yield line.sub(lambda found: f"{found[1]}: {fields[found[1]]}", entry.strip()) + "\n"


def _fetch(need: needs.Unpacked, source: str, work: Path, lock: int) -> None:
    """Fetch the packages with all they depend on; apt-get checks their signatures, and takes nothing for installed."""
    for folder in ("sources", "state", "lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    (work / "sources" / "suite.sources").write_text(source)
    (work / "status").touch()
    options = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": work / "sources",
        "Dir::State": work / "state",
        "Dir::State::Lists": work / "lists",
        "Dir::State::Status": work / "status",
        "Dir::Cache": work / "cache",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",  # its own user may not write here
        "Debug::NoLocking": "true",  # of the system's dpkg, which has no part in this
    }
    apt = ["apt-get", "-q", "-y", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    _run([*apt, "update"], lock)
    _run([*apt, "--download-only", "--no-install-recommends", "install", *need.packages, "patchelf"], lock)


def _bind(place: Path, programs: tuple[str, ...], lock: int) -> None:
    """Bind programs to the loader and the libraries beside them."""
    loader = next(place.glob("usr/lib/*/ld-linux*.so.*"))
    patch = [str(loader), "--library-path", str(loader.parent), str(place / "usr/bin/patchelf")]
    patch += ["--set-interpreter", str(loader), "--force-rpath", "--set-rpath", str(loader.parent)]
    _run([*patch, *(str(place / program) for program in programs)], lock)


def _run(command: list[str], lock: int) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr, pass_fds=(lock,))
