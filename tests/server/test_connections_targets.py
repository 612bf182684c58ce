"""Stored secrets stay with the target that they were given for; what reads files of the server is off."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from qualytics.connectors import get
from qualytics.service import policy as rules
from qualytics.service.connections.drafts import draft
from qualytics.settings import ServerPolicy
from testbed.control_plane import serving

DOWNGRADES = [
    ("oracle", {"service_name": "X"}, {"protocol": "TCP"}),
    ("oracle", {"service_name": "X", "protocol": "TCPS", "ssl_mode": "auto"}, {"protocol": None}),
    ("dremio", {"authentication_type": "ACCESS_TOKEN"}, {"authentication_type": None}),
    ("dremio", {}, {"ssl": False}),
    ("db2", {}, {"ssl": False}),
    ("mysql", {}, {"ssl_mode": "disable"}),
]

NEEDED = (409, "secret-needed-for-new-target")


@pytest.fixture
def stored(made):
    return made(host="127.0.0.1", port=1, password="pw", parameters={"ssl_mode": "require"})


JAR = {"driver_class": "org.h2.Driver", "jars": ["/tmp/h2.jar"]}
CHANGES = [
    {"host": "127.0.0.2"},
    {"host": "evil.example.com"},
    {"port": 2},
    {"port": None},
    {"parameters": {"ssl_mode": "disable"}},
    {"parameters": {"ssl_mode": None}},
    {"parameters": {"ssl_root_cert": "-----BEGIN CERTIFICATE-----"}},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_manager_needs_the_secret_again_for_a_new_target(manager, stored, change):
    address = f"/connections/{stored['id']}"
    before = manager("GET", address)
    for answer in (
        manager("PATCH", address, change),
        manager("PATCH", f"{address}?dry_run=true", change),
        manager("PATCH", f"{address}?test=true", change),
        manager("PUT", address, {"name": stored["name"], "type": "postgresql", **change}),
        manager("PUT", address, {"name": stored["name"], "type": "postgresql", "password": "********", **change}),
        manager("POST", f"{address}/test", change),
        manager("POST", f"{address}/copy", {"name": "elsewhere", **change}),
    ):
        if change.get("parameters", {}).get("ssl_root_cert") and answer.status == 422:
            continue  # it is no certificate, which is said first
        if change == {"port": None} and "PUT" not in str(answer) and answer.status == 200:
            pytest.fail("the default port is another target")
        assert (answer.status, answer.json["code"]) == NEEDED, answer
    assert manager("GET", address).body == before.body


@pytest.mark.parametrize("change", CHANGES[:6], ids=str)
def test_with_the_secret_a_manager_may_and_an_admin_may_without(manager, admin, stored, change):
    address = f"/connections/{stored['id']}"
    assert admin("PATCH", f"{address}?dry_run=true", change).status == 200
    assert manager("PATCH", address, {**change, "password": "again"}).status == 200


@pytest.mark.parametrize(
    "same",
    [
        {"host": "DB.EXAMPLE.COM"},
        {"host": "db.example.com."},
        {"port": 5432},
        {"username": "app"},
        {"parameters": {"ssl_mode": "verify"}},
        {"parameters": {"SSL_MODE": "verify", "application_name": "etl"}},
        {"parameters": None},
        {"jdbc_fetch_size": 7, "max_parallelization": 2},
        {},
    ],
    ids=str,
)
def test_the_same_target_in_another_spelling_is_no_change(manager, made, fresh, same):
    found = made(host="db.example.com", port=None, password="pw")
    assert manager("PATCH", f"/connections/{found['id']}", {**same, "name": fresh()}).status == 200


ROLE = {"authentication_type": "IAM_ROLE", "role_arn": "arn:aws:iam::123456789012:role/one"}
SAME = [
    ({"type": "hive", "parameters": {"transport": "http", "http_path": "/a"}}, {"parameters": {"http_path": "a"}}),
    ({"type": "hive"}, {"parameters": {"transport": "binary", "auth_mechanism": "PLAIN"}}),
    ({"type": "teradata"}, {"port": 443}),
    ({"type": "teradata", "parameters": {"ssl_mode": "disable"}}, {"port": 1025}),
    ({"type": "oracle", "parameters": {"service_name": "X"}}, {"parameters": {"protocol": "TCPS"}}),
    ({"type": "db2"}, {"parameters": {"ssl": True}}),
    ({"type": "athena", "host": "athena.eu-west-1.amazonaws.com"}, {"parameters": {"region": "eu-west-1"}}),
    (
        {"type": "athena", "host": None, "parameters": {"region": "eu-west-1"}},
        {"host": "athena.EU-west-1.amazonaws.com."},
    ),
    (
        {"type": "redshift", "host": "sales.a1b2.eu-west-1.redshift.amazonaws.com", "parameters": ROLE},
        {"parameters": {"region": "eu-west-1", "cluster_identifier": "sales"}},
    ),
    (
        {"type": "athena", "host": None, "parameters": {"region": "eu-x-1", "endpoint_url": "https://aws.example.com"}},
        {"parameters": {"endpoint_url": "HTTPS://AWS.Example.com.:443/"}},
    ),
]


@pytest.mark.parametrize(("fields", "same"), SAME, ids=str)
def test_what_the_rest_says_already_is_no_change(fields, same):
    connector = get(fields["type"])
    more = {"work_group": "w"} if connector.type == "athena" else {}
    given = {"host": "127.0.0.1", "username": "app", "password": "pw", **fields}
    given["parameters"] = {**more, **fields.get("parameters", {})}
    before = draft(given, ServerPolicy()).values
    parameters = {**before.get("parameters", {}), **same.get("parameters", {})}
    after = draft({**given, **same, "parameters": parameters}, ServerPolicy()).values
    assert rules.bound(connector, before) == rules.bound(connector, after)


OTHER = [
    ({"type": "hive"}, {"transport": "http"}),
    ({"type": "hive", "parameters": {"transport": "http", "http_path": "a"}}, {"http_path": "b"}),
    ({"type": "trino"}, {"source": "etl"}),
    ({"type": "mysql"}, {"program_name": "etl"}),
    ({"type": "snowflake"}, {"authentication_type": "KEYPAIR"}),
    ({"type": "dremio"}, {"project_id": "p"}),
    ({"type": "oracle", "parameters": {"service_name": "X"}}, {"service_name": "Y"}),
]


@pytest.mark.parametrize(("fields", "change"), OTHER, ids=str)
def test_a_route_behind_the_same_address_needs_the_secret_again(manager, made, fields, change):
    address = f"/connections/{made(password='pw', **fields)['id']}"
    for answer in (
        manager("PATCH", address, {"parameters": change}),
        manager("POST", f"{address}/test", {"parameters": change}),
    ):
        assert (answer.status, answer.json["code"]) == NEEDED, answer


def test_another_account_needs_the_secret_again(manager, stored):
    for answer in (
        manager("PATCH", f"/connections/{stored['id']}", {"username": "other"}),
        manager("POST", f"/connections/{stored['id']}/test", {"username": "other"}),
    ):
        assert (answer.status, answer.json["code"]) == NEEDED, answer


def test_one_of_two_secrets_is_never_compared_with_the_stored_one(manager, made):
    key = made(type="snowflake", password="pw", passphrase="right")
    for guess in ("right", "wrong"):
        answer = manager("PATCH", f"/connections/{key['id']}?dry_run=true", {"passphrase": guess})
        assert (answer.status, answer.json["code"]) == NEEDED, answer
    both = manager("PATCH", f"/connections/{key['id']}", {"password": "pw", "passphrase": "right"})
    assert both.status == 200


def test_a_connection_without_a_stored_secret_is_free(manager, made):
    assert manager("PATCH", f"/connections/{made()['id']}", {"host": "127.0.0.2"}).status == 200


def test_another_bucket_or_endpoint_needs_the_secret_again(manager, admin, fresh):
    given = {"type": "s3", "name": fresh(), "uri": "s3://lake/raw", "access_key": "AKIAEXAMPLE", "secret_key": "s"}
    address = f"/connections/{admin('POST', '/connections', given).json['id']}"
    for change in ({"uri": "s3://other/raw"}, {"parameters": {"endpoint_url": "http://127.0.0.1:9"}}):
        answer = manager("PATCH", address, change)
        assert (answer.status, answer.json["code"]) == NEEDED, answer
    half = manager("PATCH", address, {"uri": "s3://other/raw", "access_key": "AKIAOTHER"})
    assert (half.status, half.json["code"]) == NEEDED


def test_a_member_tests_nothing_and_a_refused_change_is_written_down(person, admin, stored):
    (a_manager, manager, _), (a_member, member, _) = person("Manager"), person("Member")
    assert member("POST", f"/connections/{stored['id']}/test").status == 403
    manager("PATCH", f"/connections/{stored['id']}", {"host": "127.0.0.3"})
    entries = admin("GET", "/audit?size=2").json["items"]
    assert [(entry["actor"], entry["action"], entry["outcome"]) for entry in entries] == [
        (a_manager["name"], "connection.update", "secret-needed-for-new-target"),
        (a_member["name"], "connection.test", "not-allowed"),
    ]
    assert {entry["object_id"] for entry in entries} == {stored["id"]}


@pytest.mark.parametrize("who", ["Manager", "Admin"])
@pytest.mark.parametrize(
    "fields",
    [
        {"type": "sqlite", "uri": "/etc/passwd"},
        {"type": "duckdb", "uri": "/tmp/x.duckdb"},
        {"type": "jdbc", "uri": "jdbc:h2:tcp://127.0.0.1:1/sales", "parameters": JAR},
    ],
    ids=lambda fields: fields["type"],
)
def test_types_that_read_files_of_the_server_are_refused(plane, who, fields, fresh):
    for path in ("/connections", "/connections/test", "/connections/catalogs"):
        answer = plane.api(who)("POST", path, {**fields, "name": fresh()} if path == "/connections" else fields)
        assert answer.status == 422, answer
        assert "type-not-allowed" in {error["type"] for error in answer.json["errors"]}, answer


def test_a_parameter_that_is_a_file_is_refused(admin, fresh):
    parameters = {"ssl_root_cert_file": "/etc/ssl/cert.pem"}
    given = {"type": "postgresql", "name": fresh(), "host": "h", "username": "u", "parameters": parameters}
    for path in ("/connections", "/connections/test"):
        answer = admin("POST", path, given)
        assert answer.status == 422
        assert answer.json["errors"][0]["loc"] == ["body", "parameters", "ssl_root_cert_file"]


def test_an_allowed_directory_opens_its_files_alone_and_closing_it_ends_tests(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for place in (inside, outside):
        place.mkdir()
        with closing(sqlite3.connect(place / "a.db")) as database:
            database.execute("create table t (i integer)")
    (inside / "link.db").symlink_to(outside / "a.db")
    home = tmp_path / "home"
    with serving(home, "--allow-file", str(inside)) as plane:
        admin, tokens = plane.api(), plane.tokens
        good = admin("POST", "/connections", {"type": "sqlite", "name": "in", "uri": str(inside / "a.db")})
        assert good.status == 200, good
        assert admin("POST", f"/connections/{good.json['id']}/test").json["connected"] is True
        for path in (outside / "a.db", inside / "link.db", inside / ".." / "outside" / "a.db"):
            answer = admin("POST", "/connections", {"type": "sqlite", "name": "out", "uri": str(path)})
            assert answer.status == 422, answer
    with serving(home, tokens=tokens) as plane:
        answer = plane.api()("POST", f"/connections/{good.json['id']}/test")
        assert (answer.status, answer.json["errors"][0]["type"]) == (422, "type-not-allowed")


@pytest.mark.parametrize(("kind", "parameters", "change"), DOWNGRADES, ids=str)
def test_a_stored_secret_keeps_its_protection_and_its_meaning(manager, admin, made, kind, parameters, change):
    found = made(type=kind, password="pw", **({"parameters": parameters} if parameters else {}))
    address = f"/connections/{found['id']}"
    for answer in (
        manager("PATCH", address, {"parameters": change}),
        manager("PATCH", f"{address}?test=true", {"parameters": change}),
        manager("PUT", address, {"name": found["name"], "type": kind, "parameters": change}),
        manager("POST", f"{address}/test", {"parameters": change}),
    ):
        assert (answer.status, answer.json["code"]) == NEEDED, answer
    assert admin("PATCH", f"{address}?dry_run=true", {"parameters": change}).status == 200
    assert manager("PATCH", f"{address}?dry_run=true", {"parameters": change, "password": "new"}).status == 200


def test_a_manager_copies_a_secret_without_seeing_it_and_a_member_copies_none(person, manager, admin, stored, fresh):
    name = fresh()
    made = manager("POST", f"/connections/{stored['id']}/copy", {"name": name})
    assert (made.status, made.json["name"], made.json["password"]) == (200, name, "********")
    assert made.headers["etag"] == '"1"'
    entry = admin("GET", "/audit?size=1").json["items"][0]
    assert (entry["action"], entry["object_id"], entry["object_name"]) == ("connection.copy", made.json["id"], name)
    assert entry["detail"]["source"] == stored["id"]
    user, member, _ = person()
    refused = member("POST", f"/connections/{stored['id']}/copy", {"name": fresh()})
    assert (refused.status, refused.json["code"]) == (403, "not-allowed")
    entry = admin("GET", "/audit?size=1").json["items"][0]
    assert (entry["action"], entry["actor"], entry["outcome"]) == ("connection.copy", user["name"], "not-allowed")
    assert entry["object_id"] == stored["id"]


def test_a_copy_is_asked_for_by_name_too_and_needs_a_new_one(manager, stored, fresh):
    name = fresh()
    made = manager("POST", f"/connections/by-name/copy?name={stored['name']}", {"name": name, "max_parallelization": 3})
    assert (made.json["name"], made.json["max_parallelization"]) == (name, 3)
    assert manager("POST", f"/connections/{stored['id']}/copy", {}).json["errors"][0]["loc"] == ["body", "name"]
    taken = manager("POST", f"/connections/{stored['id']}/copy", {"name": name.upper()})
    assert (taken.status, taken.json["code"]) == (409, "name-taken")
