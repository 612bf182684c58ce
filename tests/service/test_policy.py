"""What a control plane forbids: its own store, known by every spelling of its address."""

from __future__ import annotations

import pytest

from qualytics.service import policy as rules
from qualytics.settings import load as settings


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("postgresql://u:p%40@db:6000/q", [("db", 6000)]),
        ("postgresql://u@one:1,two:2/q", [("one", 1), ("two", 2)]),
        ("postgresql:///q?host=10.0.0.5&port=6543", [("10.0.0.5", 6543)]),
        ("postgresql://db/q?hostaddr=10.0.0.5", [("db", 5432), ("10.0.0.5", 5432)]),
        ("postgresql:///q?host=one,two&port=7", [("one", 7), ("two", 7)]),
        ("postgresql:///q?host=/run/postgresql", [("localhost", 5432)]),
        ("postgresql:///q", [("localhost", 5432)]),
    ],
)
def test_the_store_is_known_as_the_driver_reads_its_address(url, own, monkeypatch):
    monkeypatch.delenv("PGHOST", raising=False)
    monkeypatch.delenv("PGPORT", raising=False)
    assert list(rules.own_store(settings({"QUALYTICS_STORE": url}))) == own


def test_the_store_is_known_where_the_surroundings_name_it(monkeypatch):
    monkeypatch.setenv("PGHOST", "10.0.0.5")
    monkeypatch.setenv("PGPORT", "6543")
    assert list(rules.own_store(settings({"QUALYTICS_STORE": "postgresql:///q"}))) == [("10.0.0.5", 6543)]
