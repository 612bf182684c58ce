"""The verbs: keys in their order, names, merging, dry runs, lists, datastores, and tests before storing."""

import json
import sqlite3

import pytest

CREATE = ("connections", "create")
PG = (*CREATE, "-t", "postgresql", "--host", "db.example.com")
DETECTED = ["product_name", "product_version", "driver_name", "driver_version", "datastores", "created"]
KEYS = {
    "jdbc": [
        *("id", "name", "tags", "owner", "type", "connection_type", "host", "port", "username", "password"),
        *("passphrase", "parameters"),
        *("jdbc_fetch_size", "max_parallelization", "secrets_manager", *DETECTED),
    ],
    "embedded": [
        *("id", "name", "tags", "owner", "type", "connection_type", "uri", "parameters"),
        *("jdbc_fetch_size", "max_parallelization"),
        *DETECTED,
    ],
}
REPORT = [
    *(
        "connected",
        "stage",
        "class",
        "code",
        "retryable",
        "message",
        "hint",
        "detail",
        "product_name",
        "product_version",
    ),
    *("driver_name", "driver_version", "address", "local_address", "tls", "stages", "duration_ms", "warnings"),
]
DATASTORE = [
    *("id", "name", "type", "store_type", "connection_id", "connection_name", "database", "schema", "root_path"),
    *("description", "tags", "teams", "enrichment_only", "connected", "created"),
]


def make(run, *given):
    result = run(*given, "-f", "json")
    assert result.code == 0, result.err
    # Of a database file that is not there yet a create warns.
    assert not [line for line in result.err.splitlines() if not line.startswith("warning: there is no file ")]
    return result.json


@pytest.fixture
def database(tmp_path):
    """Return the path of a SQLite database."""
    path = tmp_path / "sales.sqlite"
    with sqlite3.connect(path) as handle:
        handle.execute("create table t (a)")
    handle.close()
    return path


def test_a_document_has_the_keys_of_its_kind_in_order_and_null_where_nothing_is_set(run):
    jdbc = make(run, *PG, "--password", "geheim")
    assert list(jdbc) == KEYS["jdbc"]
    assert (jdbc["password"], jdbc["passphrase"], jdbc["port"], jdbc["parameters"]) == ("********", None, None, None)
    assert (jdbc["secrets_manager"], jdbc["datastores"], jdbc["connection_type"]) == (None, [], "jdbc")
    embedded = make(run, *CREATE, "-t", "duckdb", "--uri", "x.duckdb", "--jdbc-fetch-size", "7")
    assert list(embedded) == KEYS["embedded"]
    assert (embedded["connection_type"], embedded["jdbc_fetch_size"]) == ("embedded", 7)
    assert embedded["uri"].startswith("/")
    listed = run("connections", "list", "-f", "json").json
    assert [list(document) for document in listed] == [KEYS["jdbc"], KEYS["embedded"]]
    assert [document["datastores"] for document in listed] == [None, None]
    assert list(run("connections", "list").document[0]) == KEYS["jdbc"]


def test_an_empty_password_is_set_and_no_password_is_null(run):
    assert make(run, *PG, "--password", "", "--allow-empty")["password"] == "********"
    assert make(run, *PG)["password"] is None


def test_an_alias_is_stored_as_its_type(run):
    assert make(run, *CREATE, "-t", "postgres", "--host", "h")["type"] == "postgresql"


def test_names_are_trimmed_and_composed_and_255_characters_are_fine(run):
    assert make(run, *PG, "--name", "  Cafe\u0301 ")["name"] == "Caf\u00e9"
    assert make(run, *PG, "--name", "\U0001f600" * 255)["name"] == "\U0001f600" * 255
    assert run("connections", "get", "--name", " CAF\u00c9").code == 0


def test_a_name_is_derived_from_type_and_place_and_made_unique(run):
    assert [make(run, *PG)["name"] for _ in range(3)] == [
        *("postgresql-db.example.com", "postgresql-db.example.com-2", "postgresql-db.example.com-3"),
    ]
    assert make(run, *PG, "--name", "PostgreSQL-h-2")["name"] == "PostgreSQL-h-2"
    assert [make(run, *CREATE, "-t", "postgresql", "--host", "h")["name"] for _ in range(2)] == [
        *("postgresql-h", "postgresql-h-3"),
    ]
    assert make(run, *CREATE, "-t", "sqlite", "--uri", "/data/sales.db/")["name"] == "sqlite-sales.db"
    assert make(run, *CREATE, "-t", "sqlite", "--uri", "/d/ab ")["name"] == "sqlite-ab"
    long = make(run, *CREATE, "-t", "sqlite", "--uri", "/" + "x" * 300)["name"]
    assert 200 < len(long) <= 255


def test_a_dry_run_of_create_prints_the_masked_payload_and_makes_no_store(run, home):
    result = run(*PG, "--password", "geheim", "--parameters", '{"ssl_mode": "auto"}', "--dry-run", "-f", "json")
    assert (result.code, result.err) == (0, "")
    assert list(result.json.items()) == [
        ("name", "postgresql-db.example.com"),
        ("type", "postgresql"),
        ("host", "db.example.com"),
        ("password", "********"),
        ("parameters", {"ssl_mode": "auto"}),
    ]
    assert not home.exists()


def test_an_update_changes_what_is_given_and_keeps_the_rest(run):
    before = make(
        run, *PG, "--name", "a", "--port", "1", "--username", "u", "--password", "p", "--jdbc-fetch-size", "5"
    )
    after = make(run, "connections", "update", "--id", "1", "--name", "b", "--port", "2", "--max-parallelization", "3")
    assert after == {**before, "name": "b", "port": 2, "max_parallelization": 3}
    unset = make(
        run,
        "connections",
        "update",
        "--id",
        "1",
        "--unset",
        "port",
        "--unset",
        "jdbc-fetch-size",
        "--unset",
        "password",
    )
    assert unset == {**after, "port": None, "jdbc_fetch_size": None, "password": None}
    assert run("connections", "get", "--id", "1", "-f", "json").json == unset


def test_parameters_merge_key_by_key_and_null_removes_one(run, tmp_path):
    update = ("connections", "update", "--id", "1", "--parameters")
    make(run, *PG, "--parameters", '{"ssl_mode": "verify", "application_name": "a"}')
    assert make(run, *update, '{"APPLICATION_NAME": "b"}')["parameters"] == {
        "ssl_mode": "verify",
        "application_name": "b",
    }
    assert make(run, *update, '{"ssl_mode": null}')["parameters"] == {"application_name": "b"}
    file = tmp_path / "p.json"
    file.write_text('\ufeff{"application_name": null}')
    assert make(run, *update, f"@{file}")["parameters"] is None
    make(run, *update, '{"ssl_mode": "auto"}')
    assert make(run, "connections", "update", "--id", "1", "--unset", "parameters")["parameters"] is None
    assert make(run, *PG, "--parameters", "{}")["parameters"] is None


@pytest.mark.parametrize("mask", ["********", "*** redacted ***"])
def test_an_update_with_a_mask_keeps_the_secret(run, home, mask):
    from qualytics.service.context import Context
    from qualytics.settings import load

    make(run, *PG, "--password", "geheim")
    assert make(run, "connections", "update", "--id", "1", "--password", mask)["password"] == "********"
    with Context(load()) as context:
        assert context.store.connections.secrets(1)["password"].reveal() == "geheim"


def test_a_dry_run_of_update_shows_what_would_become_and_writes_nothing(run, home):
    before = make(run, *PG, "--name", "a", "--parameters", '{"ssl_mode": "auto"}')
    files = {path.name: path.read_bytes() for path in home.iterdir()}
    given = ("--name", "b", "--password", "geheim", "--parameters", '{"application_name": "x"}', "--dry-run")
    would = make(run, "connections", "update", "--id", "1", *given)
    parameters = {"ssl_mode": "auto", "application_name": "x"}
    assert would == {**before, "name": "b", "password": "********", "parameters": parameters}
    assert {path.name: path.read_bytes() for path in home.iterdir()} == files
    assert make(run, "connections", "get", "--id", "1") == before


def test_a_dry_run_of_delete_says_what_would_go_and_deletes_nothing(run):
    make(run, *PG, "--name", "a")
    assert make(run, "connections", "delete", "--name", "A", "--dry-run") == {"id": 1, "name": "a", "deleted": False}
    assert make(run, "connections", "delete", "--id", "1") == {"id": 1, "name": "a", "deleted": True}


def test_ids_are_never_used_again(run):
    ids = []
    for _ in range(3):
        ids.append(make(run, *PG)["id"])
        make(run, "connections", "delete", "--id", ids[-1])
    assert ids == [1, 2, 3]


def test_a_list_is_filtered_sorted_and_cut(run):
    for kind, place, name in (
        ("sqlite", "--uri", "Zeta 100%"),
        ("postgresql", "--host", "alpha_prod"),
        ("duckdb", "--uri", "Prod b"),
    ):
        make(run, *CREATE, "-t", kind, place, "x", "--name", name)

    def names(*given):
        return [document["name"] for document in run("connections", "list", "-f", "json", *given).json]

    assert names() == ["Zeta 100%", "alpha_prod", "Prod b"]
    assert names("--sort", "name") == ["alpha_prod", "Prod b", "Zeta 100%"]
    assert names("--sort", "type") == ["Prod b", "alpha_prod", "Zeta 100%"]
    assert names("--sort", "name", "--limit", "2") == ["alpha_prod", "Prod b"]
    assert names("--name", "PROD") == ["alpha_prod", "Prod b"]
    assert names("--name", "%") == ["Zeta 100%"]
    assert names("--name", "_") == ["alpha_prod"]
    assert names("--name", " ") == ["Zeta 100%", "Prod b"]
    assert names("--name", "prod ") == ["Prod b"]
    assert names("--name", "*") == []
    assert names("--type", "sqlite,duckdb") == ["Zeta 100%", "Prod b"]
    assert names("-t", "postgres, sqlite,sqlite") == ["Zeta 100%", "alpha_prod"]
    assert names("--type", "duckdb", "--name", "alpha") == []


@pytest.mark.slow
def test_a_list_of_many_is_one_document_in_either_format(run, home):
    from qualytics.service.connections.verbs import Connections
    from qualytics.service.context import Context
    from qualytics.settings import load

    with Context(load()) as context:
        for number in range(401):
            Connections(context).create({"type": "sqlite", "uri": f"/{number}", "name": f"n{number}"})
    as_json, as_yaml = run("connections", "list", "-f", "json"), run("connections", "list")
    assert as_json.json == as_yaml.document
    assert len(as_json.json) == 401


def test_a_connection_in_use_is_not_deleted_until_its_datastores_are_gone_or_moved(run):
    make(run, *PG, "--name", "prod")
    make(run, *PG, "--name", "next")
    place = ("--database", "sales", "--schema", "public")
    one = make(run, "datastores", "create", "-n", "one", "--connection-name", "PROD", *place, "--tags", "a, b,a")
    assert list(one) == DATASTORE
    assert (one["tags"], one["connected"], one["connection_name"], one["store_type"]) == (
        ["a", "b"],
        None,
        "prod",
        "jdbc",
    )
    make(run, "datastores", "create", "-n", "two", "--connection-id", "1", *place)
    stub = {"id": 1, "name": "one", "store_type": "jdbc", "type": "postgresql"}
    assert make(run, "connections", "get", "--id", "1")["datastores"] == [stub, {**stub, "id": 2, "name": "two"}]
    assert [document["name"] for document in make(run, "connections", "usages", "--id", "1")] == ["one", "two"]

    refused = run("connections", "delete", "--id", "1")
    assert (refused.code, refused.out) == (5, "")
    advice = "qualytics datastores delete --id 1, or qualytics datastores update --id 1 --connection-id OTHER"
    assert refused.err.splitlines() == [
        "error: 409: connection 'prod' is used by 2 datastores that still reference it: 'one' (id 1), 'two' (id 2)",
        f"hint: remove or reassign those datastores first: {advice}",
    ]
    moved = make(run, "datastores", "update", "--id", "1", "--connection-id", "2")
    assert (moved["connection_name"], moved["schema"]) == ("next", "public")
    assert make(run, "datastores", "delete", "--name", "TWO") == {"id": 2, "name": "two", "deleted": True}
    assert make(run, "connections", "delete", "--id", "1")["deleted"] is True
    assert [document["id"] for document in make(run, "datastores", "list", "--connection-id", "2")] == [1]


def test_a_refusal_names_the_first_of_very_many_datastores(run):
    make(run, *CREATE, "-t", "sqlite", "--uri", "/x")
    for number in range(22):
        make(run, "datastores", "create", "-n", f"d{number}", "--connection-id", "1")
    error = run("connections", "delete", "--id", "1").err
    assert "is used by 22 datastores" in error
    assert "'d19' (id 20), and 2 more" in error


def test_a_type_needs_of_a_datastore_only_what_it_has(run):
    make(run, *CREATE, "-t", "sqlite", "--uri", "/x")
    made = make(run, "datastores", "create", "-n", "d", "--connection-id", "1", "--description", "what, it is")
    assert (made["database"], made["schema"], made["description"]) == (None, None, "what, it is")
    assert make(run, "datastores", "update", "--id", "1", "--name", "e", "--schema", "main")["schema"] == "main"
    assert [document["name"] for document in make(run, "datastores", "list", "--name", "E")] == ["e"]


@pytest.mark.slow
def test_a_test_of_a_stored_connection_keeps_what_it_saw_unless_something_was_overridden(run, database):
    make(run, *CREATE, "-t", "sqlite", "--uri", database)
    overridden = make(run, "connections", "test", "--id", "1", "--jdbc-fetch-size", "5")
    assert (list(overridden), overridden["connected"]) == (REPORT, True)
    assert make(run, "connections", "get", "--id", "1")["product_name"] is None
    assert make(run, "connections", "test", "--name", "SQLITE-sales.sqlite", "--timeout", "9.5")["connected"] is True
    assert make(run, "connections", "get", "--id", "1")["product_name"] == "SQLite"
    assert [name for name in overridden if overridden[name] is None] == [
        *("stage", "class", "code", "retryable", "hint", "detail", "address", "local_address", "tls"),
    ]


@pytest.mark.slow
def test_a_failed_test_is_a_report_on_stdout_a_line_on_stderr_and_exit_code_6(run, home, tmp_path):
    result = run("connections", "test", "-t", "sqlite", "--uri", tmp_path / "none.db", "-f", "json")
    assert (result.code, list(result.json), result.json["class"]) == (6, REPORT, "unknown_db")
    assert result.err.startswith("error: the test failed at open (unknown_db): there is no file")
    assert "\nhint: " in result.err
    assert not home.exists()


@pytest.mark.slow
def test_create_and_update_with_test_store_only_what_passed(run, home, database, tmp_path):
    missing = tmp_path / "none.db"
    refused = run(*CREATE, "-t", "sqlite", "--uri", missing, "--name", "a", "--test")
    assert (refused.code, refused.out) == (6, "")
    assert refused.err.startswith("error: not stored: the test failed at open (unknown_db): there is no file")
    assert make(run, "connections", "list") == []

    created = make(run, *CREATE, "-t", "sqlite", "--uri", database, "--name", "a", "--test", "--timeout", "20")
    assert created["product_name"] == "SQLite"
    refused = run("connections", "update", "--id", created["id"], "--uri", missing, "--name", "b", "--test")
    assert (refused.code, refused.out) == (6, "")
    assert make(run, "connections", "get", "--id", created["id"]) == created
    changed = make(run, "connections", "update", "--id", created["id"], "--name", "b", "--test")
    assert changed == {**created, "name": "b"}
    taken = run(*CREATE, "-t", "sqlite", "--uri", missing, "--name", "B", "--test")
    assert taken.code == 5


@pytest.mark.slow
def test_verify_tests_with_the_place_of_the_datastore_and_remembers_the_result(run, database):
    make(run, *CREATE, "-t", "sqlite", "--uri", database)
    make(run, "datastores", "create", "-n", "good", "--connection-id", "1", "--schema", "main")
    make(run, "datastores", "create", "-n", "bad", "--connection-id", "1", "--schema", "nope")
    assert make(run, "datastores", "verify", "--name", "good")["connected"] is True
    failed = run("datastores", "verify", "--id", "2", "-f", "json")
    assert (failed.code, failed.json["class"]) == (6, "unknown_db")
    assert failed.err.startswith("error: the verification of datastore 2 failed at ")
    assert [document["connected"] for document in make(run, "datastores", "list")] == [True, False]
    assert make(run, "datastores", "update", "--id", "2", "--schema", "main")["connected"] is None


def test_types_are_listed_and_shown_without_a_store(run, home):
    listed = make(run, "connections", "types")
    assert {"postgresql", "sqlite", "duckdb"} <= {document["type"] for document in listed}
    assert list(listed[0]) == ["type", "title", "connection_type", "aliases", "default_port", "driver"]
    shown = make(run, "connections", "types", "postgres")
    assert shown["type"] == "postgresql"
    fields = {field["name"]: field for field in shown["fields"]}
    assert (fields["host"]["required"], fields["password"]["secret"], fields["name"]["takes_references"]) == (
        True,
        True,
        False,
    )
    assert {"ssl_mode", "application_name"} <= {parameter["name"] for parameter in shown["parameters"]}
    assert shown["driver"]["installed"] is True
    assert shown["example"].startswith("qualytics connections create --type postgresql ")
    assert not home.exists()


def test_a_password_equal_to_other_values_never_corrupts_a_document(run):
    values = {"host": "postgresql", "username": "postgresql", "name": "postgresql"}
    given = [part for name, value in values.items() for part in (f"--{name}", value)]
    parameters = json.dumps({"application_name": "postgresql"})
    made = make(run, *CREATE, "-t", "postgresql", *given, "--password", "postgresql", "--parameters", parameters)
    assert {name: made[name] for name in (*values, "type")} == {**values, "type": "postgresql"}
    assert made["parameters"] == {"application_name": "postgresql"}
    assert made["password"] == "********"
    assert make(run, "connections", "get", "--name", "postgresql") == made


def test_what_a_passed_test_warns_of_is_told_when_it_stores(run, postgres_server):
    server, warning = postgres_server, "warning: the connection is not encrypted\n"
    login = ("--host", server.host, "--port", server.port, "--username", server.user, "--password", server.password)
    plain = ("--parameters", '{"ssl_mode": "disable"}')
    made = run(*CREATE, "-t", "postgresql", "--name", "PG", *login, *plain, "--test", "-f", "json")
    assert (made.code, made.err, made.json["name"]) == (0, warning, "PG")
    changed = run("connections", "update", "--id", 1, "--jdbc-fetch-size", 10, "--test", "-f", "json")
    assert (changed.code, changed.err, changed.json["jdbc_fetch_size"]) == (0, warning, 10)
    untested = run("connections", "update", "--id", 1, "--jdbc-fetch-size", 20)
    assert (untested.code, untested.err) == (0, "")
