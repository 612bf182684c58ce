"""Another suite of Debian is taken from where the system takes its own packages from."""

import platform
import subprocess

import pytest

from testbed import debian
from testbed.debian import Absent, changed_sources, unpacked

ONE_LINE = """# deb http://old.example/debian bookworm main
deb [arch=amd64 signed-by=/keys/debian.gpg] http://mirror.example/debian bookworm main contrib
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/security bookworm-security main
deb http://others.example/apt stable main
"""
DEB822 = """# Where packages come from.
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /keys/debian.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main
"""


@pytest.mark.parametrize("text", [ONE_LINE, DEB822], ids=["one line", "deb822"])
def test_the_entry_of_the_systems_own_suite_is_changed_to_another(text):
    (entry,) = changed_sources(text, "bookworm", "sid")
    lines = set(entry.splitlines())
    assert lines - {"Arch: amd64"} == {
        "Types: deb",
        "URIs: http://mirror.example/debian",
        "Suites: sid",
        "Components: main",
        "Signed-By: /keys/debian.gpg",
    }


def test_sources_of_another_system_have_no_entry():
    assert list(changed_sources(DEB822, "noble", "sid")) == []
    assert list(changed_sources("deb http://mirror.example/ubuntu noble main\n", "bookworm", "sid")) == []


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Return a function that gives this system a name and sources of its own, and a cache with nothing in it."""

    def call(name, sources=""):
        (tmp_path / "sources.list").write_text(sources)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setattr(debian, "APT", tmp_path)
        monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": name, "VERSION_CODENAME": "bookworm"})

    return call


@pytest.mark.parametrize(("name", "title"), [("mysql", "MySQL"), ("timescaledb", "TimescaleDB")])
def test_what_a_system_other_than_debian_lacks_is_named(system, name, title):
    system("ubuntu", ONE_LINE)
    with pytest.raises(Absent, match=f"^{title}: absent, as this system takes no packages from Debian$"):
        unpacked(name)


@pytest.mark.slow
@pytest.mark.servers
def test_only_what_may_be_broken_today_is_done_without(system):
    system("debian", "deb file:/nowhere bookworm main\n")
    with pytest.raises(Absent, match=r"^MySQL: absent, as Debian's sid does not give it today$"):
        unpacked("mysql")
    with pytest.raises(subprocess.CalledProcessError):
        unpacked("timescaledb")
