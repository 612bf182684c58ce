"""Versions of installed packages: those that the standard library tells, and its place among modules."""

import importlib.metadata
import subprocess
import sys

import pytest

from qualytics import connectors
from qualytics.installed import version_of

SCRIPT = """
import importlib
import sys
from qualytics.installed import answer_drivers
answer_drivers()
from importlib.metadata import version
from importlib import metadata
import importlib.metadata as same
assert version is metadata.version is same.version is importlib.metadata.version
assert "email" not in sys.modules, "the stand-in has read something"
first = version("click")
assert metadata.distribution("click").version == first, "who asks for more gets the whole"
assert issubclass(metadata.PackageNotFoundError, ModuleNotFoundError)
try:
    version("no-such-package")
except metadata.PackageNotFoundError:
    print(first, *(name in sys.modules for name in ("email.message", "importlib.metadata._meta")))
"""


def test_a_version_is_the_one_that_the_standard_library_tells():
    names = {one.distribution or one.driver for one in connectors.all_connectors() if one.extra}
    assert names
    assert {name: version_of(name) for name in names} == {name: importlib.metadata.version(name) for name in names}
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        version_of("no-such-package")


def test_drivers_get_versions_from_a_stand_in_and_all_else_from_the_whole():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [importlib.metadata.version("click"), "True", "True"]
