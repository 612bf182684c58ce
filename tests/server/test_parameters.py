"""Paths and queries: what is out of range or beyond any store is refused, and its value is not repeated."""

from __future__ import annotations

import pytest


def test_a_query_out_of_range_names_the_parameter_and_repeats_no_value(admin):
    answer = admin("GET", "/connections?size=101")
    assert (answer.status, answer.json["code"]) == (422, "invalid-input")
    assert "size" in answer.json["message"]
    assert "101" not in answer.body.decode()


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**90])
def test_a_number_that_no_store_can_hold_is_no_fault(admin, made, number):
    for path in ("/connections?id={}", "/datastores?id={}", "/datastores?connection_id={}", "/audit?before={}"):
        assert admin("GET", path.format(number)).status == 422
    assert admin("GET", f"/connections?page={number}").status == 422
    for path, body, status in (
        # The rules of its other fields are those of a record that is there.
        (
            "/datastores",
            {"name": "x", "connection_id": number, "database": "d", "schema": "s"},
            404 if number > 0 else 422,
        ),
        ("/operations/run", {"type": "sync", "datastore_id": number}, 422),
        ("/user-tokens", {"name": "x", "user": number}, 422),
    ):
        assert admin("POST", path, body).status == status, path
    given = {"type": "postgresql", "host": "h", "username": "u"}
    for field in ("port", "jdbc_fetch_size", "max_parallelization"):
        assert admin("POST", "/connections", {**given, field: number}).status == 422
    place = {"connection_id": made()["id"], "database": "d", "schema": "s"}
    found = admin("POST", "/datastores", {"name": f"n{number}", **place}).json
    assert admin("PATCH", f"/datastores/{found['id']}/assign-group", {"group_id": number}).status == 422
    assert admin("PUT", f"/datastores/{found['id']}", {"enrichment_datastore_id": number}).status == 422
