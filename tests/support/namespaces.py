"""Programs of tests that run in a network of their own, which can send nothing anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from testbed import servers


def run(module: str, given: Any = None, *, timeout_s: float = 500) -> Any:
    """Run a module in a network and mount namespace of its own; `given` goes in as JSON, JSON comes back."""
    rootless = [] if os.geteuid() == 0 else ["--map-root-user"]
    done = subprocess.run(
        ["unshare", "--mount", "--net", *rootless, sys.executable, "-m", module],
        input=json.dumps(given).encode(),
        capture_output=True,
        cwd=servers.ROOT,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)
