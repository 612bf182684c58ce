"""How other tools write connections of MySQL and of MariaDB."""

from __future__ import annotations

from qualytics.connectors.foreign import USUAL_AIRFLOW, USUAL_URL, Form

# MySQL Reference Manual, "Command Options for Encrypted Connections".
_MODES = {"disable": "DISABLED", "auto": "PREFERRED", "require": "REQUIRED", "verify": "VERIFY_IDENTITY"}


def forms(dialect: str) -> dict[str, Form]:
    """Return how tools write connections, under SQLAlchemy's name of the dialect."""
    return {
        # apache-airflow-providers-mysql, "MySQL Connections", for MariaDB, too.
        "airflow": Form("mysql", USUAL_AIRFLOW | {"ssl_mode": "ssl_mode"}, {"ssl_mode": _MODES}),
        # SQLAlchemy's documentation, "PyMySQL": it has no word for TLS that is optional.
        "sqlalchemy": Form(f"{dialect}+pymysql", USUAL_URL | {"program_name": "program_name"}),
    }
