"""The tour in the documents is what the commands print today, on a store of one's own and on a control plane."""

import difflib

import pytest

from testbed import servers
from testbed.control_plane import serving
from tools import tour

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def server():
    with servers.postgres() as started:
        tour.prepare(started)
        yield started


def same(text, other):
    """Assert that two texts are the same, and show where they differ."""
    assert [*difflib.unified_diff(text.splitlines(), other.splitlines(), lineterm="", n=1)] == []


def test_the_tour_is_current(server, tmp_path):
    same(tour.PAGE.read_text(), tour.page(server, tmp_path))  # else: python -m tools.tour


def test_the_tour_prints_the_same_on_a_control_plane(server, tmp_path):
    with serving(tmp_path / "plane") as plane:
        shared = tour.record(server, tmp_path, plane.environment("Admin"), tour.SHARED)
    page = tour.PAGE.read_text()
    begin, end = page.index(f"\n## {tour.SHARED[0].title}"), page.index(f"\n## {tour.OWN[0].title}")
    same(page[begin:end], shared)
