"""The dot at the end of a host is for its look-up alone: no certificate and no server name has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.connectors.test_tls_defects import TDS, TYPES


@pytest.fixture(scope="module")
def in_namespace():
    done = subprocess.run(
        [
            "unshare",
            "-mn" if os.geteuid() == 0 else "-rmn",
            sys.executable,
            "-m",
            "tests.connectors.dotted_in_namespace",
        ],
        capture_output=True,
        check=False,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("type_", sorted(set(TYPES) - TDS - {"bigquery"}))
def test_a_host_that_ends_in_a_dot_matches_its_certificate(in_namespace, type_):
    found = in_namespace[type_]
    assert found["stages"]["resolve"], found
    assert found["stages"].get("tls") or found["class"] != "tls", found
    # Some servers are asked beforehand whether they speak TLS at all, without a name.
    assert set(found["asked"]) - {None} == {"db.example"}, found
