"""Commands of a Python program whose imports take seconds: one process imports it, and runs one after another."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# It runs what the installed script runs.
_LOOP = """
import gc, json, os, sys
def run(asked):
    for number, path in enumerate(asked["outputs"], 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.environ.update(asked["variables"])
    sys.argv = asked["words"]
    code = 1
    try:
        code = app() or 0
    except SystemExit as exc:
        code = exc.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else print(code, file=sys.stderr, flush=True) or 1
asked, say = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
gc.freeze()
for line in asked:
    if forks:
        pid = os.fork()
        if not pid:
            os._exit(run(json.loads(line)))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    else:
        code = run(json.loads(line))
    print(code, file=say, flush=True)
"""


class Commands:
    """Runs commands of the program of a virtual environment.

    `imports` is the Python that imports all it needs and ends with a function `app`. Each command is a fork, or, for a
    program that imports most of itself as it goes, stays in the one process. This starts with the first command; what
    is printed goes through files in `home`.
    """

    def __init__(
        self, program: Path, imports: str, home: Path, environment: Mapping[str, str], *, forks: bool = True
    ) -> None:
        self._program, self._code = program, f"{imports}\nforks = {forks}\n{_LOOP}"
        self._home, self._environment = home, environment
        self._process: subprocess.Popen[str] | None = None

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one command."""
        if self._process is None:
            self._process = subprocess.Popen(
                [str(self._program.with_name("python")), "-c", self._code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=self._home,
                env=self._environment,
            )
        outputs = [self._home / "stdout", self._home / "stderr"]
        line = {"words": [self._program.name, *words], "variables": variables, "outputs": [str(one) for one in outputs]}
        print(json.dumps(line), file=self._process.stdin, flush=True)
        code = int(self._process.stdout.readline()) if self._process.stdout else 1
        return subprocess.CompletedProcess(words, code, *(path.read_text() for path in outputs))

    def close(self) -> None:
        """End the process that imports the program."""
        if self._process is not None:
            self._process.communicate()
