"""Any database with a JDBC driver: the user's own jars, in a Java machine inside the child, through JPype."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors import _jdbc_url as urls
from qualytics.connectors._base import Connector, Endpoint, Item, Param, Server, Target
from qualytics.connectors._jdbc_errors import classify, reported
from qualytics.connectors._jdbc_hello import listen
from qualytics.connectors._jdbc_machine import load, start
from qualytics.connectors._sql import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CLASS = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?:\$\w+)*\Z", re.ASCII)
# A class path gives these a meaning: it divides, or stands for many files.
_SPECIAL = re.compile(r"[:;*?\[\]\x00-\x1f]")
_MAX_JARS = 32
_SYSTEM = ("information_schema", "performance_schema", "mysql", "sys", "system_lobs", "sqlj", "nullid")
_SYSTEM_STARTS = ("pg_", "syscat", "sysibm", "sysproc", "sysfun", "sysstat", "syscs_")


def clean_uri(uri: str) -> str:
    """Return the URL, put together anew from its parts."""
    return urls.parse(uri).text()


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return the URL's host and port."""
    url = urls.parse(str(values.get("uri")))
    return Endpoint(url.host, url.port)


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


def arguments(target: Target) -> tuple[str, dict[str, str]]:
    """Return the URL and the properties that a driver gets."""
    url = urls.parse(target.uri or "")
    dialect = url.dialect
    try:
        text = url.text(target.database if dialect.is_catalog else None)
    except ValueError:
        cause = f"no database can be called {target.database!r}"
        raise refuse("unknown_db", cause, "check --database", stage="database") from None
    seconds = max(1, int(target.timeout_s))
    found = url.fixed | dict.fromkeys(dialect.seconds, str(seconds))
    found |= dict.fromkeys(dialect.millis, str(seconds * 1_000))
    if target.username is not None:
        found["user"] = target.username
    if target.password is not None:
        found["password"] = target.password.reveal()
    return text, found


@reported()
def connect(target: Target) -> Any:
    """Start the machine, load the driver, and log in."""
    text, properties = arguments(target)
    jars = target.parameters["jars"]
    for jar in jars:
        if not os.path.isfile(jar):
            hint = "check jars in --parameters; the files must be on this machine"
            raise refuse("driver_missing", f"there is no file {jar!r}", hint, stage="login")
    listen(target, urls.parse(target.uri or "").dialect.first)
    import jpype

    start(target)
    driver = load(target.parameters["driver_class"])
    given = jpype.JClass("java.util.Properties")()
    for key, value in properties.items():
        given.setProperty(key, value)
    jpype.JClass("java.sql.DriverManager").setLoginTimeout(max(1, int(target.timeout_s)))
    handle = driver.connect(text, given)
    if handle is None:
        cause = f"{target.parameters['driver_class']} does not take URLs of this kind"
        raise refuse("config", cause, "check driver_class and the name after jdbc: in --uri", stage="login")
    return handle


@reported()
def select(handle: Any, target: Target) -> None:
    """Check that database and schema exist; where the URL decides on the database, it must be that one."""
    current = handle.getCatalog()
    if target.database is not None and not (current is not None and str(current) == target.database):
        hint = f"the uri leads to {str(current)!r}" if current is not None else "this engine has none beside the uri's"
        raise refuse("unknown_db", f"there is no database {target.database!r} on this connection", hint)
    if target.schema is not None and target.schema not in _column(handle.getMetaData().getSchemas(), target):
        hint = "check --schema; many engines keep names in upper case"
        raise refuse("unknown_db", f"there is no schema {target.schema!r}", hint)


@reported()
def check(handle: Any, target: Target) -> Server:
    """Run the cheapest query where it is known, else JDBC's own check; then read what the server says of itself."""
    url = urls.parse(target.uri or "")
    if url.dialect.query is not None:
        statement = handle.createStatement()
        statement.setFetchSize(target.fetch_size)
        statement.executeQuery(url.dialect.query).next()
        statement.close()
    elif not handle.isValid(max(1, int(target.timeout_s))):
        raise refuse("network", "the driver says that the connection is not valid")
    said = handle.getMetaData()
    quiet = () if url.demands_tls else ("the connection may be unencrypted: the uri does not demand TLS",)
    return Server(
        *(str(said.getDatabaseProductName()), str(said.getDatabaseProductVersion()), quiet),
        driver_name=str(said.getDriverName()),
        driver_version=str(said.getDriverVersion()),
    )


def _rows(found: Any, target: Target, columns: int) -> Iterator[list[str | None]]:
    with reported(), contextlib.closing(found):
        found.setFetchSize(target.fetch_size)
        while found.next():
            values = (found.getString(number) for number in range(1, columns + 1))
            yield [None if value is None else str(value) for value in values]


def _column(found: Any, target: Target) -> Iterator[str]:
    return (row[0] for row in _rows(found, target, 1) if row[0] is not None)


def _is_system(name: str) -> bool:
    return name.lower() in _SYSTEM or name.lower().startswith(_SYSTEM_STARTS)


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """List the catalogs that the driver tells."""
    for name in _column(handle.getMetaData().getCatalogs(), target):
        yield Item(name, "catalog", _is_system(name))


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """List the schemas of the database of the connection."""
    for name in _column(handle.getMetaData().getSchemas(), target):
        yield Item(name, "schema", _is_system(name))


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """List the tables and views of a schema; what else a driver calls a table is left out."""
    said = handle.getMetaData()
    escape = str(said.getSearchStringEscape() or "")

    def pattern(text: str) -> str:
        return re.sub(f"[%_{re.escape(escape)}]", lambda found: escape + found[0], text) if escape else text

    schema = None if target.schema is None else pattern(target.schema)
    found = said.getTables(handle.getCatalog(), schema, pattern(prefix) + "%", None)
    for _, place, name, what in _rows(found, target, 4):
        kind = (what or "").upper()
        inside = target.schema is None or place == target.schema
        if name is not None and name.startswith(prefix) and inside and re.search("TABLE|VIEW", kind):
            yield Item(name, "view" if "VIEW" in kind else "table", "SYSTEM" in kind or _is_system(place or ""))


CONNECTOR = Connector(
    type="jdbc",
    title="JDBC",
    kind="jdbc",
    extra="jdbc",
    driver="jpype",
    distribution="JPype1",
    needs_java=True,
    fields=("uri", "username", "password"),
    required=("uri",),
    username_optional=True,
    params=(
        Param("driver_class", str, "Java class of the driver, as org.h2.Driver"),
        Param("jars", list, "absolute paths of the driver's .jar files on this machine"),
        Param("ssl_root_cert_file", str, "trusted root certificates as a PEM file, in place of those that Java trusts", is_path=True, max_length=4_096),
    ),
    scope_optional=("database", "schema"),
    example="""--uri jdbc:h2:tcp://db.example.com:9092/sales --username '${DB_USER}' --password '${DB_PASSWORD}' --parameters '{"driver_class": "org.h2.Driver", "jars": ["/usr/share/java/h2.jar"]}'""",
    clean_uri=clean_uri,
    endpoint=endpoint,
    requires=requires,
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle.close(),
    classify=classify,
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="real server: H2, HSQLDB, Derby, PostgreSQL and MariaDB with Debian's jars; other drivers: never run",
)  # fmt: skip
