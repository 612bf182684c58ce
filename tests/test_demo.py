"""The demo is the product's main job: it must end well on real databases."""

import os
import subprocess
import sys

import pytest

from testbed import servers


@pytest.mark.slow
@pytest.mark.servers
def test_the_demo_runs_every_command_as_it_must_end():
    env = {name: value for name, value in os.environ.items() if not name.startswith("QUALYTICS_")}
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo"],
        cwd=servers.ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout[-4000:]
    assert done.stdout.endswith("demo: every command ended as it must\n")
