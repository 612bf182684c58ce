"""MariaDB: the protocol, the driver and the rules of MySQL under its own name."""

from __future__ import annotations

from qualytics.connectors.types import mysql
from qualytics.structs import replace

_SQLALCHEMY = replace(mysql.FOREIGN.forms["sqlalchemy"], word="mariadb+pymysql")

CONNECTOR = replace(
    mysql.CONNECTOR,
    type="mariadb",
    title="MariaDB",
    verified="real server: MariaDB 10.11",
    foreign=replace(
        mysql.FOREIGN,
        names=("mariadb", "mariadb-client"),
        odbc=("mariadb",),
        forms={**mysql.FOREIGN.forms, "sqlalchemy": _SQLALCHEMY},
    ),
)
