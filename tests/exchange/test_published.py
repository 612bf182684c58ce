"""Files of the published client's `config export`, of a server with more fields than this one, taken as they are."""

import base64
import json

import pytest

from testbed.published import Published
from tests.support.misbehaving_http import reply, scripted

# The client looks only at its form, and that it has not ended.
TOKEN = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"HS256"}', b"{}", b"x" * 32))
STAMP = "2025-10-01T00:00:00Z"
CONNECTION = {
    "created": STAMP,
    "id": 7,
    "name": "Prod DB",
    "type": "postgresql",
    "connection_type": "jdbc",
    "datastores": [{"id": 3, "name": "Orders", "store_type": "jdbc", "type": "postgresql"}],
    "secrets_manager": None,
    "host": "db.example.com",
    "port": 5432,
    "username": "app",
    "parameters": {"ssl_mode": "verify"},
    "jdbc_fetch_size": None,
    "max_parallelization": 4,
    "product_name": "PostgreSQL",
    "product_version": "16",
    "driver_name": "pg",
    "driver_version": "42",
}
DATASTORE = {
    "created": STAMP,
    "id": 3,
    "name": "Orders",
    "store_type": "jdbc",
    "type": "postgresql",
    "connection_id": 7,
    "database": "sales",
    "schema": "public",
    "enrichment_only": False,
    "enrichment_prefix": "orders_",
    "host": "db.example.com",
    "jdbc_url": "jdbc:postgresql://db.example.com",
    "latest_operation": None,
    "teams": [{"id": 1, "name": "Public"}],
    "global_tags": [{"id": 1, "name": "finance"}],
    "enrich_datastore": None,
    "quality_score_decay": {"period": 30},
    "anomalous_records": 12,
}


def answer(asked):
    return reply(200, CONNECTION if asked.target.startswith("/api/connections/7") else DATASTORE)


@pytest.fixture
def exported(tmp_path):
    """Return the folder that the published client wrote."""
    with scripted(answer) as server:
        client = Published(tmp_path, {"QUALYTICS_URL": server.url, "QUALYTICS_TOKEN": TOKEN})
        kinds = ("--include", "connections,datastores")
        try:
            done = client("config", "export", "--datastore-id", "3", "--output", "export", *kinds)
        finally:
            client.close()
    assert done.returncode == 0, done.stdout + done.stderr
    return tmp_path / "export"


@pytest.mark.slow  # it exports with the published client
def test_all_that_is_a_field_here_is_stored_and_the_rest_is_told(run, exported):
    for action in (("plan",), ("apply", "--yes")):
        done = run("config", *action, str(exported), "-f", "json", env={"PROD_DB_PASSWORD": "pw"})
        document = json.loads(done.out)
        assert (done.code, document["create"], document["references"]) == (0, 2, ["PROD_DB_PASSWORD"])
        place, fields = "datastores/orders/_datastore.yaml", ["anomalous_records", "quality_score_decay"]
        assert [(one["path"], sorted(one["fields"])) for one in document["left_out"]] == [(place, fields)]
        assert f"note: {exported}/{place}: " in done.err
    stored = json.loads(run("connections", "get", "--name", "Prod DB", "-f", "json").out)
    fields = ("host", "port", "username", "password", "parameters", "max_parallelization")
    assert [stored[name] for name in fields] == [
        *("db.example.com", 5432, "app", "********", {"ssl_mode": "verify"}, 4),
    ]
    row = json.loads(run("datastores", "get", "--name", "Orders", "-f", "json").out)
    assert [row[name] for name in ("connection_name", "database", "schema", "tags", "teams")] == [
        *("Prod DB", "sales", "public", ["finance"], ["Public"]),
    ]
    again = run("config", "plan", str(exported), "-f", "json", env={"PROD_DB_PASSWORD": "pw"})
    assert json.loads(again.out)["unchanged"] == 2
