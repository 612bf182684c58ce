"""Datastores and the connection that is made with them: stored together, or not at all."""

from __future__ import annotations

import pytest

from qualytics.errors import InvalidInput, NameTaken
from qualytics.service.connections.verbs import Connections
from qualytics.service.datastores import bulk
from qualytics.service.datastores.verbs import Datastores

INLINE = {"type": "postgresql", "name": "new", "host": "h", "username": "u"}
PLACE = {"database": "d", "schema": "s"}


@pytest.fixture
def context(anywhere):
    with anywhere.context() as found:
        yield found


@pytest.fixture
def datastores(context):
    return Datastores(context, Connections(context))


def stored(context):
    """Return the names of what is stored, and how many entries the audit log has."""
    names = [{found["name"] for found in verbs.list()} for verbs in (Connections(context), listed(context))]
    return *names, len(context.store.execute("SELECT id FROM audit").all())


def listed(context):
    return Datastores(context, Connections(context))


def test_a_datastore_and_its_connection_are_stored_together(context, datastores):
    datastore = datastores.create({"name": "sales", "connection": INLINE, **PLACE})
    connection = Connections(context).get(datastore["connection_id"])
    assert (connection["name"], connection["datastores"][0]["name"]) == ("new", "sales")
    assert stored(context) == ({"new"}, {"sales"}, 2)


def test_neither_is_stored_where_the_other_cannot_be(context, datastores):
    datastores.create({"name": "sales", "connection": INLINE, **PLACE})
    before = stored(context)
    other = INLINE | {"name": "other"}
    for given, error in (
        ({"name": "SALES", "connection": other, **PLACE}, NameTaken),
        ({"name": "more", "connection": INLINE, **PLACE}, NameTaken),
        ({"name": "more", "connection": other, "schema": "s"}, InvalidInput),
        ({"name": "more", "connection": other | {"port": 0}, **PLACE}, InvalidInput),
        ({"name": "more", "connection": other, "connection_id": 1, **PLACE}, InvalidInput),
        ({"name": "more", "connection": "other", **PLACE}, InvalidInput),
    ):
        with pytest.raises(error):
            datastores.create(given)
        names = stored(context)[:2]
        assert names == before[:2]


def test_many_datastores_and_their_connection_are_stored_together(context):
    body = {"connection": INLINE, "database": "d", "schemas": ["a", "b", "A"], "teams": [{"name": "Public"}]}
    made, warnings = bulk.create(context, body)
    assert (len(made["created"]), warnings) == (2, ())
    assert [error["schema_name"] for error in made["errors"]] == ["A"]
    assert stored(context) == ({"new"}, {"new_a", "new_b"}, 3)
    assert listed(context).get(made["created"][0])["teams"] == ["Public"]


def test_a_connection_is_not_stored_where_none_of_its_datastores_can_be(context):
    body = {"connection": INLINE, "schemas": ["a", "b"]}
    made, _ = bulk.create(context, body)
    assert (made["created"], len(made["errors"])) == ([], 2)
    assert stored(context) == (set(), set(), 0)


def test_many_datastores_of_a_connection_that_is_there(context, datastores):
    first = datastores.create({"name": "sales", "connection": INLINE, **PLACE})
    body = {"connection": {"type": "nothing"}, "database": "d", "schemas": ["a"], "name_template": "x{{schema}}"}
    made, _ = bulk.create(context, body, first["connection_id"])
    assert listed(context).get(made["created"][0])["name"] == "xa"


def test_a_dry_run_of_a_change_or_deletion_stores_nothing(context, datastores):
    datastore = datastores.create({"name": "sales", "connection": INLINE, **PLACE})
    before = stored(context)
    changed = datastores.update(datastore["id"], {"schema": "other"}, dry_run=True)
    assert changed == datastore | {"schema": "other"}
    assert changed.version == 1
    assert datastores.delete(datastore["id"], dry_run=True) == {"id": 1, "name": "sales", "deleted": False}
    assert (datastores.get(datastore["id"]), stored(context)) == (datastore, before)
