"""A HiveServer2 for tests: Spark's Thrift server, which speaks Hive's protocol, from the package pyspark."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from testbed import servers
from testbed.installing import Missing, install_debian, virtual_environment
from testbed.java import BRIEF
from testbed.needs import program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CLASS = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"


def programs() -> tuple[str, Path]:
    """Return java, else Debian's package of it, and the folder of Spark in an environment of its own."""
    install_debian("default-jre-headless")
    java = program("java")
    if java is None:
        raise Missing("the package default-jre-headless was installed, but brought no java")
    place = virtual_environment("pyspark")
    return java, next(place.glob("lib/python3*/site-packages/pyspark"))


@contextlib.contextmanager
def hive(transport: str = "binary") -> Iterator[servers.Server]:
    """Run the server with `transport` binary or http; it takes any password and has the database `default`."""
    _, spark = programs()
    with servers.server_directory("hive") as directory:
        server = servers.Server(servers.free_port(), "analyst", "any password", directory)
        server.environment = {
            "SPARK_HOME": str(spark),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(directory),
        }
        settings = {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.warehouse.dir": f"{directory}/warehouse",
            "spark.driver.extraJavaOptions": f"-Dderby.system.home={directory} -Djava.io.tmpdir={directory} {BRIEF}",
        }
        port = "hive.server2.thrift.port" if transport == "binary" else "hive.server2.thrift.http.port"
        hive_settings = {
            "hive.server2.transport.mode": transport,
            port: str(server.port),
            "hive.server2.thrift.http.path": "cliservice",
            "hive.server2.thrift.bind.host": "127.0.0.1",
        }
        command = [
            str(spark / "bin" / "spark-submit"),
            "--class",
            _CLASS,
            "--master",
            "local[1]",
            "--driver-memory",
            "1g",
        ]
        for name, value in settings.items():
            command += ["--conf", f"{name}={value}"]
        for name, value in hive_settings.items():
            command += ["--hiveconf", f"{name}={value}"]
        # Options of the class itself stand behind the name of its jar.
        place = command.index("--hiveconf")
        command = [*command[:place], "spark-internal", *command[place:]]
        try:
            server.start(command, server.listens)
            yield server
        finally:
            server.stop()
