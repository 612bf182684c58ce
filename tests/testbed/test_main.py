"""A counterpart is started by hand, and a connection is what it says."""

import json
import subprocess
import sys

import pytest

from testbed.servers import ROOT

pytestmark = pytest.mark.slow  # processes


def test_a_counterpart_runs_until_its_input_ends_and_says_what_reaches_it(run):
    words = [sys.executable, "-m", "testbed", "sqlite"]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as counterpart:
        given = json.loads(counterpart.stdout.readline())
        done = run("connections", "test", "--type", given["type"], "--uri", given["uri"])
        counterpart.stdin.close()
    assert (done.code, done.document["product_name"]) == (0, "SQLite")
    assert counterpart.returncode == 0


def test_a_type_without_a_counterpart_is_refused():
    done = subprocess.run(
        [sys.executable, "-m", "testbed", "teradata"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: python -m testbed TYPE, one of abfs, ")
