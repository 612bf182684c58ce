"""Logins that need a second host, which fails; to be run in a mount and network namespace of its own.

The namespace's hosts file leads the connections' own hosts to a server that is there, and the second ones to nothing,
to a port where nobody listens, to a server that never answers, and to one whose certificate nobody trusts.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from qualytics import probe
from qualytics.secret import Secret
from tests.connectors.google_in_namespace import bring_up_loopback
from tests.connectors.test_tls_defects import key_file
from tests.probe.egress_in_namespace import mount
from tests.support import tls_defects
from tests.support.cloud import serving

STATES = {"unknown": None, "refused": "127.0.0.2", "silent": "127.0.0.3", "untrusted": "127.0.0.4"}
ROLE = {"authentication_type": "IAM_ROLE", "role_arn": "arn:aws:iam::123456789012:role/reader", "region": "eu-west-1"}
PRINCIPAL = {"authentication_type": "SERVICE_PRINCIPAL", "tenant_id": "contoso.onmicrosoft.com"}
CLUSTER = "analytics.abc123xyz.eu-west-1.redshift.amazonaws.com"
STS, ENTRA, GOOGLE = "sts.eu-west-1.amazonaws.com", "login.microsoftonline.com", "oauth2.googleapis.com"
# Type → its second host, its own, where its own listens, what else it is given.
LOGINS = {
    "bigquery": (GOOGLE, "bigquery.googleapis.com", {}, {}),
    "s3": (STS, "s3.eu-west-1.amazonaws.com", ROLE, {"uri": "s3://bucket/path"}),
    "athena": (STS, "athena.eu-west-1.amazonaws.com", ROLE, {"host": "athena.eu-west-1.amazonaws.com", "port": 443}),
    "redshift": (STS, CLUSTER, ROLE, {"host": CLUSTER}),
    "abfs": (
        ENTRA,
        "account.blob.core.windows.net",
        PRINCIPAL,
        {"uri": "abfss://container@account.dfs.core.windows.net/path"},
    ),
    "sqlserver": (ENTRA, "sql.example", PRINCIPAL, {"host": "sql.example", "port": 443}),
    "synapse": (ENTRA, "sql.example", PRINCIPAL, {"host": "sql.example", "port": 443}),
    "fabric": (ENTRA, "sql.example", {"tenant_id": "contoso.onmicrosoft.com"}, {"host": "sql.example", "port": 443}),
}
# What is silent lasts until the deadline; what fails by itself needs only to be able to.
SILENT_S, DEADLINE_S = 6.0, 60.0


def main() -> None:
    bring_up_loopback()
    root = tls_defects.issue("Test Root", ca=True)
    own = tuple(host for _, host, _, _ in LOGINS.values())
    chain = tls_defects.issue("leaf", root, hosts=own), root
    strange = tls_defects.issue("leaf", tls_defects.issue("Another Root", ca=True), hosts=(STS, ENTRA, GOOGLE))
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as servers:
        hosts = Path(directory) / "hosts"
        mount(hosts, "", "/etc/hosts")
        mount(Path(directory) / "nsswitch.conf", "hosts: files\n", "/etc/nsswitch.conf")
        servers.enter_context(web(chain, "127.0.0.1"))
        servers.enter_context(web((strange,), STATES["untrusted"]))
        silent = servers.enter_context(socket.create_server((STATES["silent"], 443)))
        silent.listen(64)
        cluster = servers.enter_context(tls_defects.serving("redshift", tls_defects.context_of(chain)))
        found = {}
        for state, address in STATES.items():
            hosts.write_text(
                "127.0.0.1 localhost "
                + " ".join(own)
                + "\n"
                + (f"{address} {STS} {ENTRA} {GOOGLE}\n" if address else "")
            )
            with ThreadPoolExecutor(4) as threads:
                deadline_s = SILENT_S if state == "silent" else DEADLINE_S
                trials = [(type_, root.pem, cluster, deadline_s) for type_ in LOGINS]
                found[state] = dict(zip(LOGINS, threads.map(lambda given: one(*given), trials), strict=True))
    json.dump(found, sys.stdout)


@contextlib.contextmanager
def web(chain, address):
    """Serve HTTPS at an address, on the port of it."""
    with serving(lambda *_: (200, {}, b"{}"), None, (address, 443), context=tls_defects.context_of(chain)):
        yield


def one(type_, roots, cluster, deadline_s):
    _, _, parameters, values = LOGINS[type_]
    values = {"username": "AKIA", **({"port": cluster} if type_ == "redshift" else {}), **values}
    values["parameters"] = {"ssl_mode": "verify", **parameters, "ssl_root_cert": roots.decode()}
    if type_ == "redshift":
        values["parameters"] |= {"cluster_identifier": "analytics"}
    secret = Secret(key_file() if type_ == "bigquery" else "c2VjcmV0")
    secrets = dict.fromkeys(("password", "access_key", "secret_key"), secret)
    failure = probe.run(probe.Plan(type_, values, secrets, deadline_s)).failure
    return {
        "class": failure.failure_class,
        "stage": failure.stage,
        "message": failure.message,
        "hint": failure.hint,
        "detail": failure.detail,
    }


if __name__ == "__main__":
    main()
