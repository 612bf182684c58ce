"""Tests of JDBC through the drivers that Debian has."""

from qualytics.probe import Plan, run
from qualytics.secret import Secret
from testbed import java

H2 = {"driver_class": "org.h2.Driver", "jars": ["/usr/share/java/h2.jar"]}
SCHEMES = {"h2": "h2:tcp", "hsqldb": "hsqldb:hsql", "derby": "derby", "postgresql": "postgresql", "mariadb": "mariadb"}


def probe(engine, uri, username="ann", password="secret", *, timeout_s=30.0, parameters=None, **options):
    values = {"uri": uri, "username": username, "parameters": parameters or java.driver(engine)}
    values |= {key: options.pop(key) for key in ("jdbc_fetch_size",) if key in options}
    return run(Plan("jdbc", values, {"password": Secret(password)}, timeout_s, **options))
