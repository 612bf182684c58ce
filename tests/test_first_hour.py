"""The first hour in a fresh clone: the README's first lines work, and what lacks an extra says how to install it."""

import pytest

from testbed import clone

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Return a clone in which the README's first lines have run, what they printed, and the variables of its user."""
    place = tmp_path_factory.mktemp("fresh")
    variables = clone.environment(place)
    return place / "clone", clone.run_readme(place / "clone", variables), variables


def test_the_first_lines_of_the_readme_work_as_they_are_printed(fresh):
    _, printed, _ = fresh
    assert "connected: true\n" in printed
    assert printed.rstrip().endswith("]")
