"""The published client, unmodified, in an environment of its own: a driver of its commands, and what it printed.

Its imports take over a second. So one process imports it, and forks for each command; the fork runs what
the installed script runs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from testbed.installing import virtual_environment
from testbed.needs import ENVIRONMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VERSION = ENVIRONMENTS["qualytics-cli"].requirements[0].partition("==")[2]
GROUPS = ("connections", "datastores", "config", "auth")
_OPTION = re.compile(r"^│[\s*]*(--[\w…-]+)(?:\s+(--no-[\w-]+|-\w+))?(?:\s+(--no-[\w-]+))?", re.MULTILINE)
_COMMAND = re.compile(r"^│ ([a-z-]+) ", re.MULTILINE)
_FORKS = """
import gc, json, os, pkgutil, sys
import qualytics
from qualytics.qualytics import app
for module in pkgutil.walk_packages(qualytics.__path__, "qualytics."):
    __import__(module.name)
gc.freeze()
say = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    asked = json.loads(line)
    pid = os.fork()
    if not pid:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, path in enumerate(asked["outputs"], 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.environ.update(asked["variables"])
        sys.argv = ["qualytics", *asked["words"]]
        code = 1
        try:
            app()
        except SystemExit as exc:
            code = exc.code or 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=say, flush=True)
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
    _forks: subprocess.Popen[str] | None = None

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
        if self._forks is None:
            self._forks = subprocess.Popen(
                [str(program().with_name("python")), "-c", _FORKS],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=self.home,
                env=self.variables(),
            )
        outputs = [self.home / "stdout", self.home / "stderr"]
        asked = {"words": words, "variables": variables, "outputs": [str(path) for path in outputs]}
        print(json.dumps(asked), file=self._forks.stdin, flush=True)
        code = int(self._forks.stdout.readline()) if self._forks.stdout else 1
        return subprocess.CompletedProcess(words, code, *(path.read_text() for path in outputs))

    def close(self) -> None:
        """End the process that imports the client."""
        if self._forks is not None:
            self._forks.communicate()

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
