"""What clones share is made once, whole or not at all, also by two at once and when one is killed half-way."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager

import pytest

from testbed import cache, servers

pytestmark = pytest.mark.slow

# Makes a thing by a program that takes as long as the test wants: until it can read from the pipe `go`.
_MAKE = """
import subprocess, sys
from pathlib import Path
from testbed.cache import kept, place_of

log, go = sys.argv[1:]
def make(place, lock):
    with open(log, "a") as out:
        print("begun with", sorted(path.name for path in place.iterdir()), file=out, flush=True)
        (place / "half").touch()
        wait = 'echo begun; read line < "$0"; echo made >> "$1"'
        subprocess.run(["sh", "-c", wait, go, log], pass_fds=(lock,), check=True)
print(kept(place_of("thing", "version 1"), make))
"""
_ENVIRONMENT = """
import sys
from testbed.installing import environment
from testbed.needs import Environment
print(environment("tiny", Environment(0, 0, (sys.argv[1],))))
"""
_APT = """
import sys
from pathlib import Path
from testbed.installing import run_apt
run_apt("a-package", lists=Path(sys.argv[1]))
"""
# Says when it begins and ends, with time in between for another one to get in.
_APT_GET = '#!/bin/sh\necho "begin $*" >> "$LOG"\nsleep 0.2\necho end >> "$LOG"\n'


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """Return the cache that processes of the test share."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "qualytics-dev"


@contextmanager
def _started(script, *words, **variables):
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, words)],
        cwd=servers.ROOT,
        env=os.environ | {name: str(value) for name, value in variables.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _ended(process):
    out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    return out.strip()


def _let_go(fifo):
    with fifo.open("w") as pipe:
        pipe.write("go\n")


@pytest.fixture
def fifo(tmp_path):
    os.mkfifo(tmp_path / "go")
    return tmp_path / "go"


def test_who_comes_second_waits_and_takes_what_the_first_has_made(tmp_path, shared, fifo):
    log = tmp_path / "log"
    with _started(_MAKE, log, fifo) as first:
        assert first.stdout.readline() == "begun\n"
        with _started(_MAKE, log, fifo) as second:
            assert second.stderr.readline().startswith("waiting for another process ")
            _let_go(fifo)
            assert _ended(first) == _ended(second)
    assert log.read_text() == "begun with []\nmade\n"


def test_what_a_killed_process_left_is_made_anew_once_its_last_program_has_ended(tmp_path, shared, fifo):
    log = tmp_path / "log"
    with _started(_MAKE, log, fifo) as first:
        assert first.stdout.readline() == "begun\n"
        first.send_signal(signal.SIGKILL)
        first.wait()
        with _started(_MAKE, log, fifo) as second:
            assert second.stderr.readline().startswith("waiting for another process ")
            _let_go(fifo)
            assert second.stdout.readline() == "begun\n"
            _let_go(fifo)
            assert cache.is_kept(shared / _ended(second).rpartition("/")[2])
    assert log.read_text() == "begun with []\nmade\nbegun with []\nmade\n"


def _wheel(folder, version):
    path = folder / f"tiny-{version}-py3-none-any.whl"
    info = f"tiny-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny.py", f"version = {version!r}\n\ndef main():\n    print(version)\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\ntiny = tiny:main\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def _said(place):
    return subprocess.check_output([f"{place}/bin/tiny"], text=True).strip()


def test_environments_of_two_clones_at_once_are_whole_though_one_is_killed(tmp_path, shared):
    old, new = _wheel(tmp_path, "1"), _wheel(tmp_path, "2")
    with _started(_ENVIRONMENT, old) as killed:
        while not list(shared.glob("tiny-*/bin/python")):  # no program says when it is half made
            assert killed.poll() is None
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    with _started(_ENVIRONMENT, old) as one, _started(_ENVIRONMENT, old) as other, _started(_ENVIRONMENT, new) as next_:
        places = _ended(one), _ended(other), _ended(next_)
    assert places[0] == places[1] != places[2]
    assert (_said(places[0]), _said(places[2])) == ("1", "2")


def _make_nothing(_place, _lock):
    pass


def test_what_nobody_has_used_for_a_month_goes_when_something_is_made(shared):
    month_ago = time.time() - 31 * 86_400
    unused, used = (cache.kept(cache.place_of("thing", text), _make_nothing) for text in ("unused", "used"))
    for place in (unused, used):
        os.utime(place / ".complete", (month_ago, month_ago))
    foreign = shared / "of-another-form"
    foreign.mkdir()
    assert cache.kept(used, _make_nothing) == used
    cache.kept(cache.place_of("thing", "new"), _make_nothing)
    assert (unused.exists(), used.exists(), foreign.exists()) == (False, True, True)
    assert cache.is_kept(cache.kept(unused, _make_nothing))


def test_a_thing_that_could_not_be_made_is_not_there(shared):
    def fail(place, _lock):
        (place / "half").touch()
        raise OSError("no space left")

    place = cache.place_of("thing", "broken")
    with pytest.raises(OSError, match="no space left"):
        cache.kept(place, fail)
    assert not cache.is_kept(place)
    cache.kept(place, lambda place, _: (place / "whole").touch())
    assert sorted(path.name for path in place.iterdir()) == [".complete", "whole"]


def test_two_clones_install_debian_packages_one_after_the_other(tmp_path):
    programs, log = tmp_path / "bin", tmp_path / "log"
    programs.mkdir()
    (programs / "apt-get").write_text(_APT_GET)
    (programs / "apt-get").chmod(0o755)
    more = {"PATH": f"{programs}:{os.environ['PATH']}", "LOG": log}
    with _started(_APT, tmp_path, **more) as one, _started(_APT, tmp_path, **more) as other:
        _ended(one)
        _ended(other)
    lines = log.read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["begin", "end"] * 4
    assert [line.split()[-1] for line in lines[::2]] == ["update", "a-package"] * 2
    assert all("DPkg::Lock::Timeout=600" in line for line in lines[::2])
