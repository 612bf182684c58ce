"""The published client, unmodified, in an environment of its own: a driver of its commands, and what it printed."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from testbed.commands import Commands
from testbed.installing import virtual_environment
from testbed.needs import ENVIRONMENTS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

VERSION = ENVIRONMENTS["qualytics-cli"].requirements[0].partition("==")[2]
GROUPS = ("connections", "datastores", "config", "auth")
_OPTION = re.compile(r"^│[\s*]*(--[\w…-]+)(?:\s+(--no-[\w-]+|-\w+))?(?:\s+(--no-[\w-]+))?", re.MULTILINE)
_COMMAND = re.compile(r"^│ ([a-z-]+) ", re.MULTILINE)
_IMPORTS = """
import pkgutil
import qualytics
from qualytics.qualytics import app
for module in pkgutil.walk_packages(qualytics.__path__, "qualytics."):
    __import__(module.name)
"""


def program() -> Path:
    """Return the path of the published client, installed once."""
    return virtual_environment("qualytics-cli") / "bin" / "qualytics"


@dataclass
class Published:
    """Runs commands of the published client and keeps what they printed."""

    home: Path
    environment: Mapping[str, str]
    transcript: list[str] = field(default_factory=list)
    used: set[tuple[str, ...]] = field(default_factory=set)
    _commands: Commands | None = None

    def __call__(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one command; its words, output and exit code are kept."""
        done = self.run(*words, **variables)
        self.keep(words, done)
        return done

    def keep(self, words: tuple[str, ...], done: subprocess.CompletedProcess[str]) -> None:
        """Keep what a command printed, and which options it had."""
        shown = " ".join(word if re.fullmatch(r"[\w./:=,@-]+", word) else f"'{word}'" for word in words)
        self.transcript.append(f"$ qualytics {shown}\n{done.stdout}{done.stderr}[exit {done.returncode}]\n")
        command = tuple(word for word in words[:2] if not word.startswith("-"))
        self.used |= {(*command, word.partition("=")[0]) for word in words if word.startswith("-")} | {command}

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one command."""
        if self._commands is None:
            self._commands = Commands(program(), _IMPORTS, self.home, self.variables())
        return self._commands.run(*words, **variables)

    def close(self) -> None:
        """End the process that imports the client."""
        if self._commands is not None:
            self._commands.close()

    def variables(self, **more: str) -> dict[str, str]:
        """Return the whole environment of a command."""
        plain = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", "COLUMNS": "120"}
        return {**plain, "CI": "1", "NO_COLOR": "1", "TERM": "dumb", **self.environment, **more}


def inventory(client: Published) -> set[tuple[str, ...]]:
    """Return every command and option of the groups, as the client's own help lists them."""
    found: set[tuple[str, ...]] = {("doctor",)}
    for group in GROUPS:
        for command in _COMMAND.findall(client.run(group, "--help").stdout):
            words = (group, command)
            found.add(words)
            text = client.run(*words, "--help", COLUMNS="200").stdout
            for names in _OPTION.findall(text):
                found |= {(*words, name) for name in names if name.startswith("--")}
    return {words for words in found if words[-1] != "--help"}
