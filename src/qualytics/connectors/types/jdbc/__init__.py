"""Any database with a JDBC driver: the user's own jars, in a Java machine inside the child, through JPype."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Endpoint, Param, Server, Target, refuse
from qualytics.connectors.foreign import Foreign, Form
from qualytics.connectors.types.jdbc import catalog
from qualytics.connectors.types.jdbc import url as urls
from qualytics.connectors.types.jdbc.errors import classify, reported
from qualytics.connectors.types.jdbc.login import connect, lift_limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PARAMS = (
    Param("driver_class", str, "Java class of the driver, as org.h2.Driver"),
    Param("jars", list, "absolute paths of the driver's .jar files on this machine", names_files=True),
    Param(
        "ssl_root_cert_file",
        str,
        "trusted root certificates as a PEM file, in place of those that Java trusts",
        is_path=True,
        max_length=4_096,
    ),
)
_CLASS = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?:\$\w+)*\Z", re.ASCII)
# A class path gives these a meaning: it divides, or stands for many files.
_SPECIAL = re.compile(r"[:;*?\[\]\x00-\x1f]")
_MAX_JARS = 32


def requires(values: Mapping[str, Any], _secrets: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for the driver's class and its jars."""
    parameters = values.get("parameters") or {}
    if not _CLASS.match(parameters.get("driver_class") or ""):
        yield (
            "parameters.driver_class",
            "must be the name of a Java class",
            "as org.h2.Driver; the driver's manual has it",
        )
    jars = parameters.get("jars")
    if not isinstance(jars, list) or not 1 <= len(jars) <= _MAX_JARS:
        yield "parameters.jars", f"must be a list of 1 to {_MAX_JARS} files", 'as ["/opt/drivers/h2.jar"]'
    elif not all(map(_is_jar, jars)):
        hint = "without : ; * ? and brackets, which have a meaning in a class path"
        yield "parameters.jars", "must be absolute paths of .jar files of this machine", hint


def _is_jar(path: object) -> bool:
    return isinstance(path, str) and path.startswith("/") and path.endswith(".jar") and not _SPECIAL.search(path)


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return the URL's host and port."""
    url = urls.parse(str(values.get("uri")))
    return Endpoint(url.host, url.port)


def statement_of(handle: Any, target: Target) -> Any:
    """Return a new statement that fetches as many rows at a time as the connection says."""
    statement = handle.createStatement()
    statement.setFetchSize(target.fetch_size)
    return statement


@reported()
def check(handle: Any, target: Target) -> Server:
    """Run the cheapest query where it is known, else JDBC's own check; then read what the server says of itself."""
    url = urls.parse(target.uri)
    if url.dialect.query is not None:
        statement = statement_of(handle, target)
        statement.executeQuery(url.dialect.query).next()
        statement.close()
    elif not handle.isValid(max(1, int(target.timeout_s))):
        raise refuse("network", "the driver says that the connection is not valid")
    metadata = handle.getMetaData()
    warnings = () if url.demands_tls else ("the connection may be unencrypted: the uri does not demand TLS",)
    return Server(
        *(str(metadata.getDatabaseProductName()), str(metadata.getDatabaseProductVersion()), warnings),
        driver_name=str(metadata.getDriverName()),
        driver_version=str(metadata.getDriverVersion()),
    )


_LOGIN = {"uri": "url", "username": "user", "password": "password"}
CONNECTOR = Connector(
    type="jdbc",
    title="JDBC",
    driver="jpype",
    distribution="JPype1",
    needs_java=True,
    fields=("uri", "username", "password"),
    proof="the login",
    required=("uri",),
    username_optional=True,
    params=PARAMS,
    scope_optional=("database", "schema"),
    example="""--uri jdbc:h2:tcp://db.example.com:9092/sales --username '${DB_USER}' --password '${DB_PASSWORD}' --parameters '{"driver_class": "org.h2.Driver", "jars": ["/usr/share/java/h2.jar"]}'""",
    clean_uri=lambda uri: urls.parse(uri).text(),
    endpoint=endpoint,
    requires=requires,
    open=connect,
    lift_limits=lift_limits,
    select=catalog.select,
    check=check,
    classify=classify,
    catalogs=catalog.catalogs,
    schemas=catalog.schemas,
    tables=catalog.tables,
    verified="real server: H2 and HSQLDB (plain, and h2:ssl and hsqldb:hsqls behind a TLS relay), Derby, PostgreSQL and MariaDB with Debian's jars; other drivers: never run",
    authentication=(("BASIC", "username and password, where the database asks for them; no other properties of a driver"),),
    privileges=("the right to log in, and to read the engine's own catalog: as for the engine's own type, where there is one",),
    pinned="resolver",  # Java's, which knows no other host: see login.machine
    forks=False,  # the JVM
    reads="jdbc",
    snapshots="none",
    # apache-airflow-providers-jdbc, "JDBC connection"; Spark, "JDBC To Other Databases".
    foreign=Foreign(
        names=("jdbc",),
        keys={"driver_class": "driver_class", "drv_clsname": "driver_class"},
        forms={
            "airflow": Form("jdbc", _LOGIN | {"uri": "host", "username": "login", "driver_class": "driver_class"}),
            "jdbc": Form("", {"uri": "uri"}, place=lambda values: values.pop("uri")),
            "spark": Form(
                "",
                _LOGIN | {"driver_class": "driver", "jdbc_fetch_size": "fetchsize"},
                place=lambda values: values.pop("uri"),
                driver="",
            ),
        },
    ),
)  # fmt: skip
