"""Names that look like another's are taken with a warning."""

PG = {"type": "postgresql", "host": "db.example.com"}


def test_a_new_name_that_looks_like_anothers_is_taken_with_a_warning(client):
    twin = "\u0440r\u043e\u0501"
    prod = client.connections.create({**PG, "name": "prod"})["id"]
    assert client.connections.warnings == ()
    other = client.connections.create({**PG, "name": twin})["id"]
    assert client.connections.warnings == (f"the name looks like that of connection {prod}, 'prod'",)
    client.connections.update(other, {"port": 5433})
    assert client.connections.warnings == ()
    client.connections.update(other, {"name": "test"})
    assert client.connections.warnings == ()
    client.connections.update(other, {"name": "pr0d-\u0430"})
    assert client.connections.warnings == ()
    client.connections.create({**PG, "name": "prOd-a"})
    assert client.connections.warnings == (f"the name looks like that of connection {other}, 'pr0d-\u0430'",)


def test_a_name_made_of_a_host_that_looks_like_anothers_is_warned_of(client):
    first = client.connections.create(PG | {"host": "db1"})["id"]
    for host in ("db1", "db2"):
        client.connections.create(PG | {"host": host})
        assert client.connections.warnings == ()
    client.connections.create(PG | {"host": "dbl"})
    assert client.connections.warnings == (f"the name looks like that of connection {first}, 'postgresql-db1'",)


def test_a_datastore_whose_new_name_looks_like_anothers_is_taken_with_a_warning(client):
    place = {"connection_id": client.connections.create(PG)["id"], "database": "x", "schema": "y"}
    sales = client.datastores.create({**place, "name": "sales"})["id"]
    assert client.datastores.warnings == ()
    other = client.datastores.create({**place, "name": "s\u0430les"})["id"]
    assert client.datastores.warnings == (f"the name looks like that of datastore {sales}, 'sales'",)
    client.datastores.update(other, {"name": "s\u0430les", "schema": "z"})
    assert client.datastores.warnings == ()
    client.datastores.update(other, {"name": "SALES-\u0430"})
    assert client.datastores.warnings == ()
    client.datastores.update(sales, {"name": "5ales-a"})
    assert client.datastores.warnings == ()
    client.datastores.update(sales, {"name": "sa1es-a"})
    assert client.datastores.warnings == (f"the name looks like that of datastore {other}, 'SALES-\u0430'",)
