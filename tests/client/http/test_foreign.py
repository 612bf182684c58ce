"""Other servers of this API: what is asked of them, what is never asked, and what becomes of their answers."""

import re
import shlex

import pytest

from tests.client.test_contract import PG, STORIES, steady
from tests.support import fronts
from tests.support.misbehaving_http import CONNECTION, TOKEN, reply, scripted

REFUSED = reply(405, {"detail": "Method Not Allowed"})
# What such servers cannot do: a search, a test or a dry run of a change, and clearing a secret.
BEYOND = re.compile(
    r"find (N|SNOW|marts|127|'%'|nothing)"
    r"|(update|create).* --test|update .*--dry-run|--unset password|update .*--password ''"
)

# Of what the published API knows nothing: imports, copies, tags, listings, and what a test looks at beside the login.
UNKNOWN = {
    "an import",
    "copies",
    "grants",
    "how connections do",
    "tags and owners",
    "what a connection can see",
    "a database and a schema that a test looks at",
    "a listing, and a test, that fail with words of the driver",
}


def environment(server):
    return {"QUALYTICS_URL": server.url, "QUALYTICS_TOKEN": TOKEN}


def bodies(server):
    return [(asked.method, asked.target.removeprefix("/api"), asked.body and asked.json) for asked in server.asked]


def without_patch(document):
    """Return what answers as a server without PATCH that holds one record."""
    return lambda asked: REFUSED if asked.method == "PATCH" else reply(200, document)


def test_an_update_is_a_put_of_name_type_and_changes(run):
    with scripted(without_patch(CONNECTION)) as server:
        update = ("connections", "update", "--id", "7", "--host", "other", "--parameters", '{"APPLICATION_NAME": "y"}')
        assert run(*update, env=environment(server)).code == 0
        changes = {"host": "other", "parameters": {"APPLICATION_NAME": "y"}}
        whole = {
            "name": "a",
            "type": "postgresql",
            "secrets_manager": {"secret_url": "https://v"},
            "host": "other",
            "parameters": {"ssl_mode": "verify", "APPLICATION_NAME": "y"},
        }
        assert bodies(server) == [
            ("PATCH", "/connections/7", changes),
            ("GET", "/connections/7", b""),
            ("PUT", "/connections/7", whole),
        ]


def test_a_test_with_overrides_sends_what_a_test_there_needs(run):
    def answer(asked):
        if asked.method == "GET":
            return reply(200, CONNECTION)
        is_whole = {"name", "type"} <= asked.json.keys()
        return reply(204) if is_whole else reply(422, {"detail": [{"loc": ["body", "name"], "msg": "missing"}]})

    with scripted(answer) as server:
        overrides = ("--host", "other", "--parameters", '{"ssl_mode": "disable"}')
        assert run("connections", "test", "--id", "7", *overrides, env=environment(server)).code == 0
        method, path, body = bodies(server)[-1]
        assert (method, path) == ("POST", "/connections/7/test")
        assert body["parameters"] == {"application_name": "x", "ssl_mode": "disable"}
        assert (body["name"], body["type"], body["host"]) == ("a", "postgresql", "other")


def test_an_update_of_a_datastore_is_a_put_of_all_it_has(run):
    document = {"id": 3, "name": "d", "schema": "s", "teams": [{"name": "t"}], "global_tags": [{"name": "x"}]}
    with scripted(without_patch(document)) as server:
        update = ("datastores", "update", "--id", "3", "--schema", "other")
        result = run(*update, "-f", "json", env=environment(server))
        assert (result.json["tags"], result.json["teams"]) == (["x"], ["t"])
        method, path, body = bodies(server)[-1]
        assert (method, path) == ("PUT", "/datastores/3")
        assert (body["name"], body["schema"], body["teams"], body["tags"]) == ("d", "other", ["t"], ["x"])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("connections update --id 7 --host x --dry-run", 4, "has no dry run"),
        ("connections update --id 7 --host x --test", 4, "has no test before a change"),
        ("connections copy --id 7 --name x", 4, "has no copies of connections"),
        (f"{PG} --tag a", 4, "has no tags and owners of connections"),
        (f"{PG} --owner a", 4, "has no tags and owners of connections"),
        ("connections update --id 7 --tag a", 4, "has no tags and owners of connections"),
        ("connections update --id 7 --untag a", 4, "has no tags and owners of connections"),
        ("connections list --tag a", 4, "has no tags and owners of connections"),
        ("connections list --owner a", 4, "has no tags and owners of connections"),
        ("connections copy a --name x", 4, "has no copies of connections"),
        ("connections find a", 4, "has no search"),
        ("connections list --state fails", 4, "has no states of connections"),
        ("connections list --sort state", 4, "has no states of connections"),
        ("connections import --from postgresql://u:p@h/d --yes", 4, "has no imports of connections"),
        ("connections test --all", 4, "has no tests of all connections"),
        ("connections test --all --resume 7", 4, "has no tests of all connections"),
        ("run --id 7 -- true", 4, "has no uses of connections outside of it"),
        ("connections read --id 7 --table t --output t.csv", 4, "has no uses of connections outside of it"),
        ("grants create --user a --connection b", 4, "has no grants"),
        ("grants list", 4, "has no grants"),
        (f"{PG} --test", 4, "has no test before a change"),
        ("connections delete --id 7 --dry-run", 5, "is used by 1 datastore"),
    ],
)
def test_what_would_be_done_for_good_is_never_asked(run, words, code, message):
    with scripted(reply(200, {**CONNECTION, "datastores": [{"id": 3, "name": "d"}]})) as server:
        result = run(*shlex.split(words), env=environment(server))
        assert (result.code, result.out) == (code, "")
        assert message in result.err.splitlines()[0]
        assert {asked.method for asked in server.asked} == {"GET"}


def test_a_dry_run_of_a_create_asks_nobody(run):
    with scripted(REFUSED) as server:
        create = ("connections", "create", "-t", "postgresql", "--host", "h", "--dry-run")
        assert run(*create, env=environment(server)).code == 0
        assert server.asked == []


@pytest.mark.parametrize("option", ["--unset password", "--password '' --allow-empty"])
def test_a_secret_that_cannot_be_cleared_is_told(run, option):
    with scripted(without_patch(CONNECTION)) as server:
        result = run("connections", "update", "--id", "7", *shlex.split(option), env=environment(server))
        assert (result.code, result.err.splitlines()[0]) == (4, "error: this control plane cannot clear the password")
        assert "PUT" not in {asked.method for asked in server.asked}


def test_an_error_of_a_proxy_does_not_make_a_control_plane_another_server(run):
    level, page = {"API-Level": "1"}, {"items": [{**CONNECTION, "name": "b"}], "total": 1}
    replies = (reply(404, None, level), reply(200, page, level), reply(502, "<html>"), reply(200, CONNECTION, level))
    with scripted(*replies) as server:
        assert run("connections", "delete", "--name", "b", env=environment(server)).code == 1
        assert [asked.method for asked in server.asked] == ["DELETE", "GET", "DELETE"]


def test_a_server_without_a_filter_for_whole_names_is_looked_through_page_by_page(run):
    def answer(asked):
        if "?" not in asked.target:
            return reply(200, CONNECTION)
        if "/by-name" in asked.target:
            return reply(404, {"detail": "Not Found"})
        number = int(dict(part.split("=") for part in asked.target.partition("?")[2].split("&"))["page"])
        first = (number - 1) * 50
        items = [{**CONNECTION, "id": n, "name": f"c{n}"} for n in range(first, min(first + 50, 120))]
        return reply(200, {"items": items})

    with scripted(answer) as server:
        assert run("connections", "get", "--name", "c101", env=environment(server)).code == 0
        paths = [asked.target.partition("?")[0] for asked in server.asked]
        assert paths == ["/api/connections/by-name", *["/api/connections"] * 3, "/api/connections/101"]


SIMILAR = [{**CONNECTION, "id": number, "name": name} for number, name in ((1, "Prod"), (2, "prod"), (3, "7"))]


@pytest.mark.parametrize(
    ("word", "code", "message"),
    [
        ("Prod", 0, ""),
        ("prod", 0, ""),
        ("PROD", 2, "error: 2 connections are named 'PROD': 1, 2\nhint: give --id 1, or another of them\n"),
        ("7", 2, "error: 7 could be an id, or the name of connection 3\nhint: give --id 7, or --id 3\n"),
        ("3", 0, ""),
        ("proud", 3, "error: there is no connection 'proud'\nhint: did you mean 'prod'?\n"),
    ],
)
@pytest.mark.parametrize("level", [{}, {"API-Level": "1"}], ids=["foreign", "older"])
def test_a_server_that_takes_ids_alone_is_asked_for_the_id_of_a_name(run, word, code, message, level):
    def answer(asked):
        if "/by-name" in asked.target:
            return reply(404, {"detail": "Not Found"}, level)
        number = asked.target.partition("?")[0].removeprefix("/api/connections/")
        page = {"items": SIMILAR, "total": len(SIMILAR)}
        return reply(200, SIMILAR[int(number) - 1] if number.isdigit() else page, level)

    with scripted(answer) as server:
        done = run("connections", "get", word, "-f", "json", env=environment(server))
    assert (done.code, done.err) == (code, message)
    if code == 0:
        assert word in {done.json["name"], str(done.json["id"])}


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (reply(204), 0, "connected"),
        (reply(200, {"connected": True, "message": "fine"}), 0, "fine"),
        (reply(200, {"success": True}), 0, None),
        (reply(200, {"connected": False, "message": "wrong password"}), 6, "wrong password"),
        (reply(400, {"message": "wrong password"}), 6, "wrong password"),
    ],
)
def test_every_way_in_which_servers_answer_a_test_becomes_a_report(run, answer, code, message):
    with scripted(answer) as server:
        result = run("connections", "test", "--id", "7", "-f", "json", env=environment(server))
    assert result.code == code, result.err
    assert result.json["connected"] is (code == 0)
    assert result.json["message"] == message
    assert list(result.json)[-2:] == ["duration_ms", "warnings"]


@pytest.mark.parametrize("story", sorted(STORIES.keys() - UNKNOWN))
def test_a_story_ends_alike_on_another_server(run, fresh_plane, allowed_files, story):
    with fronts.before(fresh_plane.port, fronts.foreign) as server:
        env = {"QUALYTICS_URL": server.url, "QUALYTICS_TOKEN": fresh_plane.tokens["Admin"]}
        for line in STORIES[story]:
            words = shlex.split(line.replace("FILES", str(allowed_files)))
            there = run(*words, env=env)
            if BEYOND.search(line):
                assert there.code == 4, line
                assert there.err.startswith("error: this control plane "), line
                continue
            here = run(*words)
            assert there.code == here.code, (line, there)
            assert bool(there.err) == bool(here.err), (line, there)
            if words[1] in {"test", "verify"} or "delete --id" in line:  # less is said of these
                continue
            assert steady(there.out) == steady(here.out), line
