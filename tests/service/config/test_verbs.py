"""Plans and their application: what differs, what is wrong, and all or nothing."""

import pytest

from qualytics.errors import ConnectionInUse, InvalidInput, VersionChanged

PG = {"name": "prod", "type": "postgresql", "host": "db.example.com", "username": "app", "password": "first-secret"}
DATASTORE = {"name": "marts", "connection_name": "prod", "database": "sales", "schema": "public"}


def config(*connections, datastores=(), prune=()):
    return {"connections": [*connections], "datastores": [*datastores], "prune": [*prune]}


def changes_of(plan):
    return [(one["action"], one["name"], [field["name"] for field in one["fields"]]) for one in plan["changes"]]


def test_a_plan_stores_nothing_and_its_apply_does_exactly_that_once(client):
    wanted = config(PG | {"parameters": {"ssl_mode": "disable"}}, datastores=[DATASTORE])
    plan = client.config.plan(wanted)
    assert list(client.connections.list()) == []
    fields = ["name", "host", "username", "parameters.ssl_mode", "password"]
    scope = ["name", "database", "schema", "connection_name"]
    assert changes_of(plan) == [("create", "prod", fields), ("create", "marts", scope)]
    assert client.config.apply(wanted, plan=plan["plan"]) == plan
    before = [client.connections.get(1), client.datastores.get(1)]
    again = client.config.apply(wanted)
    assert (again["unchanged"], again["changes"]) == (2, [])
    assert [client.connections.get(1), client.datastores.get(1)] == before


def test_a_change_is_shown_field_by_field_and_a_secret_only_as_changed(client):
    client.config.apply(config(PG | {"parameters": {"ssl_mode": "disable", "application_name": "a"}}))
    changed = PG | {"host": "new", "username": None, "password": "other-secret", "parameters": {"ssl_mode": "verify"}}
    plan = client.config.plan(config(changed | {"username": "two"}))
    assert plan["changes"][0]["fields"] == [
        {"name": "host", "before": "db.example.com", "after": "new", "secret": None},
        {"name": "username", "before": "app", "after": "two", "secret": None},
        {"name": "parameters.ssl_mode", "before": "disable", "after": "verify", "secret": None},
        {"name": "parameters.application_name", "before": "a", "after": None, "secret": None},
        {"name": "password", "before": None, "after": None, "secret": "changed"},
    ]
    assert "secret" not in str([plan["changes"][0]["fields"][-1]["before"], plan["plan"]])
    assert "other-secret" not in str(plan)


def test_null_clears_a_field_and_keeps_a_secret_and_what_is_absent_stays(client):
    client.config.apply(config(PG | {"port": 5433, "max_parallelization": 4}))
    minimal = {name: PG[name] for name in ("name", "type", "host")}
    client.config.apply(config(minimal | {"port": None, "password": None}))
    stored = client.connections.get("prod")
    assert (stored["port"], stored["max_parallelization"], stored["password"]) == (None, 4, "********")


def test_a_record_is_renamed_by_its_id_or_its_previous_name(client):
    client.config.apply(config(PG, PG | {"name": "second"}))
    renamed = config(PG | {"name": "a", "id": 1}, PG | {"name": "b", "previous_name": "Second "})
    assert changes_of(client.config.plan(renamed)) == [("update", "a", ["name"]), ("update", "b", ["name"])]
    client.config.apply(renamed)
    assert [(one["id"], one["name"]) for one in client.connections.list()] == [(1, "a"), (2, "b")]
    assert client.config.apply(renamed)["unchanged"] == 2


def test_what_is_wrong_is_told_for_each_resource_and_the_others_are_planned(client):
    wanted = config(
        PG,
        {"type": "postgresql"},
        PG | {"name": "PROD"},
        PG | {"name": "c", "hots": "x"},
        PG | {"name": "d", "id": 99},
        datastores=[DATASTORE, DATASTORE | {"name": "e", "connection_name": "none"}],
    )
    plan = client.config.plan(wanted)
    assert [(one["action"], one["name"]) for one in plan["changes"]] == [("create", "prod"), ("create", "marts")]
    told = [(one["resource"], one["index"], one["loc"], one["message"]) for one in plan["problems"]]
    assert told == [
        ("connection", 1, "name", "name is missing"),
        ("connection", 2, "name", "connection 'PROD' is defined twice"),
        ("connection", 3, "hots", "hots is not a field"),
        ("connection", 4, None, "there is no connection 99"),
        ("datastore", 1, "connection_name", "there is no connection 'none'"),
    ]
    with pytest.raises(InvalidInput) as caught:
        client.config.apply(wanted)
    assert len(caught.value.problems) == 5
    assert list(client.connections.list()) == []


def test_prune_deletes_what_is_in_no_resource_but_never_what_is_used(client):
    client.config.apply(config(PG, PG | {"name": "old"}, datastores=[DATASTORE]))
    assert client.config.plan(config(PG))["delete"] == 0
    plan = client.config.plan(config(PG, prune=["connections"]))
    assert changes_of(plan) == [("delete", "old", [])]
    with pytest.raises(ConnectionInUse):
        client.config.apply(config(PG | {"name": "old"}, prune=["connections"]))
    assert len(list(client.connections.list())) == 2
    client.config.apply(config(prune=["connections", "datastores"]))
    assert [*client.connections.list(), *client.datastores.list()] == []


def test_a_plan_that_became_stale_is_not_applied(client):
    client.config.apply(config(PG))
    wanted = config(PG | {"host": "new"})
    plan = client.config.plan(wanted)
    client.connections.update("prod", {"port": 1})
    with pytest.raises(VersionChanged, match="has changed since the plan was made"):
        client.config.apply(wanted, plan=plan["plan"])
    assert client.connections.get("prod")["host"] == PG["host"]


def test_datastores_name_each_other_in_any_order(client):
    results = {**DATASTORE, "name": "results", "schema": "dq"}
    wanted = config(
        PG, datastores=[DATASTORE | {"enrich_datastore_name": "results", "enrichment_prefix": "p"}, results]
    )
    client.config.apply(wanted)
    there = {one["name"]: one for one in client.config.datastores()}
    assert (there["marts"]["enrich_datastore_name"], there["marts"]["enrichment_prefix"]) == ("results", "p")
    assert client.config.plan(wanted)["unchanged"] == 3
    none = config(PG, datastores=[DATASTORE | {"enrich_datastore_name": None}, results])
    assert changes_of(client.config.apply(none)) == [("update", "marts", ["enrich_datastore_name"])]
    wrong = config(PG, datastores=[DATASTORE | {"enrich_datastore_name": "none"}])
    assert [one["message"] for one in client.config.plan(wrong)["problems"]] == ["there is no datastore 'none'"]


@pytest.mark.parametrize(
    ("wrong", "loc", "message"),
    [
        ({"connection_id": 1}, "connection_id", "connection_id may be that of another record in this store"),
        (
            {"connection_name": "prod", "enrichment_datastore_id": 1},
            *("enrichment_datastore_id", "enrichment_datastore_id may be that of another record in this store"),
        ),
        ({}, "connection_name", "connection_name is missing"),
        ({"connection_name": None}, "connection_name", "connection_name is missing"),
        ({"connection_name": 1}, "connection_name", "connection_name must be a text"),
    ],
)
def test_a_datastore_is_bound_by_names_and_by_no_id_of_another_store(client, wrong, loc, message):
    client.config.apply(config(PG, PG | {"name": "1"}, datastores=[DATASTORE]))
    for name in ("marts", "new"):  # one that is there, and one that is not
        place = {"name": name, "database": "other", "schema": "public", "shcema": "x"}
        told = [
            (one["loc"], one["message"]) for one in client.config.plan(config(datastores=[place | wrong]))["problems"]
        ]
        assert told == [(loc, message), ("shcema", "shcema is not a field of a datastore")]
    both = DATASTORE | {"connection_id": 2, "enrichment_datastore_id": 1, "enrich_datastore_name": None}
    assert client.config.apply(config(datastores=[both]))["unchanged"] == 1


@pytest.mark.parametrize("wrong", [{"connections": {}}, {"datastores": ["x"]}, {"prune": ["users"]}, {"prune": "all"}])
def test_what_is_no_configuration_is_refused(client, wrong):
    with pytest.raises(InvalidInput, match="must be a list"):
        client.config.plan(wrong)
