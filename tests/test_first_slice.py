"""The thinnest path through every layer, on a real PostgreSQL."""

import json


def test_create_test_delete_on_a_real_postgresql(run, postgres_server, root_file):
    created = run(
        *("connections", "create", "--type", "postgresql", "--name", "Production DB", "--host", postgres_server.host),
        *("--port", postgres_server.port, "--username", "${DB_USER}", "--password", "${DB_PASSWORD}"),
        *("--parameters", json.dumps({"ssl_root_cert_file": str(root_file)}), "--format", "json"),
        env={"DB_USER": postgres_server.user, "DB_PASSWORD": postgres_server.password},
    )
    assert created.code == 0, created.err
    assert created.json["password"] == "********"

    tested = run("connections", "test", "--id", created.json["id"])
    assert tested.code == 0, tested.err
    assert tested.document["connected"] is True
    assert tested.document["tls"]["verified"] is True
    assert [stage["name"] for stage in tested.document["stages"]] == ["resolve", "tcp", "tls", "login", "query"]

    wrong = run("connections", "test", "--id", created.json["id"], "--password", "not it")
    assert (wrong.code, wrong.document["stage"], wrong.document["class"]) == (6, "login", "auth")

    assert run("connections", "delete", "--id", created.json["id"]).document["deleted"] is True
    assert run("connections", "list", "--format", "json").json == []
