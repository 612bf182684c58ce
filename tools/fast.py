"""`python -m tools.fast`: run the fast tests in two processes, each with half of the modules.

Workers of one run would each import all modules, and send word of each test: a third of the work. Of a test with many
cases a few are run (tests/conftest.py), and at the end nobody looks for garbage with errors of its own, which takes
seconds. The whole suite does both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

_HALVES = 2
_WITHOUT = ("no:logging", "no:randomly", "no:unraisableexception")
_PYTEST = (sys.executable, "-m", "pytest", "-q", *(word for name in _WITHOUT for word in ("-p", name)))
# What pytest makes of the asserts of a module is kept for the next run; to make it anew took as long as the tests.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
# As tests/conftest.py knows it.
_FAST = ("-m", "not servers and not slow")


def main() -> int:
    with tempfile.TemporaryFile() as second:
        outputs = (None, second)
        processes = [
            subprocess.Popen([*_PYTEST, *_FAST], env={**_ENVIRONMENT, "FAST_HALF": str(half)}, stdout=stdout)
            for half, stdout in zip(range(_HALVES), outputs, strict=True)
        ]
        codes = [process.wait() for process in processes]
        second.seek(0)
        sys.stdout.buffer.write(second.read())
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
