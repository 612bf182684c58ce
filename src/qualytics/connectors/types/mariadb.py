"""MariaDB: the protocol, the driver and the rules of MySQL under its own name."""

from __future__ import annotations

from dataclasses import replace

from qualytics.connectors.types import mysql

CONNECTOR = replace(
    mysql.CONNECTOR,
    type="mariadb",
    title="MariaDB",
    extra="mariadb",
    verified="real server: MariaDB 10.11",
)
