"""Masks: no part of a stored secret comes back, whatever a server says, and no mask tells whether a guess is right."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import sys
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import serialization as form

from qualytics.secret import MASK
from tests.support import faults
from tests.support.encodings import ENCODINGS
from tests.support.keys import RSA

WORDS = ("message", "hint", "detail", "warnings", "stage", "class")
GUESS, SECRET = "guess-4711-x", "hunter2-8841"


@contextmanager
def stored(admin, fresh, words, password):
    """Yield the id and the API of a stored connection to a server that refuses logins in these words."""
    with faults.refusing(words) as port:
        given = {"type": "postgresql", "host": "127.0.0.1", "port": port, "username": "app", "password": password}
        made = admin("POST", "/connections", {**given, "name": fresh(), "parameters": {"ssl_mode": "disable"}})
        assert made.status == 200, made.body
        yield made.json["id"]


def said_of(answer, guess):
    """Return the words of a report, with a guess in any form as G."""
    report = answer.json.get("report", answer.json)  # whoever may not be connected to is answered so
    text = json.dumps({key: report[key] for key in WORDS} | {"all": answer.json["message"]}, ensure_ascii=False)
    for spelled in (
        guess,
        quote(guess),
        guess.upper(),
        guess.encode().hex(),
        base64.b64encode(guess.encode()).decode(),
    ):
        text = text.replace(spelled, "G")
    return text


def echo(startup):
    user, database = startup["user"], startup.get("database", "")
    forms = (
        user.upper(),
        quote(user),
        user.encode().hex(),
        base64.b64encode(user.encode()).decode(),
        list(user.encode()),
    )
    return f'password authentication failed for user "{user}" in "{database}" {forms[:4]}'


@pytest.mark.parametrize(
    "spelled",
    [
        str,
        str.upper,
        lambda text: f"x{text}",
        lambda text: f"{text} and more",
        lambda text: text.encode().hex(),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
        lambda text: f"{'n' * 40}{text}{'n' * 80}",
    ],
)
def test_a_guess_of_a_password_as_user_name_or_database_looks_like_any_other(admin, fresh, spelled):
    wrong, right = spelled(GUESS), spelled(SECRET)
    assert len(wrong) == len(right)
    with stored(admin, fresh, echo, SECRET) as number:
        for field in ("username", "database"):
            if field == "username":
                answers = {text: admin("POST", f"/connections/{number}/test", {field: text}) for text in (wrong, right)}
            else:
                body = {"name": "d", "connection_id": number, "schema": "s"}
                answers = {
                    text: admin("POST", "/datastores/connection", {**body, field: text}) for text in (wrong, right)
                }
            assert {answer.status for answer in answers.values()} == {200 if field == "username" else 400}, answers
            assert said_of(answers[wrong], wrong) == said_of(answers[right], right)
            assert MASK not in said_of(answers[right], right)


def test_many_guesses_of_a_password_as_schemas_look_alike(admin, fresh):
    guesses = [f"guess-{number:04d}-y" for number in range(24)] + [SECRET]
    random.shuffle(guesses)
    with stored(admin, fresh, echo, SECRET) as number:
        path = f"/connections/{number}/datastores/validate"
        answer = admin("POST", path, {"database": SECRET, "schemas": guesses})
    assert answer.status == 200, answer.body
    results = answer.json["results"]
    assert [result["schema_name"] for result in results] == guesses
    assert len({result["message"].replace(result["schema_name"], "G") for result in results}) == 1
    assert MASK not in answer.body.decode()


def test_a_number_is_not_found_by_guesses(admin, fresh):
    pin = f"{random.randrange(10_000):04d}"
    with stored(admin, fresh, echo, pin) as number:
        for start in range(0, 10_000, 2_500):
            guesses = " ".join(f"{guess:04d}" for guess in range(start, start + 380))
            answer = admin("POST", f"/connections/{number}/test", {"username": guesses})
            assert MASK not in said_of(answer, pin)


def test_a_password_that_is_a_word_of_ours_masks_none_of_our_sentences(admin, fresh):
    with stored(admin, fresh, lambda _: "no", "harmless-one") as number:
        usual = admin("POST", f"/connections/{number}/test").json
    for password in ("password", "the server", "username", "refused", "check --username"):
        with stored(admin, fresh, lambda _: "no", password) as number:
            found = admin("POST", f"/connections/{number}/test").json
        assert [found[key] for key in ("message", "hint", "class")] == [
            usual[key] for key in ("message", "hint", "class")
        ]


def test_a_worker_knows_the_words_of_this_program_before_a_request_has_need_of_them(tmp_path):
    code = """
import asyncio, time
from qualytics.masking import Masking
from qualytics.secret import Secret
from qualytics.server.config import load
from qualytics.server.runtime import Runtime

async def run():
    runtime = Runtime(load())
    await runtime.begin()
    runtime._threads.shutdown(wait=True)  # what it had begun has ended
    masking, text = Masking([Secret("password")]), "the server refused user 'app' or the password"
    began = time.thread_time()
    assert masking.mask_own(text) == text
    print(time.thread_time() - began)
    runtime.close()

asyncio.run(run())
"""
    environ = {**os.environ, "QUALYTICS_CONFIG_HOME": str(tmp_path / "home")}
    ended = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert float(ended.stdout) < 0.02


def test_a_secret_of_this_call_is_masked_like_a_stored_one(admin, fresh):
    with stored(admin, fresh, lambda _: "you sent fresh-word-77 and stored-pass-66", "stored-pass-66") as number:
        path = f"/connections/{number}/test"
        assert admin("POST", path, {"password": "fresh-word-77"}).json["detail"].endswith(f"you sent {MASK}")
        assert admin("POST", path).json["detail"].endswith(f"and {MASK}")


def test_a_passphrase_that_a_server_wraps_is_masked(admin, fresh):
    passphrase = "correct horse battery staple 1234"
    for wrapped in (
        passphrase.replace(" ", "\n"),
        passphrase.replace(" ", "\r\n    "),
        "correc\n  t hors\n  e batt\n  ery",
    ):
        with stored(admin, fresh, lambda _, text=wrapped: f"said:\n  {text}", passphrase) as number:
            detail = admin("POST", f"/connections/{number}/test").json["detail"]
        assert detail.endswith(f"said:\n  {MASK}"), detail


def key_of_google():
    key = RSA
    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()
    known = {"type": "service_account", "private_key_id": random.randbytes(20).hex(), "private_key": pem}
    return json.dumps(known | {"client_email": "a@b.iam.gserviceaccount.com"}), pem


def shows(text, planted, least):
    """Say whether so many characters in a row of what was planted stand in a text, blanks and line ends aside."""
    bare, solid = "".join(text.split()), "".join(planted.split())
    return any(solid[at : at + least] in bare for at in range(max(1, len(solid) - least + 1)))


@pytest.mark.parametrize("kind", ["JSON", "PEM"])
def test_a_canary_in_any_encoding_shows_in_no_reply_no_entry_and_no_log(plane, admin, fresh, kind):
    google, pem = key_of_google()
    body = "".join(pem.split("-----")[2].split())
    planted = []

    def words(startup):
        name, text = planted[-1]
        return f"could not log in {startup['user']} ({name}): {text}"

    with stored(admin, fresh, words, google if kind == "JSON" else pem) as number:
        for encoding, encode in ENCODINGS.items():
            part = body[(start := random.randrange(len(body) - 12)) : start + 12]
            planted.append((encoding, encode(part).replace("\0", "")))
            answer = admin("POST", f"/connections/{number}/test")
            assert answer.json["detail"].endswith(MASK), (encoding, answer.json["detail"])
            least = min(len("".join(planted[-1][1].split())), len("".join(encode(part[:9]).split())))
            assert not shows(answer.json["detail"], planted[-1][1], least), encoding
            assert not shows(json.dumps(answer.json, ensure_ascii=False), part, 8), encoding
    rest = "".join((admin("GET", "/audit?size=100").body.decode(), admin("GET", "/metrics").body.decode(), *plane.log))
    assert not [name for name, text in planted if shows(rest, text, 12)]
