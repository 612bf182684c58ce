"""Drafts: names that are made, and a secret that is read with what it belongs to, also while somebody changes both."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualytics.connectors import get
from qualytics.service import validate
from qualytics.service.connections.drafts import derived_name, stored_with_secrets
from qualytics.service.connections.verbs import Connections

_TIMES = 4_000


@pytest.mark.slow
def test_a_password_is_never_read_with_the_host_before(shared, second_worker):
    with shared.context() as context:
        fields = {"type": "postgresql", "host": "h0", "username": "u", "password": "h0"}
        number = Connections(context).create(fields)["id"]
    stop = threading.Event()

    def change():
        count = 0
        while not stop.is_set():
            count += 1
            with second_worker.context() as context:
                Connections(context).update(number, {"host": f"h{count}", "password": f"h{count}"})

    changing = threading.Thread(target=change)
    changing.start()
    pairs, reads = set(), 0
    try:
        with shared.context() as context:
            while reads < _TIMES or len(pairs) < 3:  # so it was changed meanwhile
                connection, secrets = stored_with_secrets(context.store, number)
                pairs.add((connection.values["host"], secrets["password"].reveal()))
                reads += 1
    finally:
        stop.set()
        changing.join()
    assert not [pair for pair in pairs if pair[0] != pair[1]]


@given(st.text(max_size=300))
def test_a_derived_name_is_always_a_good_name(place):
    name = derived_name(get("sqlite"), {"uri": f"/data/{place}"})
    problems = validate.Problems()
    assert validate.check_name("name", name + "-1000000", problems) == name + "-1000000"
    problems.finish()
