"""Tests of hosts to which the system has no way, to be run in a network namespace of its own.

Its routing table refuses some addresses, each with an error of its own; to all others there is no route.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

from qualytics import probe
from qualytics.connectors import all_connectors, get
from qualytics.secret import Secret
from tests.connectors.google_in_namespace import bring_up_loopback
from tests.connectors.test_contract import KEY_FILE

# rtnetlink(7): the types of routes that send nothing.
ROUTES = {"10.1.0.6": 6, "10.1.0.7": 7, "10.1.0.8": 8}  # blackhole, unreachable, prohibit
URIS = {
    "s3": "s3://bucket/path",
    "gcs": "gs://bucket/path",
    "abfs": "abfss://container@account.dfs.core.windows.net/path",
}


def main() -> None:
    bring_up_loopback()
    for address, kind in ROUTES.items():
        add_route(address, kind)
    networked = [connector.type for connector in all_connectors() if connector.kind != "embedded"]
    trials = [(type_, "2001:db8::1") for type_ in networked] + [("postgresql", address) for address in ROUTES]
    with ThreadPoolExecutor(2) as threads:
        json.dump(list(threads.map(lambda trial: one(*trial), trials)), sys.stdout)


def one(type_: str, host: str) -> dict[str, object]:
    values, secrets = plan_of(type_, host)
    report = probe.run(probe.Plan(type_, values, secrets, 20.0))
    failure = report.failure
    return {
        "type": type_,
        "host": host,
        "outcome": [failure.stage, failure.failure_class, failure.retryable],
        "message": failure.message,
        "hint": failure.hint,
        "detail": failure.detail,
    }


def plan_of(type_: str, host: str) -> tuple[dict[str, object], dict[str, Secret]]:
    """Return values and secrets that lead to a host."""
    fields = get(type_).fields
    bracketed = f"[{host}]" if ":" in host else host
    values = {"host": host, "username": "ann", "parameters": {}}
    if "host" not in fields:
        values = {"username": "ann", "parameters": {"endpoint_url": f"https://{bracketed}:443"}}
        values["uri"] = URIS.get(type_)
    if type_ == "jdbc":
        values = {"uri": f"jdbc:postgresql://{bracketed}:5432/sales", "parameters": {"driver_class": "a.B", "jars": []}}
    secret = Secret(KEY_FILE if type_ in {"gcs", "bigquery"} else "c2VjcmV0")
    return values, dict.fromkeys(("password", "access_key", "secret_key"), secret)


def add_route(address: str, kind: int) -> None:
    # RTM_NEWROUTE with NLM_F_REQUEST, NLM_F_ACK and NLM_F_CREATE: the program `ip` may not be there.
    route = struct.pack("=BBBBBBBBI", socket.AF_INET, 32, 0, 0, 254, 4, 0, kind, 0)
    route += struct.pack("=HH4s", 8, 1, socket.inet_aton(address))  # RTA_DST
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(struct.pack("=IHHII", 16 + len(route), 24, 0x405, 1, 0) + route)
        failed = struct.unpack_from("=i", netlink.recv(4_096), 16)[0]
        if failed:
            raise OSError(-failed, f"no route for {address}")


if __name__ == "__main__":
    main()
