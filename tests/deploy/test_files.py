"""The files of `deploy/`: linted, and their promises kept."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.control_plane import serving
from testbed.proxy import DEPLOY, hadolint_program, systemd_program
from tools import docs

NEEDED = (
    *("NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes"),
    *("PrivateDevices=yes", "RestrictNamespaces=yes", "SystemCallFilter=@system-service", "UMask=0077"),
)


@pytest.mark.slow
@pytest.mark.servers
def test_the_container_file_passes_its_linter():
    done = subprocess.run(
        [hadolint_program(), "--no-color", DEPLOY / "Containerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_container_has_no_root_no_secret_and_a_base_that_is_named():
    text = (DEPLOY / "Containerfile").read_text()
    steps = re.findall(r"^([A-Z]+) (.*)$", text, re.MULTILINE)
    bases = [value.split()[0] for step, value in steps if step == "FROM"]
    assert all(re.search(r":3\.\d+-slim-\w+$", base) for base in bases)
    users = [value for step, value in steps if step == "USER"]
    assert users == ["10001:10001"]
    assert not re.search(r"(KEY|TOKEN|PASSWORD|SECRET)\w*=", text)
    for value in (value for step, value in steps if step == "COPY" and "--from" not in value):
        for name in value.split()[:-1]:
            assert (DEPLOY.parent / name).exists()


def test_the_service_is_confined():
    lines = (DEPLOY / "qualytics.service").read_text().splitlines()
    assert set(NEEDED) <= set(lines)


@pytest.mark.servers
def test_systemd_understands_every_line_and_finds_little_exposed(tmp_path):
    unit = tmp_path / "qualytics.service"
    text = (DEPLOY / "qualytics.service").read_text()
    # What a machine has only once the service is installed there, and the pages of the manual.
    for own, here in (
        ("/opt/qualytics/bin/qualytics", shutil.which("true")),
        ("User=qualytics", f"User={os.geteuid()}"),
        ("Group=qualytics", f"Group={os.getegid()}"),
        ("Documentation=man:systemd.exec(5)", "Documentation=https://connections.example.com"),
    ):
        assert text.count(own) == 1
        text = text.replace(own, here)
    unit.write_text(text)
    done = subprocess.run([systemd_program(), "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, [])
    words = [
        systemd_program(),
        "security",
        "--offline=yes",
        "--threshold=20",
        "--no-pager",
        DEPLOY / "qualytics.service",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to lose")
def test_tests_of_connections_run_without_rights_and_without_a_way_to_gain_some(home, tmp_path, monkeypatch):
    # As in the service: no capabilities, and none to be gained by what is started.
    confined = "setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all"
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nexec {confined} {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(wrapper))
    with serving(home) as plane:
        status = Path(f"/proc/{plane.process.pid}/status").read_text()
        assert re.findall(r"^(?:NoNewPrivs|CapEff|CapBnd):\s+(\w+)$", status, re.MULTILINE) == ["0" * 16, "0" * 16, "1"]
        body = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "app"}
        report = plane.api()("POST", "/connections/test", body).json
    assert (report["stage"], report["class"]) == ("tcp", "refused")


@pytest.mark.parametrize("name", docs.PARTS)
def test_a_generated_part_of_a_page_is_current(name):
    assert (DEPLOY.parent / "docs" / name).read_text() == docs.with_parts(name), "run make docs"


def test_the_page_on_deploying_names_settings_that_are_there():
    page = (DEPLOY.parent / "docs" / "deploy.md").read_text()
    known = set(re.findall(r"`(QUALYTICS_\w+)`", (DEPLOY.parent / "docs" / "settings.md").read_text()))
    assert set(re.findall(r"QUALYTICS_\w+", page)) <= known
