"""The OpenAPI document is the truth: schemathesis sends what it allows and what it does not, and judges each reply."""

from __future__ import annotations

import os
import subprocess

import pytest

from testbed.control_plane import schemathesis, serving

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method,ignored_auth"
)
# Records that are there, so that more is seen than "not found".
KNOWN = "[parameters]\nconnection_id = 1\ndatastore_id = 1\nenrichment_id = 2\nuser_id = 3\ngrant_id = 1\n"
_CONNECTIONS, _DATASTORES = "/connections", "/datastores"
# Each of these starts children that test what was made up.
_SLOW = r"/(test|catalogs|schemas|tables|connection|validate)$"
# Each of these tests all that was made up so far; tests/client/http/test_runs.py sends it what is right and wrong.
_RUNS = r"/operations$"


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """Return a control plane of its own: what is made up may end every token but one."""
    with serving(
        tmp_path_factory.mktemp("schema") / "home",
        "--requests-per-minute",
        "100000000",
        "--refusals-per-minute",
        "100000000",
        "--allow-use",
    ) as found:
        admin = found.api()
        given = {"type": "postgresql", "name": "kept", "host": "127.0.0.1", "port": 1, "username": "u"}
        number = admin("POST", "/connections", given).json["id"]
        for name in ("used", "other"):  # while these are there, the connection cannot be deleted
            admin("POST", "/datastores", {"name": name, "connection_id": number, "database": "d", "schema": "s"})
        admin("POST", "/grants", {"user": "admin", "connection": number})
        yield found


# Which paths, and how many requests are made up for each beside those of its limits.
PARTS = {
    "connections": (["--include-path-regex", _CONNECTIONS, "--exclude-path-regex", f"{_DATASTORES}|{_SLOW}"], 5),
    "datastores": (["--include-path-regex", _DATASTORES, "--exclude-path-regex", _SLOW], 5),
    "the rest": (["--exclude-path-regex", f"{_CONNECTIONS}|{_DATASTORES}|{_SLOW}|{_RUNS}"], 5),
    "tests": (["--include-path-regex", _SLOW], 1),
}


@pytest.mark.parametrize(("paths", "examples"), PARTS.values(), ids=PARTS)
def test_every_reply_is_as_the_document_says_and_none_is_a_fault(plane, tmp_path, paths, examples):
    (tmp_path / "schemathesis.toml").write_text(KNOWN)
    words = ["run", f"{plane.url}/api/openapi.json", "--phases", "examples,coverage,fuzzing", "--checks", CHECKS]
    words += ["-H", f"Authorization: Bearer {plane.tokens['Admin']}", *paths, "--max-examples", str(examples)]
    words += ["--seed", "1", "--generation-deterministic", "--no-color", "--max-failures", "10"]
    done = subprocess.run(
        [str(schemathesis()), *words],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"},
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr
