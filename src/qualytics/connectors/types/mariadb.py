"""MariaDB: the protocol, the driver and the rules of MySQL under its own name."""

from __future__ import annotations

from qualytics.connectors.foreign import USUAL_ODBC, Form, Properties
from qualytics.connectors.shared.mysql import FOREIGN, SHELLS
from qualytics.connectors.types import mysql
from qualytics.structs import replace

_FORMS = FOREIGN.forms
# MariaDB Connector/J, "TLS"; Connector/ODBC, "Connection Parameters".
FORMS = {
    "airflow": _FORMS["airflow"],
    "dbt": replace(_FORMS["dbt"], word="mariadb"),
    "jdbc": replace(
        _FORMS["jdbc"],
        word="jdbc:mariadb",
        words={"ssl_mode": {"disable": "disable", "require": "trust", "verify": "verify-full"}},
        # Connector/J, of some versions, takes values as they stand.
        properties=Properties("?", "&", refused="&%+#"),
        driver="org.mariadb.jdbc.Driver",
    ),
    "odbc": Form(
        "odbc",
        {**USUAL_ODBC, "host": "Server", "ssl_mode": "SSLVERIFY"},
        {"ssl_mode": {"verify": "1"}},
        fixed={"Driver": "MariaDB Unicode"},
    ),
    "sqlalchemy": replace(_FORMS["sqlalchemy"], word="mariadb+pymysql"),
}

CONNECTOR = replace(
    mysql.CONNECTOR,
    type="mariadb",
    title="MariaDB",
    verified="real server: MariaDB 10.11",
    foreign=replace(
        FOREIGN,
        names=("mariadb", "mariadb-client"),
        odbc=("mariadb",),
        words={"ssl_mode": {"trust": "require"}},
        forms=FORMS,
        shells=SHELLS[::-1],
    ),
)
