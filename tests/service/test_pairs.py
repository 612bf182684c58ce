"""A secret is sent where it belongs, also while somebody changes both."""

from __future__ import annotations

import threading

import pytest

from qualytics.model import Listing, TestReport
from qualytics.service.connections import Connections
from qualytics.service.discovery import Discovery

_TIMES = 700
SEEN = dict.fromkeys(("product_name", "product_version", "driver_name", "driver_version"))


@pytest.mark.slow
@pytest.mark.parametrize("what", ["a test", "a listing"])
def test_a_secret_never_goes_to_the_host_before(shared, second_worker, what):
    with shared.context() as context:
        given = {"type": "postgresql", "host": "h0", "username": "u", "password": "h0"}
        number = Connections(context).create(given)["id"]
    plans, stop = [], threading.Event()

    def change():
        count = 0
        while not stop.is_set():
            count += 1
            with second_worker.context() as context:
                Connections(context).update(number, {"host": f"h{count}", "password": f"h{count}"})

    def reached(plan):
        plans.append(plan)
        return TestReport(failure=None, stages=(), duration_ms=0.0, message="", seen=SEEN)

    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(_TIMES):
            with shared.context() as context:
                context.run_with(reached)
                if what == "a test":
                    Connections(context).test(number)
                else:
                    Discovery(context).tables(number, Listing("tables"), catalog="c", schema="s")
    finally:
        stop.set()
        changing.join()
    sent = [(plan.values["host"], plan.secrets["password"].reveal()) for plan in plans]
    assert len(sent) == _TIMES
    assert not [pair for pair in sent if pair[0] != pair[1]]
    assert len(set(sent)) > 2  # it was changed meanwhile
