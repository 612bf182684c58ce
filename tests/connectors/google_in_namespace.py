"""Google as BigQuery's users meet it, at its own names: to be run in a mount and network namespace of its own.

The namespace's hosts file maps Google's two names to 127.0.0.1, where a TLS server checks each key's
signature, issues tokens, and hands requests with a token on to bqemulator. Nothing can leave the
namespace. Reads a list of trials as JSON from standard input, writes a list of outcomes.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import secrets
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import parse_qs

import trustme
from google.auth import jwt

from testbed import cloud
from tests.support.cloud import serving, trial

NAMES = ("oauth2.googleapis.com", "bigquery.googleapis.com")


class Google:
    """Answers for both names; `public_key` (PEM) is the one key that is registered."""

    def __init__(self, public_key: str, emulator: int) -> None:
        self.public_key, self.emulator = public_key, emulator
        self.tokens: set[str] = set()
        self.asked: list[str] = []

    def __call__(self, method, path, headers, body):
        self.asked.append(f"{headers['Host']}{path.partition('?')[0]}")
        if headers["Host"] == NAMES[0] and path == "/token":
            return self.token(body)
        if headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            reason = [{"reason": "authError", "message": "Invalid Credentials"}]
            return (
                401,
                {},
                json.dumps({"error": {"code": 401, "errors": reason, "message": "Invalid Credentials"}}).encode(),
            )
        there = http.client.HTTPConnection("127.0.0.1", self.emulator, timeout=20)
        there.request(method, path, body, {"Content-Type": headers.get("Content-Type", "application/json")})
        found = there.getresponse()
        return found.status, {}, found.read()

    def token(self, body):
        form = parse_qs(body.decode())
        try:
            claims = jwt.decode(
                form["assertion"][0], certs=self.public_key, audience="https://oauth2.googleapis.com/token"
            )
        except ValueError:
            # Google's own words for a signature by another key.
            return 400, {}, b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}'
        if "disabled" in claims["iss"]:
            return 400, {}, b'{"error": "invalid_grant", "error_description": "Invalid grant: account not found"}'
        token = "ya29." + secrets.token_urlsafe(24)
        self.tokens.add(token)
        return 200, {}, json.dumps({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}).encode()


def main() -> None:
    trials = json.load(sys.stdin)
    bring_up_loopback()
    with tempfile.TemporaryDirectory() as directory:
        hosts = Path(directory) / "hosts"
        hosts.write_text("127.0.0.1 localhost " + " ".join(NAMES) + "\n")
        subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)
        authority = trustme.CA()
        roots = Path(directory) / "roots.pem"
        authority.cert_pem.write_to_path(str(roots))
        issued = authority.issue_cert(*NAMES)
        certificate = issued.cert_chain_pems, issued.private_key_pem
        with cloud.bigquery() as emulator:
            google = Google(trials["public_key"], emulator.port)
            with serving(google, certificate, ("127.0.0.1", 443)):
                outcomes = [one(google, str(roots), **given) for given in trials["trials"]]
    json.dump(outcomes, sys.stdout)


def one(google, roots, password, *, trusted=True, **options):
    google.asked.clear()
    parameters = {"ssl_root_cert_file": roots} if trusted else {}
    report = trial("bigquery", {"parameters": parameters}, password, **options)
    failure = report.failure and [report.failure.stage, report.failure.failure_class, report.failure.message]
    return {
        "failure": failure,
        "asked": list(google.asked),
        "tls": report.tls,
        "detail": report.failure and report.failure.detail,
    }


def bring_up_loopback() -> None:
    # SIOCGIFFLAGS and SIOCSIFFLAGS, IFF_UP (netdevice(7)): the program `ip` may not be there.
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, 0x8913, request))[1]
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", flags | 1))


if __name__ == "__main__":
    main()
