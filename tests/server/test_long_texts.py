"""Texts that are far too long: refused before they are looked at, so that nobody else waits for it."""

import json
import threading
import time
from urllib.parse import quote

import pytest

MARKS = "a" + "\u0315\u0300" * 60_000
TEXTS = {"marks": MARKS, "ligatures": "\ufdfa" * 80_000, "labels": "a." * 120_000, "letters": "x" * 240_000}
# Sorting the marks of one of them took eleven seconds, and all others waited.
LIMIT_S = 2.0


def bodies(text):
    """Yield method, path and body of requests that carry a text wherever people write one."""
    pg = {"type": "postgresql", "name": "n", "host": "127.0.0.1"}
    for field in ("type", "name", "host", "username", "password", "passphrase"):
        yield "POST", "/connections", pg | {field: text}
        yield "POST", "/connections/test", pg | {field: text}
    yield "POST", "/connections", {"type": "sqlite", "uri": text}
    yield "POST", "/connections", {"type": "jdbc", "uri": f"jdbc:h2:{text}"}
    yield (
        "POST",
        "/connections",
        {"type": "s3", "uri": "s3://bucket", "parameters": {"endpoint_url": f"https://{text}"}},
    )
    yield "POST", "/connections", {**pg, "parameters": {text: 1}}
    yield "POST", "/connections", {**pg, "parameters": {f"{number}{text[:1_000]}": 1 for number in range(20)}}
    yield "POST", "/connections", {**pg, "parameters": {"application_name": text, "ssl_mode": text}}
    yield "POST", "/connections", {**pg, text: 1}
    yield "POST", "/connections/catalogs", pg | {"host": text}
    yield "POST", "/connections/datastores/validate", pg | {"schemas": [text, text]}
    yield "POST", "/connections/datastores/bulk", pg | {"schemas": [text], "name_template": text + "{{schema}}"}
    for field in ("name", "database", "schema", "root_path", "description", text):
        yield "POST", "/datastores", {"name": "n", "connection_id": 1, field: text}
    for field in ("tags", "teams"):
        yield "POST", "/datastores", {"name": "n", "connection_id": 1, field: [text[:1_019]] * 100}
    yield "POST", "/user-tokens", {"name": text}
    for field in ("name", "email", "password", "role", "kind", "issuer", "subject", text):
        yield "POST", "/users", {"name": "n", field: text}
    yield "POST", "/operations/run", {"type": text}
    yield "PATCH", "/connections/1", {"name": text}


def ask(api, method, path, body=None):
    began = time.monotonic()
    answer = api(method, path, body if body is None else json.dumps(body, ensure_ascii=False).encode())
    return answer, time.monotonic() - began


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_that_is_far_too_long_is_refused_at_once_and_holds_up_nobody(plane, made, kind):
    made()
    worst, over = [], threading.Event()

    def others():
        api = plane.api("Member")
        while not over.is_set():
            worst.append(ask(api, "GET", "/connections?size=1")[1])

    asking = threading.Thread(target=others)
    asking.start()
    try:
        for role in ("Admin", "Member"):
            api = plane.api(role)
            for method, path, body in bodies(TEXTS[kind]):
                answer, taken = ask(api, method, path, body)
                assert 400 <= answer.status < 500, (path, answer.body[:500])
                assert taken < LIMIT_S, (path, list(body)[:5], taken)
                assert len(answer.body) < 65_536, path
    finally:
        over.set()
        asking.join()
    assert max(worst) < LIMIT_S


@pytest.mark.parametrize(
    "path", ["/connections?name=", "/connections?name_exact=", "/datastores?search=", "/users?name="]
)
def test_a_search_for_what_is_longer_than_any_name_finds_nothing_at_once(admin, made, path):
    made()
    answer, taken = ask(admin, "GET", path + quote("a" + "\u0315\u0300" * 300))
    assert (answer.status, taken < LIMIT_S) == (200, True)
    assert answer.json["items"] == []
