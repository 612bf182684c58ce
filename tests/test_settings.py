"""Where there is no home directory: a usage error that says what to set, and what needs no store works."""

import os
import subprocess
import sys

import pytest

from qualytics.errors import UsageError
from qualytics.settings import load

pytestmark = pytest.mark.slow

HINT = "hint: set QUALYTICS_CONFIG_HOME to a directory of your own"
REASONS = {
    "/": "the home directory is /",
    "//": "the home directory is /",
    "relative/home": "HOME is not an absolute path",
    "/nonexistent/home": "the home directory /nonexistent/home does not exist",
    "/dev/null": "the home directory /dev/null does not exist",
}
NO_STORE = (
    ("--help",),
    ("--version",),
    ("connections", "types"),
    ("connections", "types", "postgresql"),
    ("connections", "explain", "--type", "postgresql", "connection refused"),
    ("completion", "bash"),
    ("keys", "generate"),
)
STORE = (
    ("connections", "list"),
    ("connections", "create", "--type", "postgresql", "--host", "h", "--username", "u", "--password", "p"),
    ("store", "check"),
    ("auth", "use", "embedded"),
    ("datastores", "list"),
)


@pytest.fixture
def homeless(home):
    """Return a function that runs a command with a home directory that is none; None leaves HOME out."""

    def call(place, *words, **variables):
        env = {name: value for name, value in os.environ.items() if name not in {"HOME", "QUALYTICS_CONFIG_HOME"}}
        env |= {} if place is None else {"HOME": place}
        words = [sys.executable, "-m", "qualytics", *words]
        return subprocess.run(words, env=env | variables, capture_output=True, text=True, check=False)

    return call


@pytest.mark.parametrize("place", REASONS)
def test_the_store_is_asked_for_in_vain_with_a_usage_error(homeless, place):
    for words in STORE:
        done = homeless(place, *words)
        assert (done.returncode, done.stdout) == (2, ""), words
        assert done.stderr.startswith(f"error: there is no place for the store: {REASONS[place]}")
        assert HINT in done.stderr
    assert not os.path.exists("/.qualytics")
    assert not os.path.exists("/nonexistent")


def test_the_doctor_finds_what_a_listing_stumbles_over(homeless):
    for place in REASONS:
        said = homeless(place, "connections", "list").stderr.splitlines()
        done = homeless(place, "doctor")
        assert done.returncode == 1
        assert f"error: home: {said[0].removeprefix('error: ')}" in done.stderr
        assert said[1] in done.stderr


@pytest.mark.parametrize("place", ["/", "relative/home"])
def test_what_needs_no_store_works(homeless, place):
    for words in NO_STORE:
        done = homeless(place, *words)
        assert (done.returncode, done.stderr) == (0, ""), (words, done.stderr)
    test = ("connections", "test", "--type", "postgresql", "--host", "127.0.0.1", "--port", "1", "--username", "u")
    done = homeless(place, *test)
    assert done.returncode == 6
    assert "class: refused" in done.stdout
    assert "no place for the store" in homeless(place, *test, "--debug").stderr


def test_a_place_that_is_named_is_used(homeless, tmp_path):
    done = homeless("/", "connections", "list", QUALYTICS_CONFIG_HOME=str(tmp_path / "own"))
    assert (done.returncode, done.stderr) == (0, "")
    assert homeless("/", "doctor", QUALYTICS_CONFIG_HOME=str(tmp_path / "own")).returncode == 0
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == ["key", "store.db", "store.lock"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user that nobody knows")
@pytest.mark.parametrize("home", [None, ""])
def test_a_user_without_an_entry_has_no_home(home):
    script = """
import os
os.setgid(54321)
os.setuid(54321)
try:
    os.write(1, os.fsencode(load().home / "x"))
except UsageError as exc:
    os.write(1, f"{exc.message} {exc.hint}".encode())
"""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(writing, 1)
            os.environ.pop("HOME", None)
            os.environ.pop("QUALYTICS_CONFIG_HOME", None)
            if home is not None:
                os.environ["HOME"] = home
            exec(script, {"load": load, "UsageError": UsageError})
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as said:
        text = said.read()
    os.waitpid(child, 0)
    assert "HOME is not set, and user 54321 has no home directory" in text
    assert "QUALYTICS_CONFIG_HOME" in text


def test_the_doctor_tries_what_it_calls_well(homeless, tmp_path):
    place = tmp_path / "home"
    place.mkdir()
    assert homeless(str(place), "doctor").returncode == 0
    assert list(place.iterdir()) == []
    blocked = "/proc/qualytics"  # where nobody can make a directory
    listed = homeless(str(place), "connections", "list", QUALYTICS_CONFIG_HOME=blocked)
    examined = homeless(str(place), "doctor", QUALYTICS_CONFIG_HOME=blocked)
    assert (listed.returncode, examined.returncode) == (1, 1)
    assert f"error: home: {listed.stderr.splitlines()[0].removeprefix('error: ')}" in examined.stderr
