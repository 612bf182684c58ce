"""Hosts that end in a dot, to be run in a mount and network namespace of its own, whose name server knows them."""

from __future__ import annotations

import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.connectors.google_in_namespace import bring_up_loopback
from tests.connectors.test_tls_defects import TDS, TYPES, attempt
from tests.probe.egress_in_namespace import EVIL, GOOD, Names, add_address, mount
from tests.support import tls_defects

HOST = "db.example"


def main() -> None:
    bring_up_loopback()
    add_address("lo:1", GOOD)
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(2) as threads:
        place = Path(directory)
        mount(place / "resolv.conf", f"nameserver {EVIL}\n", "/etc/resolv.conf")
        mount(place / "nsswitch.conf", "hosts: files dns\n", "/etc/nsswitch.conf")
        Names()
        root = tls_defects.issue("Test Root", ca=True)
        sent = (tls_defects.issue("leaf", root, hosts=(HOST,)), root)
        types = sorted(set(TYPES) - TDS - {"bigquery"})  # which asks Google first
        json.dump(
            dict(zip(types, threads.map(lambda type_: one(type_, sent, root.pem), types), strict=True)), sys.stdout
        )


def one(type_, sent, root):
    asked = []
    context = tls_defects.context_of(sent)
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    with tls_defects.serving(type_, context, "0.0.0.0") as port:
        report = attempt(type_, port, root, host=f"{HOST}.")
    failure = report.failure
    return {
        "class": failure.failure_class,
        "message": failure.message,
        "detail": failure.detail,
        "stages": {stage.name: stage.ok for stage in report.stages},
        "asked": asked,
    }


if __name__ == "__main__":
    main()
