"""The contract, as type checkers see it: each verb of each client answers with what its type says."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import get_args, get_origin, get_type_hints

import pyarrow as pa
import pytest

import qualytics
from qualytics import types
from qualytics.client import contract, contract_accounts, contract_many
from tests.support.typed import faults

pytestmark = pytest.mark.slow  # each test starts processes

PARTS = ("connections", "datastores", "discovery", "imports", "config", "runs", "users", "tokens", "grants", "audit")


def type_of(part):
    names = vars(contract) | vars(contract_accounts) | vars(contract_many)
    return get_type_hints(getattr(contract.Client, part).fget, names)["return"]


POSTGRESQL = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "app", "password": "geheim"}
# What the module imports for type checkers alone.
IMPORTED = {one.__name__: one for one in (Callable, Iterator, Sequence, qualytics.Listing)}
NAMES = {"types": types, "OnStage": object, **IMPORTED}
VERBS = {
    (part, name): get_type_hints(verb, {**vars(contract), **vars(contract_many), **NAMES})["return"]
    for part in PARTS
    for name, verb in vars(type_of(part)).items()
    if isinstance(verb, FunctionType) and not name.startswith("_")
}


class Checked:
    """Calls verbs of a client, keeps which, and looks whether each answers with what its type says."""

    def __init__(self, client):
        self.client, self.called = client, set()

    def __call__(self, part, name, *args, **more):
        self.called.add((part, name))
        answer, hint = getattr(getattr(self.client, part), name)(*args, **more), VERBS[part, name]
        if hint in {contract_many.Run, contract.Reader}:
            return answer
        if get_origin(hint) in {Iterator, Sequence}:
            answer, hint = list(answer), list[get_args(hint)[0]]
            assert answer, name  # or nothing was looked at
        assert faults(answer, hint) == [], name
        return answer


def use_every_verb(call, folder):
    """Call every verb of the contract once or more, with records of each kind of connection."""
    made = call("connections", "create", {**POSTGRESQL, "name": "Prod"})
    call("connections", "create", {"type": "s3", "uri": "s3://bucket/x", "access_key": "AK", "secret_key": "geheim"})
    snowflake = {"type": "snowflake", "host": "acme.snowflakecomputing.com", "username": "u", "password": "geheim"}
    call("connections", "create", {**snowflake, "parameters": {"warehouse": "W"}})
    files = {"type": "sqlite", "name": "files", "uri": str(folder / "sales.sqlite")}
    call("connections", "create", files, test=True)
    call("connections", "update", "prod", {"port": 2, "parameters": {"application_name": "x"}}, version=1)
    assert call("connections", "find", "PROD") == made["id"]
    call("datastores", "create", {"name": "d", "connection_id": made["id"], "database": "x", "schema": "y"})
    call("datastores", "update", "d", {"tags": ["a"], "favorite": True})
    assert call("datastores", "find", "D") == call("datastores", "get", "d")["id"]
    call("datastores", "list")
    call("datastores", "create", {"name": "e", "connection": {**files, "name": "more"}})
    assert call("datastores", "verify", "e")["connected"] is True
    call("connections", "get", "prod")
    call("connections", "list")
    call("connections", "list", search="SNOWFLAKE")
    call("connections", "usages", "prod")
    call("connections", "history", "prod")
    assert call("connections", "test", "files")["connected"] is True
    assert call("connections", "test", "prod", {"port": 1}, timeout_s=5)["class"] == "refused"
    call("connections", "test_unsaved", POSTGRESQL, timeout_s=5)
    made = call("imports", "create", [files, {"type": "mysql", "host": "h", "name": "PROD"}, {"type": "nonsense"}])
    assert [one["action"] for one in made] == ["skip", "create", "refuse"]
    assert call("discovery", "schemas", "files")["items"]
    assert call("discovery", "tables", "files", qualytics.Listing("tables", limit=1))["next"] == "1"
    call("connections", "copy", "prod", "copied", {"port": 3})
    call("connections", "history", "files")  # which was tested and looked into
    call("connections", "tests", "files")
    call("connections", "history", "copied")
    use_connections(call)
    use_config(call)
    use_runs(call)
    call("datastores", "delete", "d")
    call("connections", "delete", "prod", dry_run=True)


def use_connections(call):
    """Use a connection, and read through it and a datastore of it; on a control plane once that is granted."""
    me = call("users", "me")
    if me["id"] is not None:
        grant = call("grants", "create", me["id"], "files", 7)
        assert call("grants", "get", grant["id"]) == grant
        assert list(call("grants", "list", me["name"], "FILES")) == list(call("grants", "list", me["id"])) == [grant]
        call("grants", "create", me["name"], "more")
    used = call("connections", "use", "files", purpose="types")
    assert (used.type, used.ssl_mode) == ("sqlite", "auto" if me["id"] is None else "verify")
    with contextlib.closing(call("connections", "open", "files")) as session:
        assert session.execute("select 1").fetchone() == (1,)
    with call("connections", "read", "files", table="orders", limit=1) as reader:
        assert faults(reader.progress, types.ReadProgress) == []
        assert [batch.num_rows for batch in reader] == []
        assert faults(reader.receipt, types.Receipt) == []
    with call("datastores", "read", "e", sql="select 1 as one") as reader:
        assert pa.table(reader).to_pylist() == [{"one": 1}]
    if me["id"] is not None:
        assert [one["purpose"] for one in call("connections", "uses", "files")] == ["read orders"]
        assert call("grants", "delete", grant["id"])["deleted"] is True
        with pytest.raises(qualytics.NotAllowed, match="has no grant to use connection 'files'"):
            call("connections", "use", "files", purpose="types")


def use_config(call):
    """Call every verb on a configuration that creates, changes and is wrong."""
    config = {
        "connections": [{**POSTGRESQL, "name": "prod", "port": 4, "password": "other"}, {**POSTGRESQL, "name": "new"}],
        "datastores": [{"name": "d", "connection_name": "prod", "enrich_datastore_name": "e", "group": "g"}],
    }
    wrong = call("config", "plan", {"connections": [{"name": "new", "type": "postgresql", "port": 0}], "prune": []})
    assert [one["loc"] for one in wrong["problems"]] == ["port", "host"]
    plan = call("config", "plan", config)
    assert (plan["create"], plan["update"], plan["problems"]) == (1, 2, [])
    tests = call("config", "test", config, plan=plan["plan"], timeout_s=5)
    assert [(one["id"], one["class"]) for one in tests["failures"]] == [(1, "refused"), (None, "refused")]
    assert call("config", "apply", config, plan=plan["plan"]) == plan
    assert [one["enrich_datastore_name"] for one in call("config", "datastores")] == ["e", None]


def use_runs(call):
    """Test the connections of a type, and on a control plane follow that again."""
    with call("runs", "start", types=["sqlite"], timeout_s=20) as run:
        assert sorted(result["name"] for result in answers(run)) == ["files", "more"]
    assert (run.total, list(run.untested())) == (2, [])
    if run.operation_id is None:
        with pytest.raises(qualytics.UsageError, match="there is no operation 7 on the embedded store"):
            call("runs", "resume", 7)
    else:
        with call("runs", "resume", run.operation_id) as again:
            assert len(answers(again)) == 2


def answers(run):
    """Return the results of a run, each of which is what its type says."""
    results = list(run)
    assert faults(results, list[types.TestResult]) == []
    return results


def use_accounts(call):
    """Call every verb on users, tokens and the audit log."""
    call("users", "create", {"name": "Typed", "role": "Admin", "email": "typed@example.com"})
    call("users", "update", "typed", {"email": None})
    call("users", "get", call("users", "find", "TYPED"))
    call("users", "list")
    call("users", "me")
    token = call("tokens", "create", "typed", 7, "Typed")
    call("tokens", "list", "Typed")
    call("tokens", "get", token["id"])
    call("tokens", "revoke", token["id"])
    call("tokens", "delete", token["id"])
    call("connections", "create", {**POSTGRESQL, "name": "granted"})
    grant = call("grants", "create", "typed", "granted")
    call("grants", "get", grant["id"])
    call("grants", "list", "typed")
    call("grants", "delete", grant["id"], dry_run=True)
    call("users", "delete", call("users", "create", {"name": "Typed service", "kind": "service"})["id"])
    call("audit", "list", limit=500)
    call("audit", "prune", "2020-01-01")


def test_every_verb_answers_with_what_its_type_says(client, allowed_files):
    call = Checked(client)
    use_every_verb(call, allowed_files)
    use_accounts(call)
    with pytest.raises(qualytics.TestFailed) as raised:  # nothing listens there
        client.discovery.catalogs("prod", timeout_s=5)
    assert faults(raised.value.report, types.TestReport) == []
    with pytest.raises(qualytics.ConnectionInUse) as raised:
        client.connections.delete("more")
    assert faults(list(raised.value.datastores), list[types.DatastoreStub]) == []
    # `catalogs` is of a server, and `schemas` has the same type; an embedded store tells of no uses.
    missing = {("discovery", "catalogs")} | ({("connections", "uses")} if client.store_name else set())
    assert VERBS.keys() - call.called == missing


def test_a_document_knows_its_version(client):
    made = client.connections.create({"type": "postgresql", "host": "h", "password": "x", "name": "v"})
    assert qualytics.version_of(made) == 1
    assert qualytics.version_of(client.connections.update("v", {"port": 7})) == 2
    assert qualytics.version_of(client.connections.update("v", {"port": 8}, dry_run=True)) == 2
    with pytest.raises(qualytics.VersionChanged):
        client.connections.update("v", {"port": 9}, version=qualytics.version_of(made))
    assert qualytics.version_of({"id": 1}) is None


def test_an_explanation_is_what_its_type_says():
    assert faults(qualytics.explain("ORA-12514"), types.Verdict) == []
    assert qualytics.explain("Access denied for user", "mysql")["class"] == "auth"
