"""Runs Apache Derby's network server, which speaks DRDA as Db2 does, and a proxy by which ibm-db gets along with it.

Without the proxy the driver gets as far as what Db2 says to a wrong password: Derby cannot read the driver's name for
itself, and knows one encoding only.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.installing import install_debian, virtual_environment
from testbed.java import BRIEF
from testbed.servers import Server, free_port, own, server_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DATABASE = "SALES"  # ibm-db folds the name to upper case
_JARS = Path("/usr/share/java")
_MAKE = """
import sys, jpype
home, database, user, password, *statements = sys.argv[1:]
jpype.startJVM(f"-Dderby.system.home={home}", classpath=["/usr/share/java/derby.jar"])
jpype.JClass("org.apache.derby.jdbc.EmbeddedDriver")()
connect = jpype.JClass("java.sql.DriverManager").getConnection
made = connect(f"jdbc:derby:{database};create=true", user, password)
for statement in statements:
    made.createStatement().execute(statement)
made.close()
try:
    connect("jdbc:derby:;shutdown=true", user, password)
except jpype.JException as exc:  # how Derby says that it is down
    assert exc.getSQLState() == "XJ015", exc
"""
# What Db2's catalog says, in a schema whose name is as long as SYSCAT, which Derby keeps for itself; and some tables.
# The driver cannot parse Derby's columns of the type CHAR.
_OWNER = "cast(case when schemaname in ('APP', 'SALES') then 'ANN' else 'SYSIBM' end as varchar(128)) as owner"
_FILL = (
    f"create view db2cat.schemata as select schemaname, {_OWNER} from sys.sysschemas",
    f"""create view db2cat.tables as
    select tablename as tabname, cast(tabletype as varchar(1)) as type, schemaname as tabschema, {_OWNER}
    from sys.systables join sys.sysschemas using (schemaid)""",
    "create table sales.orders (id int)",
    "create table sales.parts (id int)",
    "create view sales.orders_today as select 1 as id from sysibm.sysdummy1",
)
_PREFIX = b"and left(tabname, length(cast(? as varchar(128)))) = ? order by tabname"
# All of one length, as the protocol counts bytes.
_REWRITES = (
    # DDM Reference: the level of the manager of Unicode, 1208 (UTF-8), becomes none, so that all texts are EBCDIC.
    (b"\x1c\x08\x04\xb8", b"\x1c\x08\x00\x00"),
    # The client's product id becomes that of Derby's own client, in either encoding.
    ("SQL12014".encode("cp500"), "DNC10030".encode("cp500")),
    (b"SQL12014", b"DNC10030"),
    # TRGDFTRT: the target's defaults are not asked for (false in place of true); ibm-db cannot parse them.
    (b"\x00\x05\x21\x3b\xf1", b"\x00\x05\x21\x3b\xf0"),
    # Derby has another catalog, and no LEFT.
    (b"syscat.", b"db2cat."),
    (_PREFIX, b"and substr(tabname, 1, length(cast(? as varchar(128)))) = ? order by 1".ljust(len(_PREFIX))),
)


def programs() -> None:
    """Install Java and Derby where they are missing."""
    install_debian("default-jre-headless", "libderby-java", "libderbyclient-java")


@contextlib.contextmanager
def derby(passwords: Mapping[str, str]) -> Iterator[Server]:
    """Run a Derby that knows these users; the first one made the database SALES."""
    programs()
    python = virtual_environment("jpype") / "bin" / "python"
    with server_directory("derby") as directory:
        user, password = next(iter(passwords.items()))
        server = Server(free_port(), user, password, directory)
        lines = ["derby.connection.requireAuthentication=true", "derby.authentication.provider=BUILTIN"]
        lines += [f"derby.user.{name}={_property(value)}" for name, value in passwords.items()]
        (directory / "derby.properties").write_text("\n".join(lines) + "\n")
        make = [str(python), "-c", _MAKE, str(directory), DATABASE, user, password, *_FILL]
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(directory)}
        subprocess.run(make, check=True, cwd=directory, env=environment, stdin=subprocess.DEVNULL)
        for path in directory.rglob("*"):
            own(path)
        jars = ":".join(str(_JARS / name) for name in ("derby.jar", "derbynet.jar", "derbyclient.jar"))
        control = ["org.apache.derby.drda.NetworkServerControl", "start", "-noSecurityManager"]
        command = ["java", *BRIEF.split(), f"-Dderby.system.home={directory}", "-cp", jars, *control]
        try:
            server.start([*command, "-h", server.host, "-p", str(server.port)], server.listens)
            yield server
        finally:
            server.stop()


def _property(value: str) -> str:
    # java.util.Properties: everything may be written by its number.
    units = value.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


@contextlib.contextmanager
def rewriting(port: int) -> Iterator[int]:
    """Stand before Derby on another port of 127.0.0.1, and translate."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        acceptor = threading.Thread(target=_accept, args=(listener, port), daemon=True)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join(5)


def _accept(listener: socket.socket, port: int) -> None:
    with contextlib.suppress(OSError):  # the listener's end is the proxy's end
        while True:
            peer, _ = listener.accept()
            inner = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=_pump, args=(peer, inner, _REWRITES), daemon=True).start()
            threading.Thread(target=_pump, args=(inner, peer, ()), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, rewrites: tuple[tuple[bytes, bytes], ...]) -> None:
    with source, contextlib.suppress(OSError):
        while chunk := source.recv(65_536):
            for old, new in rewrites:
                chunk = chunk.replace(old, new)
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
