"""Signing in to a real control plane with a browser, whose part is played here, and working with what came back."""

import json
import os
import re
import subprocess
import sys

from testbed.control_plane import PASSWORD
from tests.support.browser import play_browser


def test_a_user_signs_in_with_a_browser_works_and_signs_out(plane, home):
    environment = {**os.environ, "QUALYTICS_CONFIG_HOME": str(home)}

    def call(*args):
        command = [sys.executable, "-m", "qualytics", *args]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    process = subprocess.Popen(
        [sys.executable, "-m", "qualytics", "auth", "login", "--url", plane.url, "--no-browser", "-f", "json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = process.stderr.readline().removeprefix("sign in at ").strip()
        assert play_browser(address, "manager", PASSWORD) == 200
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, err
    assert (json.loads(out)["user"], json.loads(out)["role"]) == ("manager", "Manager")
    assert call("connections", "list").returncode == 0
    assert [token["name"][:4] for token in json.loads(call("auth", "token", "list", "-f", "json").stdout)][-1] == "cli "
    kept = (home / "config.yaml").read_text()
    token = re.search(r"^token: (\S+)$", kept, re.MULTILINE)[1]
    signed_out = call("auth", "logout", "-f", "json")
    assert json.loads(signed_out.stdout)["revoked"] is True, signed_out.stderr
    assert token not in (home / "config.yaml").read_text()
    assert call("connections", "list").returncode == 4
    environment |= {"QUALYTICS_URL": plane.url, "QUALYTICS_TOKEN": token}
    refused = call("connections", "list")
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (4, "error: the token was revoked")


def test_doctor_finds_nothing_wrong_with_a_good_control_plane(remotely):
    result = remotely("doctor", "-f", "json")
    assert result.code == 0, result.err
    found = {check["name"]: check["found"] for check in result.json["checks"]}
    assert found["token"] == "of admin, with the role Admin"
    assert {"dns", "tcp", "tls", "health", "clock", "status", "version", "expiry"} <= found.keys()
