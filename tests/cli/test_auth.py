"""Signing in: with a token, with a browser, out again; contexts, and what is said of a token that ends soon."""

import contextlib
import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import yaml

from tests.support import faults
from tests.support.misbehaving_http import reply, scripted

WAY = ("dns", "tcp", "tls", "health", "clock", "status", "version", "token", "expiry")
ME = {"id": 1, "name": "ada", "role": "Manager"}


def jwt(days=30.0, **claims):
    """Return a token that says when it ends."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"exp": int(time.time() + days * 86_400), **claims}]
    encoded = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


def stored(home):
    return yaml.safe_load((home / "config.yaml").read_text())


def answers(**by_path):
    """Return a control plane that answers by path: `me`, `token`, `revoke`, anything else with 404."""

    def answer(asked):
        for part, found in {"/users/me": "me", "/cli/token": "token", "/user-tokens/": "revoke"}.items():
            if part in asked.target and found in by_path:
                return by_path[found]
        return reply(404, {"code": "not-found", "message": "not found", "hint": None})

    return scripted(answer)


def test_a_good_token_is_kept_where_only_its_owner_reads_it(run, home):
    token = jwt()
    with answers(me=reply(200, ME)) as server:
        result = run("auth", "init", "--url", server.url, "--token", token, "-f", "json")
        assert (result.code, result.err) == (0, "")
        assert (result.json["user"], result.json["role"], result.json["signed_in"]) == ("ada", "Manager", True)
        assert server.asked[0].headers["authorization"] == f"Bearer {token}"
        assert token not in result.out
        assert (stored(home)["url"], stored(home)["token"]) == (f"{server.url}/api/", token)
        assert stat.S_IMODE((home / "config.yaml").stat().st_mode) == 0o600
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert run("auth", "status", "-f", "json").json == result.json


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (reply(401, {"code": "not-signed-in", "message": "the token was revoked", "hint": "x"}), 4, "was revoked"),
        (reply(403, {"detail": "disabled"}), 4, "disabled"),
        (reply(200, "<html>hello</html>", kind="text/html"), 1, "a page of HTML"),
        (reply(500, "boom"), 1, "boom"),
    ],
)
def test_a_token_that_is_refused_is_not_kept(run, home, answer, code, words):
    with answers(me=answer) as server:
        result = run("auth", "init", "--url", server.url, "--token", jwt())
    assert (result.code, result.out) == (code, "")
    assert words in result.err
    assert not home.exists()


def test_a_token_that_has_expired_is_not_even_sent(run, home):
    with answers(me=reply(200, ME)) as server:
        result = run("auth", "init", "--url", server.url, "--token", jwt(days=-1))
        assert (result.code, result.out) == (4, "")
        assert "the token expired at 20" in result.err
        assert server.asked == []
    assert not home.exists()


def test_a_token_comes_from_a_reference_from_stdin_or_from_nowhere(run, home):
    with answers(me=reply(200, ME)) as server:
        init = ("auth", "init", "--url", server.url)
        assert run(*init, "--token", "${MY_TOKEN}", env={"MY_TOKEN": "one"}).code == 0
        assert stored(home)["token"] == "one"
        assert run(*init, "--token-stdin", stdin=b"two\n").code == 0
        assert stored(home)["token"] == "two"
        for given in (
            (),
            ("--token", "x", "--token-stdin"),
            ("--token", "${NOT_SET}"),
            ("--token", ""),
            ("--token", "-"),
        ):
            assert run(*init, *given).code == 2
        assert stored(home)["token"] == "two"
        assert run("auth", "init", "--token", "three").code == 0  # the URL is known by now
    fresh = run("auth", "init", "--token", "x", env={"QUALYTICS_CONFIG_HOME": str(home / "other")})
    assert (fresh.code, fresh.err.splitlines()[0]) == (2, "error: --url is missing")


def test_an_opaque_token_is_taken_and_has_no_end(run):
    with answers(me=reply(200, ME)) as server:
        assert run("auth", "init", "--url", server.url, "--token", "opaque", "-f", "json").json["expires"] is None


@pytest.mark.parametrize(
    ("days", "words"), [(3.5, "expires in 3 days"), (1.5, "expires in 35 hours"), (6.9, "expires in 6 days"), (8, None)]
)
def test_a_token_that_ends_within_a_week_is_told(run, days, words):
    with answers(me=reply(200, ME)) as server:
        result = run("auth", "init", "--url", server.url, "--token", jwt(days))
        assert result.code == 0
        assert (words in result.err) if words else result.err == ""
        assert run("auth", "status").err == result.err


@pytest.mark.parametrize("claims", [{"exp": "soon"}, {"exp": 10**30}, {"exp": None}, {"exp": True}])
def test_an_end_that_is_none_is_none(run, claims):
    with answers(me=reply(200, ME)) as server:
        result = run("auth", "init", "--url", server.url, "--token", jwt(**claims), "-f", "json")
        assert (result.code, result.json["expires"]) == (0, None)


def test_status_tells_what_is_wrong_beside_what_is_known(run):
    token = jwt()
    with answers(me=reply(200, ME)) as server:
        run("auth", "init", "--url", server.url, "--token", token)
        server.replies[:] = [reply(401, {"code": "not-signed-in", "message": "the token was revoked", "hint": "x"})]
        result = run("auth", "status", "-f", "json")
    assert result.code == 4
    assert (result.json["signed_in"], result.json["url"], result.json["user"]) == (False, server.url, None)
    assert result.err.startswith("error: the token was revoked\n")
    gone = run("auth", "status", "-f", "json")
    assert (gone.code, gone.json["signed_in"]) == (1, False)


def test_status_without_anything_is_the_embedded_store(run, home):
    result = run("auth", "status", "-f", "json")
    assert (result.code, result.json["context"], result.json["source"]) == (0, "embedded", str(home / "store.db"))
    assert not home.exists()


def test_contexts_are_kept_apart_and_changed_by_name(run, home):
    with answers(me=reply(200, ME)) as one, answers(me=reply(200, ME)) as two:
        run("auth", "init", "--url", one.url, "--token", "t1")
        run("auth", "init", "--url", two.url, "--token", "t2", "--context", "prod")
        listed = run("auth", "contexts", "-f", "json").json
        assert [(found["name"], found["current"], found["url"]) for found in listed] == [
            ("default", False, one.url),
            ("prod", True, two.url),
            ("embedded", False, None),
        ]
        assert "t1" not in run("auth", "contexts").out
        assert run("auth", "use", "default", "-f", "json").json["url"] == one.url
        assert run("auth", "status", "-f", "json").json["url"] == one.url
        assert stored(home)["token"] == "t1"
        assert run("auth", "status", "-f", "json", env={"QUALYTICS_CONTEXT": "prod"}).json["url"] == two.url
        assert run("auth", "use", "embedded").code == 0
        assert run("connections", "list").out == "[]\n"
        assert "url" not in stored(home)
        unknown = run("auth", "use", "staging")
        assert (unknown.code, unknown.out) == (2, "")
        assert "there are default, prod, embedded" in unknown.err
        shadowed = run("auth", "use", "prod", env={"QUALYTICS_CONTEXT": "default"})
        assert "QUALYTICS_CONTEXT is set, and wins over this" in shadowed.err
        for name in ("embedded", "../x", "", "a b"):
            assert run("auth", "init", "--url", one.url, "--token", "t", "--context", name).code == 2


def test_a_file_of_the_published_client_can_be_switched_away_from_and_back(run, home):
    home.mkdir(parents=True)
    with answers(me=reply(200, ME)) as server:
        (home / "config.yaml").write_text(f"url: {server.url}/api/\ntoken: old\nssl_verify: true\n")
        assert run("auth", "status", "-f", "json").json["context"] == "default"
        assert run("auth", "use", "embedded").code == 0
        assert run("auth", "use", "default").code == 0
        assert (stored(home)["url"], stored(home)["token"]) == (f"{server.url}/api/", "old")


def test_signing_out_forgets_the_token_and_revokes_only_what_signing_in_made(run, home):
    with answers(me=reply(200, ME), revoke=reply(200, {"id": 9})) as server:
        run("auth", "init", "--url", server.url, "--token", "given by hand")
        run("auth", "init", "--url", server.url, "--token", "given-by-hand")
        result = run("auth", "logout", "-f", "json")
        assert (result.code, result.json["revoked"]) == (0, False)
        assert "token" not in stored(home)
        assert "given-by-hand" not in (home / "config.yaml").read_text()
        assert [asked.method for asked in server.asked] == ["GET"]
        after = run("connections", "list")
        assert (after.code, after.out) == (4, "")
    again = run("auth", "logout", "--context", "nobody")
    assert again.code == 2


# The browser: what the user does is played here, over the same HTTP.


@contextlib.contextmanager
def signing_in(home, *args, env=None):
    """Run `auth login` in a process of its own; yield the address that it names, and the process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "qualytics", "auth", "login", "--no-browser", *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "QUALYTICS_CONFIG_HOME": str(home), **(env or {})},
    )
    try:
        line = process.stderr.readline()
        yield line.removeprefix("sign in at ").strip(), process
    finally:
        process.kill()
        process.communicate()


def visit(url):
    try:
        with urllib.request.urlopen(url, timeout=60) as page:
            return page.status, page.read().decode(), dict(page.headers)
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode(), dict(exc.headers)


def back(address, **answer):
    """Return where a control plane sends the browser."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    return f"{asked['redirect_uri']}?{urlencode({'state': asked['state'], **answer})}", asked


@pytest.mark.slow
def test_a_browser_signs_in_with_a_code_that_only_this_process_can_exchange(home):
    token = jwt()
    made = {"id": 9, "name": "cli", "bearer_token": token}
    with answers(me=reply(200, ME), token=reply(200, made), revoke=reply(200, {"id": 9})) as server:
        with signing_in(home, "--url", server.url, "-f", "json") as (address, process):
            assert address.startswith(f"{server.url}/api/cli/authorize?")
            place, asked = back(address, code="the-code")
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", asked["redirect_uri"])
            assert len(asked["state"]) == 43
            assert visit(place.replace("/callback", "/favicon.ico"))[0] == 404
            status, page, headers = visit(place)
            assert status == 200
            assert "history.replaceState" in page
            assert headers["Referrer-Policy"] == "no-referrer"
            assert "the-code" not in page
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert json.loads(out)["user"] == "ada"
        assert token not in out + err
        exchanged = server.asked[0]
        assert (exchanged.method, exchanged.target) == ("POST", "/api/cli/token")
        assert "authorization" not in exchanged.headers
        digest = sha256(exchanged.json["code_verifier"].encode()).digest()
        assert urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]
        assert asked["code_challenge_method"] == "S256"
        assert exchanged.json["code"] == "the-code"
        assert (stored(home)["token"], stored(home)["token_id"]) == (token, 9)
        done = subprocess.run(
            [sys.executable, "-m", "qualytics", "auth", "logout"],
            env={**os.environ, "QUALYTICS_CONFIG_HOME": str(home)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "revoked: true" in done.stdout
        assert (server.asked[-1].method, server.asked[-1].target) == ("PUT", "/api/user-tokens/9")
        assert server.asked[-1].json == {"revoke": True}


@pytest.mark.slow
def test_a_server_of_the_published_flow_sends_the_token_itself(home):
    token = jwt()
    with answers(me=reply(200, ME)) as server, signing_in(home, "--url", server.url) as (address, process):
        assert visit(back(address, token=token)[0])[0] == 200
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert stored(home)["token"] == token
        assert "token_id" not in stored(home)
        assert [asked.target for asked in server.asked] == ["/api/users/me"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"state": "x" * 43, "token": "evil"}, "the answer belongs to another sign-in"),
        ({"error": "access_denied"}, "the control plane refused: access_denied"),
        ({}, "the answer holds no token"),
    ],
)
def test_an_answer_that_is_not_good_keeps_nothing(home, answer, words):
    with answers(me=reply(200, ME)) as server, signing_in(home, "--url", server.url) as (address, process):
        place, asked = back(address)
        given = {"state": asked["state"], **answer}
        assert visit(f"{asked['redirect_uri']}?{urlencode(given)}")[0] == 400
        _, err = process.communicate(timeout=60)
        assert process.returncode == 4
        assert words in err
        assert not home.exists()
        assert server.asked == []
        assert place


@pytest.mark.slow
def test_connections_of_a_browser_that_say_nothing_hold_nothing_up(home):
    with answers(me=reply(200, ME)) as server, signing_in(home, "--url", server.url) as (address, process):
        place, asked = back(address, token=jwt())
        silent = [socket.create_connection(("127.0.0.1", urlsplit(asked["redirect_uri"]).port)) for _ in range(3)]
        assert visit(place)[0] == 200
        assert process.wait(timeout=60) == 0
        for peer in silent:
            peer.close()


@pytest.mark.slow
def test_a_login_that_nobody_finishes_ends_in_time(home):
    with faults.closed() as port, signing_in(home, "--url", f"http://127.0.0.1:{port}", "--timeout", "1") as started:
        _, err = started[1].communicate(timeout=60)
        assert started[1].returncode == 4
        assert "nobody signed in within 1 s" in err
    assert not home.exists()


def test_a_browser_that_can_be_opened_is_opened_with_the_address(run, home, tmp_path):
    seen = tmp_path / "seen"
    program = tmp_path / "browser"
    os.mkfifo(seen)
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}\n')
    program.chmod(0o755)
    token = jwt()
    with answers(me=reply(200, ME)) as server:
        opened = []

        def answer():
            opened.append(seen.read_text())  # waits until the browser writes, and for all of it
            visit(back(opened[0], token=token)[0])

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        result = run("auth", "login", "--url", server.url, env={"BROWSER": f"{program} %s"})
        thread.join(60)
        assert result.code == 0, result.err
        assert result.err == f"sign in at {opened[0]}\n"
        assert stored(home)["token"] == token


def test_a_variable_that_wins_over_what_was_kept_is_named(run):
    with answers(me=reply(200, ME)) as server:
        init = ("auth", "init", "--url", server.url, "--token", "t")
        both = {"QUALYTICS_URL": "https://h", "QUALYTICS_TOKEN": "t"}
        result = run(*init, env=both)
        assert result.code == 0
        assert "QUALYTICS_URL and QUALYTICS_TOKEN are set, and win over this" in result.err
        assert run(*init, env={"QUALYTICS_URL": "https://h"}).code == 2


def test_plain_http_to_another_host_needs_the_option(run, home):
    refused = run("auth", "init", "--url", "http://plane.example.com", "--token", "t")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("error: --url is plain http to another host")
    assert not home.exists()


@pytest.mark.slow
def test_doctor_finds_the_step_at_which_the_way_ends(run):
    def checks(result):
        return {check["name"]: (check["ok"], check["found"]) for check in result.json["checks"]}

    def answer(asked):
        if "health" in asked.target:
            return reply(204, None, {"Date": "Mon, 02 Nov 2026 10:00:00 GMT"} if slow else {})
        known = {"/status": {"database_connection": "OK"}, "/openapi.json": {"info": {"version": "9.8.7"}}}
        path = asked.target.removeprefix("/api")
        return reply(200, known.get(path, ME))

    slow = False
    doctor = ("doctor", "-f", "json")
    with scripted(answer) as server:
        env = {"QUALYTICS_URL": server.url, "QUALYTICS_TOKEN": jwt()}
        good = run(*doctor, env=env)
        assert good.code == 0, good.err
        names = list(checks(good))
        assert names[-10:] == ["config", *WAY]
        assert "control plane 9.8.7" in checks(good)["version"][1]
        assert checks(good)["token"] == (True, "of ada, with the role Manager")
        slow = True
        assert checks(run(*doctor, env=env))["clock"][0] is False
        slow = False
        assert checks(run(*doctor, env={**env, "QUALYTICS_TOKEN": jwt(-1)}))["expiry"][0] is False
        tls = run(
            *doctor, env={**env, "QUALYTICS_URL": server.url.replace("http:", "https:"), "QUALYTICS_TIMEOUT": "1"}
        )
        assert (tls.code, checks(tls)["tls"][0]) == (1, False)
    with faults.closed() as port:
        result = run(*doctor, env={**env, "QUALYTICS_URL": f"http://127.0.0.1:{port}"})
        assert (result.code, checks(result)["tcp"][0]) == (1, False)
        assert "health" not in checks(result)
    wrong = run(*doctor, env={"QUALYTICS_URL": "https://h"})
    assert (wrong.code, checks(wrong)["config"][0]) == (1, False)
