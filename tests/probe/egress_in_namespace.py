"""Trials of the network policy, to be run in a mount and network namespace of its own: nothing can leave it.

Its loopback device also has the addresses 10.9.9.1 (a database in a private network) and 169.254.169.254
(metadata). Its name server answers 10.9.9.1 the first time that it is asked for a name, and 127.0.0.1 from then on.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path

import trustme

from qualytics import probe
from qualytics.probe.egress import Policy
from qualytics.secret import Secret
from tests.connectors.google_in_namespace import bring_up_loopback
from tests.support.trial import outcome

GOOD, EVIL, METADATA = "10.9.9.1", "127.0.0.1", "169.254.169.254"
SPELLINGS = [
    *(
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0177.0.0.1",
        "0x7f.1",
        "0",
        "0.0.0.0",
    ),
    *("127.000.000.001", "localhost", "LocalHost", "::1", "0:0:0:0:0:0:0:1", "::", "::ffff:127.0.0.1"),
    *("::ffff:7f00:1", "::FFFF:0.0.0.0", "metadata.example"),
    *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "0xa9.0376.43518", "::ffff:a9fe:a9fe"),
]
HOSTS = f"127.0.0.1 localhost\n{METADATA} metadata.example\n"
EVERYWHERE = Policy(("0.0.0.0/0", "::/0"))
PLAIN = {"ssl_mode": "disable"}
# What each type needs to get as far as its driver's own connection.
TYPES = {
    "postgresql": ({"username": "ann", "parameters": PLAIN}, {"password": "x"}),
    "mysql": ({"username": "ann", "parameters": PLAIN}, {"password": "x"}),
    "trino": ({"username": "ann", "parameters": PLAIN}, {}),
    "presto": ({"username": "ann", "parameters": PLAIN}, {}),
    "hive": ({"username": "ann", "parameters": PLAIN}, {"password": "x"}),
    "redshift": ({"username": "ann", "parameters": PLAIN}, {"password": "x"}),
    "oracle": ({"username": "ann", "parameters": PLAIN}, {"password": "x"}),
    "databricks": ({"parameters": {"path": "/sql/1.0/warehouses/1"}}, {"password": "x"}),
    "snowflake": ({"username": "ann", "parameters": {}}, {"password": "x"}),
}
DRIVER = """
import _socket, socket
def connect(*_, **__):
    PORT = {port}
    {body}
    raise ValueError("came this far")
"""
SECOND_HOST = {
    "looked up": "socket.create_connection(('localhost', PORT))",
    "connected": f"_socket.socket().connect(('{EVIL}', PORT))",
    "swallowed": """
    try: socket.gethostbyname('localhost')
    except OSError: pass
    raise ConnectionError("no network") from None""",
    "unix": "socket.socket(socket.AF_UNIX).connect('/run/x')",
    "datagram": f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('{METADATA}', 80))",
    "allowed": "socket.create_connection(('localhost', PORT))",
    "embedded": "socket.create_connection(('localhost', PORT))",
}


class Counting:
    """Listens at an address, TLS or not as the caller likes, takes what is said, hangs up, and remembers who called."""

    def __init__(self, family: int, place: tuple[str, int], context: ssl.SSLContext) -> None:
        self.listener = socket.socket(family)
        if family == socket.AF_INET6:
            self.listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.listener.bind(place)
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.reached: list[str] = []
        self._context = context
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            peer, _ = self.listener.accept()
            there = ip_address(peer.getsockname()[0])
            self.reached.append(str(getattr(there, "ipv4_mapped", None) or there))
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with contextlib.suppress(OSError):
            peer.settimeout(2)
            if peer.recv(1, socket.MSG_PEEK) == b"\x16":
                peer = self._context.wrap_socket(peer, server_side=True)
            peer.recv(65_536)
        peer.close()


class Names:
    """A name server (RFC 1035) on UDP whose every name has another address at the second look."""

    def __init__(self) -> None:
        self._asked: dict[bytes, int] = {}
        self._sock = socket.socket(type=socket.SOCK_DGRAM)
        self._sock.bind((EVIL, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            question, client = self._sock.recvfrom(512)
            end = question.index(b"\0", 12) + 5
            name, kind = question[12 : end - 4].lower(), question[end - 4 : end - 2]
            answer = b""
            if kind == b"\0\1":  # A
                address = EVIL if self._asked.get(name) else GOOD
                self._asked[name] = 1
                answer = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(address)
            head = question[:2] + b"\x81\x80\0\1" + struct.pack("!H", bool(answer)) + b"\0\0\0\0"
            self._sock.sendto(head + question[12:end] + answer, client)


def main() -> None:
    bring_up_loopback()
    for number, address in enumerate((GOOD, METADATA), start=1):
        add_address(f"lo:{number}", address)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        mount(place / "hosts", HOSTS, "/etc/hosts")
        mount(place / "resolv.conf", f"nameserver {EVIL}\n", "/etc/resolv.conf")
        mount(place / "nsswitch.conf", "hosts: files dns\n", "/etc/nsswitch.conf")
        Names()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(place / "roots.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        names = [f"{type_}.{policed}.example" for type_ in TYPES for policed in ("policy", "embedded")]
        authority.issue_cert(*names).configure_cert(context)
        found = spelled(context) | {
            "answers": [socket.gethostbyname("first.example") for _ in range(3)],
            "rebound": rebound(context, str(place / "roots.pem")),
            "second_host": second_host(place, context),
        }
    json.dump(found, sys.stdout)


def spelled(context):
    anywhere = Counting(socket.AF_INET6, ("::", 0), context)

    def one(host, policy):
        values = {"host": host, "port": anywhere.port, "username": "ann", "parameters": PLAIN}
        return outcome(probe.run(probe.Plan("postgresql", values, {}, 20.0, policy=policy)))

    refused = {host: one(host, Policy()) for host in SPELLINGS}
    reached = list(anywhere.reached)
    allowed = {}
    for host in SPELLINGS:
        one(host, EVERYWHERE)
        allowed[host] = anywhere.reached[-1]
    return {"spellings": refused, "reached": reached, "allowed": allowed}


def rebound(context, roots):
    def one(type_, policed):
        good = Counting(socket.AF_INET, (GOOD, 0), context)
        evil = Counting(socket.AF_INET, (EVIL, good.port), context)
        values, secrets = TYPES[type_]
        parameters = {"ssl_root_cert_file": roots, **values["parameters"]}
        values = {**values, "host": f"{type_}.{policed}.example", "port": good.port, "parameters": parameters}
        held = {name: Secret(text) for name, text in secrets.items()}
        # That loopback is allowed shows that it is the pin that holds, not the refusal.
        policy = EVERYWHERE if policed == "policy" else None
        report = probe.run(probe.Plan(type_, values, held, 6.0, policy=policy))
        return {
            "good": len(good.reached),
            "evil": len(evil.reached),
            "outcome": outcome(report),
            "detail": report.failure.detail,
        }

    with ThreadPoolExecutor(4) as threads:
        running = {way: {type_: threads.submit(one, type_, way) for type_ in TYPES} for way in ("policy", "embedded")}
        return {way: {type_: one.result() for type_, one in trials.items()} for way, trials in running.items()}


def second_host(place, context):
    port = Counting(socket.AF_INET, (EVIL, 0), context).port
    drivers = place / "drivers"
    drivers.mkdir()
    sys.path.insert(0, str(drivers))
    (place / "a.duckdb").write_bytes(bytes(8) + b"DUCK" + bytes(100))
    found = {}
    for name, body in SECOND_HOST.items():
        (drivers / "duckdb.py").write_text(DRIVER.format(port=port, body=body))
        policy = {"allowed": Policy(("127.0.0.0/8",)), "embedded": None}.get(name, Policy())
        plan = probe.Plan("duckdb", {"uri": str(place / "a.duckdb")}, {}, 20.0, policy=policy)
        found[name] = outcome(probe.run(plan))
    return found


def mount(source, text, place):
    source.write_text(text)
    subprocess.run(["mount", "--bind", str(source), place], check=True)


def add_address(alias, address):
    # SIOCSIFADDR and SIOCSIFNETMASK (netdevice(7)): the program `ip` may not be there.
    with socket.socket() as any_socket:
        for request, value in ((0x8916, address), (0x891C, "255.255.255.255")):
            place = struct.pack("16sHH4s8x", alias.encode(), socket.AF_INET, 0, socket.inet_aton(value))
            fcntl.ioctl(any_socket, request, place)


if __name__ == "__main__":
    main()
