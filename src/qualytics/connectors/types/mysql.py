"""MySQL through PyMySQL, which takes the dialled socket and encrypts it itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Param, Refusal, Server, tls_params
from qualytics.connectors.shared.preamble import MYSQL_CLIENT_SSL, mysql_offers_tls
from qualytics.connectors.types._mysql_arguments import arguments
from qualytics.connectors.types._mysql_catalog import catalogs, select, tables
from qualytics.connectors.types._mysql_errors import AUTH_OR_CERTIFICATE, AUTH_OR_TLS, classify, explain

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target


def connect(target: Target) -> Any:
    """Log in over the dialled socket, to no database."""
    import pymysql

    handle: Any = pymysql.connect(**arguments(target), defer_connect=True)
    try:
        handle.connect(target.sock)
    except pymysql.OperationalError as exc:
        if exc.args[:1] == (1045,) and handle.ssl:
            raise Refusal(AUTH_OR_CERTIFICATE) from exc
        if exc.args[:1] == (1045,) and handle.server_capabilities & MYSQL_CLIENT_SSL:
            raise Refusal(AUTH_OR_TLS) from exc
        raise
    return handle


def check(handle: Any, target: Target) -> Server:
    """Read the server's version through an unbuffered cursor of the connection's fetch size."""
    with handle.cursor() as cursor:
        cursor.arraysize = target.fetch_size
        cursor.execute("select version()")
        version = str(cursor.fetchmany()[0][0])
    return Server("MariaDB" if "mariadb" in version.lower() else "MySQL", version.partition("-")[0])


CONNECTOR = Connector(
    type="mysql",
    title="MySQL",
    kind="jdbc",
    default_port=3306,
    extra="mysql",
    driver="pymysql",
    distribution="PyMySQL",
    params=(
        *tls_params(),
        # It binds: a router may choose the server by such attributes (MySQL Shell, "Routing Guidelines").
        Param("program_name", str, "name shown in performance_schema.session_connect_attrs", max_length=63),
    ),
    scope=("database",),
    example="--host db.example.com --port 3306 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    tls="driver",
    greet=mysql_offers_tls,
    open=connect,
    select=select,
    check=check,
    classify=classify,
    explain=explain,
    catalogs=catalogs,
    tables=tables,
    verified="sibling: MariaDB 10.11; caching_sha2_password against a script of the protocol",
    authentication=(("BASIC", "username and password; no Kerberos, no client certificate"),),
    # MySQL Reference Manual, "INFORMATION_SCHEMA Introduction": it shows what an account has some privilege on.
    privileges=(
        "CREATE USER reader IDENTIFIED BY '...': to log in takes no right",
        "GRANT SELECT ON sales.* TO reader, for each database that is to be found and used",
    ),
    pinned="socket",
)
