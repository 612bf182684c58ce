"""Names that pass from one record to another in one apply: swaps, rings, chains, and names that prune makes free."""

import json
from types import SimpleNamespace

import pytest

from qualytics.errors import NameTaken
from qualytics.service.config.verbs import Config
from qualytics.service.connections.verbs import Connections
from qualytics.service.datastores.verbs import Datastores

SORTS = ("connections", "datastores")
PG = {"type": "postgresql", "host": "db.example.com"}


@pytest.fixture
def verbs(anywhere):
    """Return the verbs of an Admin on a store of each engine that holds connections a, b, c and datastores of them."""
    admin = anywhere.make()
    with anywhere.as_user(admin) as context:
        connections = Connections(context)
        datastores = Datastores(context, connections)
        config = Config(context, connections, datastores)
        config.apply({sort: [resource(sort, name) for name in "abc"] for sort in SORTS})
        yield SimpleNamespace(config=config, connections=connections, datastores=datastores)


def resource(sort, name, connection=None, **identity):
    place = {"connection_name": connection or name, "database": "sales", "schema": "public"}
    return {"name": name, **(PG if sort == "connections" else place), **identity}


def names_of(verbs, sort):
    return {one["id"]: one["name"] for one in getattr(verbs, sort).list()}


def changes_of(plan):
    return [
        (one["action"], one["id"], one["name"], [(field["before"], field["after"]) for field in one["fields"]])
        for one in plan["changes"]
    ]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"b": {"id": 1}, "a": {"id": 2}}, {1: "b", 2: "a", 3: "c"}),
        ({"b": {"id": 1}, "c": {"id": 2}, "a": {"id": 3}}, {1: "b", 2: "c", 3: "a"}),
        ({"b": {"id": 1}, "a": {"previous_name": "b"}}, {1: "b", 2: "a", 3: "c"}),
        ({"c": {"previous_name": "b"}, "b": {"previous_name": "a"}, "a": {"id": 3}}, {1: "b", 2: "c", 3: "a"}),
        (
            {"b": {"previous_name": "A "}, "c": {"previous_name": "b"}, "d": {"previous_name": "c"}},
            {1: "b", 2: "c", 3: "d"},
        ),
        ({"d": {"previous_name": "a"}, "a": {"previous_name": "b"}}, {1: "d", 2: "a", 3: "c"}),
    ],
)
def test_names_pass_round_in_one_apply_and_a_second_one_changes_nothing(verbs, anywhere, sort, wanted, names):
    every = [resource(sort, name, "a", **identity) for name, identity in wanted.items()]
    if sort == "datastores":
        verbs.config.apply({sort: [resource(sort, name, "a") for name in "abc"]})
    before = names_of(verbs, sort)
    plan = verbs.config.plan({sort: every})
    assert names_of(verbs, sort) == before
    changed = {number: name for number, name in names.items() if before[number] != name}
    assert sorted(changes_of(plan)) == [
        ("update", number, name, [(before[number], name)]) for number, name in changed.items()
    ]
    logged = len(anywhere.audit())
    assert verbs.config.apply({sort: every}, plan=plan["plan"]) == plan
    assert names_of(verbs, sort) == names
    renamed = [(row[0], row[2], json.loads(row[5])["changed"]) for row in anywhere.audit()[logged:] if row[2]]
    assert sorted(renamed, key=lambda row: row[1]) == [
        (f"{sort[:-1]}.update", name, ["name"]) for name in sorted(changed.values())
    ]
    again = verbs.config.apply({sort: every})
    assert (again["unchanged"], again["changes"]) == (len(every), [])


@pytest.mark.parametrize("sort", SORTS)
def test_a_name_that_prune_makes_free_is_taken_in_the_same_apply(verbs, sort):
    every = {sort: [resource(sort, "b", "c", id=1), resource(sort, "c")]}
    if sort == "connections":  # whose datastores would keep them
        verbs.config.apply({"prune": ["datastores"]})
    with pytest.raises(NameTaken, match=f"the name 'b' is taken by {sort[:-1]} 2"):
        verbs.config.apply(every)
    plan = verbs.config.apply({**every, "prune": [sort]})
    assert [(one["action"], one["id"], one["name"]) for one in plan["changes"]] == [
        ("update", 1, "b"),
        ("delete", 2, "b"),
    ]
    assert names_of(verbs, sort) == {1: "b", 3: "c"}
    assert verbs.config.apply({**every, "prune": [sort]})["unchanged"] == 2


def test_a_name_that_is_given_up_is_free_for_a_new_record(verbs):
    every = {"connections": [resource("connections", "a"), resource("connections", "z", previous_name="a")]}
    assert [(one["action"], one["id"], one["name"]) for one in verbs.config.apply(every)["changes"]] == [
        ("create", None, "a"),
        ("update", 1, "z"),
    ]
    assert names_of(verbs, "connections") == {1: "z", 2: "b", 3: "c", 4: "a"}
    assert verbs.config.apply(every)["unchanged"] == 2


def test_datastores_go_where_the_names_of_their_connections_go(verbs):
    connections = [resource("connections", "b", id=1), resource("connections", "a", id=2)]
    verbs.config.apply({"connections": connections})  # no datastore is told of: each stays on its connection
    assert [one["connection_name"] for one in verbs.datastores.list()] == ["b", "a", "c"]
    datastores = [resource("datastores", "a"), resource("datastores", "b")]
    plan = verbs.config.apply({"connections": connections, "datastores": datastores})
    assert changes_of(plan) == [("update", 1, "a", [("b", "a")]), ("update", 2, "b", [("a", "b")])]


def test_a_ring_of_previous_names_alone_is_refused_as_it_cannot_show_whether_it_is_done(verbs):
    ring = {"b": "a", "c": "b", "a": "c"}
    every = [resource("connections", name, previous_name=previous) for name, previous in ring.items()]
    plan = verbs.config.plan({"connections": [*every, resource("connections", "d", previous_name="d")]})
    assert [(one["index"], one["loc"], one["hint"]) for one in plan["problems"]] == [
        (0, "previous_name", "write id: 1 in its place"),
        (1, "previous_name", "write id: 2 in its place"),
        (2, "previous_name", "write id: 3 in its place"),
    ]
    assert changes_of(plan)[0][:3] == ("create", None, "d")


def test_an_identity_that_is_none_is_told(verbs):
    wrong = [{"id": -1}, {"id": 10**30}, {"id": "1"}, {"id": True}, {"previous_name": 1}]
    every = [resource("connections", f"z{number}", **identity) for number, identity in enumerate(wrong)]
    assert [one["message"] for one in verbs.config.plan({"connections": every})["problems"]] == [
        "there is no connection -1",
        f"there is no connection {10**30}",
        "id must be a whole number",
        "id must be a whole number",
        "previous_name must be a text",
    ]


def test_a_name_stays_where_it_is_when_something_else_is_wrong(verbs):
    every = [resource("connections", "b", id=1), resource("connections", "a", id=2, hots="x")]
    plan = verbs.config.plan({"connections": every})
    assert [(one["index"], one["loc"]) for one in plan["problems"]] == [(1, "hots")]
    with pytest.raises(Exception, match="hots is not a field"):
        verbs.config.apply({"connections": every})
    assert names_of(verbs, "connections") == {1: "a", 2: "b", 3: "c"}


def test_a_name_that_two_resources_have_is_told_whatever_became_of_the_first(verbs):
    taken = [resource("connections", "x", id=1), resource("connections", "X", id=2)]
    wrong = [resource("connections", "y", hots="x"), resource("connections", "Y ")]
    known = [resource("connections", "c", id=3), resource("connections", "z", id=3)]
    plan = verbs.config.plan({"connections": [*taken, *wrong, *known]})
    assert [(one["index"], one["message"]) for one in plan["problems"]] == [
        (1, "connection 'X' is defined twice"),
        (2, "hots is not a field"),
        (3, "connection 'Y ' is defined twice"),
        (5, "connection 'z' is defined twice"),
    ]
