"""A secret is read with what it belongs to, also while somebody changes both."""

from __future__ import annotations

import threading

import pytest

from qualytics.service.connections.drafts import stored_with_secrets
from qualytics.service.connections.verbs import Connections

_TIMES = 4_000


@pytest.mark.slow
def test_a_password_is_never_read_with_the_host_before(shared, second_worker):
    with shared.context() as context:
        given = {"type": "postgresql", "host": "h0", "username": "u", "password": "h0"}
        number = Connections(context).create(given)["id"]
    stop = threading.Event()

    def change():
        count = 0
        while not stop.is_set():
            count += 1
            with second_worker.context() as context:
                Connections(context).update(number, {"host": f"h{count}", "password": f"h{count}"})

    changing = threading.Thread(target=change)
    changing.start()
    try:
        with shared.context() as context:
            found = [stored_with_secrets(context.store, number) for _ in range(_TIMES)]
    finally:
        stop.set()
        changing.join()
    pairs = {(connection.values["host"], secrets["password"].reveal()) for connection, secrets in found}
    assert not [pair for pair in pairs if pair[0] != pair[1]]
    assert len(pairs) > 2  # it was changed meanwhile
