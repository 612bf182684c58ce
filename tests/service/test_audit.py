"""The audit log stays of a size: what is refused again is counted, old refusals and tests go, changes stay."""

from datetime import UTC, datetime, timedelta

import pytest

from qualytics.errors import InvalidInput, NotAllowed
from qualytics.service.audit import Audit, expire
from qualytics.service.connections.verbs import Connections
from qualytics.service.context import Action
from qualytics.service.rights import Actor

# Each has a fresh store with users.
pytestmark = pytest.mark.slow

GIVEN = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "u", "name": "c"}


@pytest.fixture
def plane(anywhere):
    anywhere.make("Root")
    anywhere.bob, anywhere.cid = anywhere.make("Bob", "Member"), anywhere.make("Cid", "Member")
    with anywhere.context() as context:
        Connections(context).create(GIVEN)
    return anywhere


def refuse(plane, user, number):
    with plane.as_user(user) as context, pytest.raises(NotAllowed):
        Connections(context).update(number, {"port": 2})


def refused(plane):
    with plane.context() as context:
        return [entry for entry in Audit(context).list(limit=10_000) if entry["outcome"] != "done"][::-1]


def age(plane, hours):
    when = (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with plane.context() as context, context.writing():
        context.store.execute("UPDATE audit SET created = ?", (when,))


def test_the_same_refusal_within_an_hour_is_one_entry_with_a_count(plane):
    for _ in range(5):
        refuse(plane, plane.bob, 1)
    refuse(plane, plane.cid, 1)
    refuse(plane, plane.bob, 2)
    found = refused(plane)
    assert [(entry["actor"], entry["object_id"], entry["detail"].get("count")) for entry in found] == [
        *(("Bob", 1, 5), ("Cid", 1, None), ("Bob", 2, None)),
    ]
    assert found[0]["detail"]["last"] >= found[0]["created"]
    age(plane, 2)
    refuse(plane, plane.bob, 1)
    assert len(refused(plane)) == 4


def test_whatever_one_user_asks_for_writes_a_hundred_refusals_an_hour_and_counts_the_rest(plane):
    for number in range(1, 181):
        refuse(plane, plane.bob, number)
    refuse(plane, plane.cid, 1)
    found = refused(plane)
    assert [entry["actor"] for entry in found] == ["Bob"] * 100 + ["Cid"]
    assert [entry["object_id"] for entry in found[:100]] == list(range(1, 101))
    assert found[99]["detail"]["others"] == 80
    with plane.as_user(plane.bob) as context, pytest.raises(NotAllowed):
        Connections(context).delete(1)  # another action is written in full all the same
    assert refused(plane)[-1]["action"] == "connection.delete"


def test_those_who_have_not_signed_in_are_counted_by_address(plane):
    def fail(address):
        with plane.context(Actor("nobody", role="", address=address)) as context, context.system_writing():
            action = Action(context, "user.login")
            action.record(None, None, "not-signed-in", how="password", hostname="")

    for _ in range(30):
        fail("192.0.2.1")
    fail("192.0.2.2")
    assert [(entry["address"], entry["detail"].get("count")) for entry in refused(plane)] == [
        *(("192.0.2.1", 30), ("192.0.2.2", None)),
    ]


def test_refusals_and_tests_go_when_they_are_old_and_changes_stay(plane):
    with plane.context() as context:
        Connections(context).test(1)
    refuse(plane, plane.bob, 1)
    age(plane, 24 * 90 + 1)
    refuse(plane, plane.bob, 1)
    with plane.context() as context:
        assert expire(context, 91) == 0
        assert expire(context, 90) == 2
        left = [(entry["action"], entry["outcome"]) for entry in Audit(context).list()]
    assert left[0] == ("connection.update", "not-allowed")
    assert left[1] == ("connection.create", "done")
    assert {outcome for _, outcome in left[1:]} == {"done"}


def test_pruning_drops_all_before_a_day_says_how_many_and_is_in_the_log(plane):
    with plane.context() as context:
        count = len(Audit(context).list())
    age(plane, 48)
    refuse(plane, plane.bob, 1)
    day = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    with plane.context() as context:
        assert Audit(context).prune(day) == {"before": f"{day}T00:00:00.000Z", "deleted": count}
        entries = Audit(context).list()
    assert [(entry["action"], entry["outcome"]) for entry in entries] == [
        *(("audit.prune", "done"), ("connection.update", "not-allowed")),
    ]
    assert (entries[0]["actor"], entries[0]["detail"]["deleted"]) == ("owner", count)


@pytest.mark.parametrize(
    "text", ["", "soon", "9999-01-01", "2026-13-01", "0001-01-01T00:00:00+23:59", "1" * 5_000, 5, None, "2026-01-01\0"]
)
def test_what_is_no_day_of_the_past_prunes_nothing(plane, text):
    with plane.context() as context:
        before = len(Audit(context).list())
        with pytest.raises(InvalidInput, match="before is"):
            Audit(context).prune(text)
        assert len([entry for entry in Audit(context).list() if entry["outcome"] == "done"]) == before


def test_only_an_admin_prunes(plane):
    for user in (plane.bob, plane.make("Max", "Manager")):
        with plane.as_user(user) as context, pytest.raises(NotAllowed, match="may not prune the audit log"):
            Audit(context).prune("2020-01-01")


def test_the_log_is_filtered_by_who_what_and_how_it_ended(plane):
    refuse(plane, plane.bob, 1)
    refuse(plane, plane.cid, 1)
    with plane.context() as context:
        log = Audit(context)
        assert [entry["actor"] for entry in log.list(outcome="refused")] == ["Cid", "Bob"]
        assert [entry["action"] for entry in log.list(actor="Bob")] == ["connection.update"]
        assert log.list(actor="Bob", outcome="done") == log.list(outcome="failed") == []
        assert len(log.list(action="connection.create", outcome="done")) == 1
