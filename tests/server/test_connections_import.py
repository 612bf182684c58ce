"""POST /connections/import: a set of connections, all or none, planned by a dry run."""

ITEM = {"type": "postgresql", "host": "db.example.com", "password": "geheim"}


def test_a_dry_run_plans_what_the_call_then_does(admin, fresh):
    name = fresh()
    body = {"connections": [ITEM | {"name": name}, {"type": "none", "name": fresh()}]}
    planned = admin("POST", "/connections/import?dry_run=true", body)
    assert (planned.status, [one["action"] for one in planned.json["connections"]]) == (200, ["create", "refuse"])
    assert admin("GET", f"/connections?name_exact={name}").json["total"] == 0
    done = admin("POST", "/connections/import", body).json["connections"]
    assert [one | {"id": None} for one in done] == planned.json["connections"]
    assert admin("GET", f"/connections/{done[0]['id']}").json["password"] == "********"
    entry = admin("GET", "/audit?size=1").json["items"][0]
    assert (entry["action"], entry["object_name"]) == ("connection.create", name)


def test_a_body_without_a_list_of_objects_is_refused(admin):
    for body in ({}, {"connections": {}}, {"connections": ["geheim"]}):
        answer = admin("POST", "/connections/import", body)
        assert answer.status == 422
        assert "geheim" not in str(answer.json)
