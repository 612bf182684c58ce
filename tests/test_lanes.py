"""Which worker runs a test: those that wait have their own, and nothing is left out without them."""

import subprocess
import sys

import pytest

from testbed.servers import ROOT

HOOK = """
from tests.support.lanes import Lanes

def pytest_xdist_make_scheduler(config, log):
    return Lanes(config, log)
"""
TESTS = """
import os
import pytest

@pytest.mark.parametrize("fault", ["closed", "silent-verify", "h2-dropping"])
def test_fault(fault, testrun_uid):
    with open("ran", "a") as out:
        print(os.environ["PYTEST_XDIST_WORKER"], fault, file=out)

def test_a_server_that_is_silent_is_told():
    test_fault("is-silent", None)
"""
PLAIN = "import pytest\n\n@pytest.mark.parametrize('number', range(5))\ndef test_silent(number):\n    pass\n"


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "apart"), [("3", True), ("4", True), ("2", False)])
def test_tests_that_wait_have_workers_of_their_own_where_there_are_more_than_two(tmp_path, workers, apart):
    for name, text in (("conftest.py", HOOK), ("test_faults.py", TESTS), ("test_plain.py", PLAIN)):
        (tmp_path / name).write_text(text)
    words = ["-n", workers, "--dist", "loadfile", "--no-loadscope-reorder", "-p", "xdist", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", str(tmp_path), *words],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout
    ran = dict(reversed(line.split()) for line in (tmp_path / "ran").read_text().splitlines())
    assert ran.keys() == {"closed", "silent-verify", "h2-dropping", "is-silent"}
    others = {"gw0", "gw1"}
    assert ran.pop("closed") in others
    assert {worker in others for worker in ran.values()} == {not apart}
