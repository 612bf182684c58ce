"""DBeaver's data sources, whose credentials are elsewhere and encrypted."""

import json

from qualytics.exchange.imports import sources
from qualytics.service.foreign.matching import match

CONNECTIONS = {
    "postgres-1": {
        "provider": "postgresql",
        "driver": "postgres-jdbc",
        "name": "Sales",
        "configuration": {
            "host": "db.example.com",
            "port": "5432",
            "database": "sales",
            "url": "jdbc:postgresql://db.example.com:5432/sales",
            "configurationType": "MANUAL",
            "auth-model": "native",
        },
    },
    "mysql-1": {"provider": "mysql", "configuration": {"host": "h", "auth-properties": {"name": "u", "password": "p"}}},
    "broken": {"provider": "mysql"},
}


def test_a_connection_comes_without_the_credentials_that_are_encrypted(tmp_path):
    path = tmp_path / "data-sources.json"
    path.write_text(json.dumps({"folders": {}, "connections": CONNECTIONS, "connection-types": {}}, indent=1))
    source = sources.of_file(str(path), {})
    sales, plain, broken = map(match, source.entries)
    assert sales.fields == {"name": "Sales", "type": "postgresql", "host": "db.example.com", "port": 5432}
    assert sales.scope == {"database": "sales"}
    assert sales.left == (
        "username and password: DBeaver keeps it encrypted in credentials-config.json",
        "password: none is there",
    )
    assert sales.entry.place == f"{path}:4"
    assert plain.fields == {"name": "mysql-1", "type": "mysql", "host": "h", "username": "u", "password": "p"}
    assert broken.reason == "has no configuration"
