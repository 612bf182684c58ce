"""Any database with a JDBC driver: the user's own jars, in a Java machine inside the child, through JPype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Endpoint, Server, Target, refuse
from qualytics.connectors.types import _jdbc_listing, _jdbc_settings
from qualytics.connectors.types import _jdbc_url as urls
from qualytics.connectors.types._jdbc_errors import classify, reported
from qualytics.connectors.types._jdbc_login import connect

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    url = urls.parse(target.uri or "")
    if url.dialect.query is not None:
        statement = statement_of(handle, target)
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


CONNECTOR = Connector(
    type="jdbc",
    title="JDBC",
    kind="jdbc",
    extra="jdbc",
    driver="jpype",
    distribution="JPype1",
    needs_java=True,
    fields=("uri", "username", "password"),
    proof="the login",
    required=("uri",),
    username_optional=True,
    params=_jdbc_settings.PARAMS,
    scope_optional=("database", "schema"),
    example="""--uri jdbc:h2:tcp://db.example.com:9092/sales --username '${DB_USER}' --password '${DB_PASSWORD}' --parameters '{"driver_class": "org.h2.Driver", "jars": ["/usr/share/java/h2.jar"]}'""",
    clean_uri=lambda uri: urls.parse(uri).text(),
    endpoint=endpoint,
    requires=_jdbc_settings.requires,
    open=connect,
    select=_jdbc_listing.select,
    check=check,
    classify=classify,
    catalogs=_jdbc_listing.catalogs,
    schemas=_jdbc_listing.schemas,
    tables=_jdbc_listing.tables,
    verified="real server: H2 and HSQLDB (plain, and h2:ssl and hsqldb:hsqls behind a TLS relay), Derby, PostgreSQL and MariaDB with Debian's jars; other drivers: never run",
    authentication=(("BASIC", "username and password, where the database asks for them; no other properties of a driver"),),
    privileges=("the right to log in, and to read the engine's own catalog: as for the engine's own type, where there is one",),
    pinned="resolver",  # Java's, which knows no other host: see _jdbc_machine.machine
    forks=False,  # the JVM
)  # fmt: skip
