"""Runs the network servers of H2 and HSQLDB on 127.0.0.1, and knows where Debian keeps JDBC drivers."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.installing import install_debian
from testbed.servers import Server, free_port, own, server_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

# A machine that lives for some tests: most of the time of its start goes into compiling for a long life.
BRIEF = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
JARS = Path("/usr/share/java")
# Class and jars by the name of the engine.
DRIVERS = {
    "h2": ("org.h2.Driver", ["h2.jar"]),
    "hsqldb": ("org.hsqldb.jdbc.JDBCDriver", ["hsqldb.jar"]),
    "derby": ("org.apache.derby.jdbc.ClientDriver", ["derbyclient.jar"]),
    "postgresql": ("org.postgresql.Driver", ["postgresql.jar"]),
    "mariadb": ("org.mariadb.jdbc.Driver", ["mariadb-java-client.jar"]),
}
_PACKAGES = ("libh2-java", "libhsqldb-java", "libderbyclient-java", "libpostgresql-jdbc-java", "libmariadb-java")


def programs() -> None:
    """Install Java and the drivers where they are missing."""
    install_debian("default-jre-headless", *_PACKAGES)


def driver(engine: str) -> dict[str, object]:
    """Return the parameters of an engine's driver."""
    name, jars = DRIVERS[engine]
    return {"driver_class": name, "jars": [str(JARS / jar) for jar in jars]}


@contextlib.contextmanager
def h2(user: str, password: str) -> Iterator[Server]:
    """Run an H2 with the database `sales`, which has the table RAW.ORDERS and the view RAW.LATEST."""
    programs()
    with server_directory("h2") as directory:
        server = Server(free_port(), user, password, directory)
        script = directory / "make.sql"
        script.write_text(
            "create schema raw; create table raw.orders (id int); create table raw.o_x (id int);"
            "create view raw.latest as select * from raw.orders;\n"
        )
        own(script)
        jar = str(JARS / "h2.jar")
        make = ["-url", f"jdbc:h2:{directory}/sales", "-user", user, "-password", password, "-script", str(script)]
        subprocess.run(["java", "-cp", jar, "org.h2.tools.RunScript", *make], check=True, stdin=subprocess.DEVNULL)
        for path in directory.iterdir():
            own(path)
        listen = ["-tcp", "-tcpPort", str(server.port), "-ifExists", "-baseDir", str(directory)]
        # Without the address it listens on all of them (h2database.com, SysProperties).
        command = ["java", *BRIEF.split(), f"-Dh2.bindAddress={server.host}", "-cp", jar, "org.h2.tools.Server"]
        yield from _run(server, [*command, *listen])


@contextlib.contextmanager
def hsqldb(password: str) -> Iterator[Server]:
    """Run an HSQLDB with the database `sales`, all in memory; its user is SA."""
    programs()
    with server_directory("hsqldb") as directory:
        server = Server(free_port(), "SA", password, directory)
        settings = {
            "server.address": server.host,
            "server.port": str(server.port),
            "server.database.0": f"mem:sales;user=SA;password={password}",
            "server.dbname.0": "sales",
            "server.silent": "true",
            "server.no_system_exit": "false",
        }
        properties = directory / "server.properties"
        properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        own(properties)
        yield from _run(server, ["java", *BRIEF.split(), "-cp", str(JARS / "hsqldb.jar"), "org.hsqldb.server.Server"])


def _run(server: Server, command: list[str]) -> Iterator[Server]:
    try:
        server.start(command, server.listens)
        yield server
    finally:
        server.stop()
