"""A fresh clone of this tree, with the commands of its README run as they are printed: the core and no driver."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from testbed import servers
from testbed.installing import wheels

if TYPE_CHECKING:
    from pathlib import Path

_FIRST = r"```sh\n(.*?)```"
# The first two blocks: how it is installed, and what is done first.
_BLOCKS = 2
_GIT = ["git", "-c", "safe.directory=*", "clone", "-q"]


def core_wheels() -> Path:
    """Return the folder of all that the core and its build need."""
    return wheels("core")


def environment(place: Path) -> dict[str, str]:
    """Return the variables of a new user: a home with nothing in it, and pip that takes wheels from the cache alone."""
    programs, home = place / "bin", place / "home"
    programs.mkdir()
    home.mkdir()
    (programs / "python3").symlink_to(os.path.realpath(sys.executable))
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(core_wheels()), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", **pip}


def run_readme(clone: Path, variables: dict[str, str]) -> str:
    """Clone what is committed here, run the first lines of its README, and return what they print.

    Raises:
        CalledProcessError: a line fails.

    """
    subprocess.run([*_GIT, f"file://{servers.ROOT}", str(clone)], check=True)
    blocks = re.findall(_FIRST, (clone / "README.md").read_text(), re.DOTALL)[:_BLOCKS]
    script = "set -euo pipefail\n" + "".join(blocks)
    done = subprocess.run(
        ["bash"], input=script, cwd=clone, env=variables, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout
