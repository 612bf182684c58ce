"""Which of many tests is next, as bookkeeping alone."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from qualytics.service.connections.schedule import MAX_PER_SERVER, Entry, Schedule


def schedule_of(*entries, **how):
    schedule = Schedule(**how)
    for engine, server, count in entries:
        for number in range(count):
            schedule.add(Entry(f"{server}-{number}", engine, server))
    return schedule


def begun(schedule, limit):
    return [entry for entry in (schedule.begin() for _ in range(limit)) if entry is not None]


def test_nothing_begins_where_nothing_waits():
    schedule = Schedule()
    assert schedule.begin() is None
    assert (schedule.waiting, schedule.running) == (0, 0)


def test_tests_of_one_server_begin_in_their_order_and_are_counted():
    schedule = schedule_of(("postgresql", "a", 3))
    assert [entry.item for entry in begun(schedule, 2)] == ["a-0", "a-1"]
    assert (schedule.waiting, schedule.running, schedule.left()) == (1, 2, ["a-2"])


def test_no_server_gets_more_than_eight_at_once_and_the_next_when_one_has_ended():
    schedule = schedule_of(("postgresql", "a", 100))
    first = begun(schedule, 100)
    assert len(first) == MAX_PER_SERVER == 8
    schedule.end(first[3])
    assert [entry.item for entry in begun(schedule, 100)] == ["a-8"]


def test_the_limit_holds_for_a_server_that_two_types_ask():
    schedule = schedule_of(("postgresql", "a", 6), ("timescale", "a", 6))
    assert len(begun(schedule, 12)) == MAX_PER_SERVER


def test_servers_of_an_engine_take_turns():
    schedule = schedule_of(("postgresql", "a", 3), ("postgresql", "b", 3), ("postgresql", "c", 1))
    assert [entry.server for entry in begun(schedule, 7)] == ["a", "b", "c", "a", "b", "a", "b"]


def test_engines_take_turns_however_many_tests_each_has():
    schedule = schedule_of(*(("oracle", f"o{number}", 1) for number in range(50)), ("mysql", "m", 3))
    assert [entry.engine for entry in begun(schedule, 6)] == ["oracle", "mysql"] * 3


def test_an_engine_that_hangs_holds_its_share_and_no_more_while_others_have_tests():
    schedule = schedule_of(
        *(("oracle", f"o{number}", 1) for number in range(500)),
        *(("mysql", f"m{number}", 1) for number in range(500)),
    )
    running = begun(schedule, 32)
    ended = 0
    while ended < 400:  # all of MySQL end at once, none of Oracle ever
        entry = next(entry for entry in running if entry.engine == "mysql")
        running.remove(entry)
        schedule.end(entry)
        ended += 1
        running += begun(schedule, 1)
        assert Counter(entry.engine for entry in running) == {"oracle": 16, "mysql": 16}


def test_an_engine_that_is_alone_takes_every_place():
    schedule = schedule_of(*(("oracle", f"o{number}", 1) for number in range(50)))
    assert len(begun(schedule, 32)) == 32


def test_a_server_that_has_enough_holds_up_no_other():
    schedule = schedule_of(("postgresql", "a", 50), ("postgresql", "b", 2), ("mysql", "c", 1), max_per_server=1)
    assert {entry.server for entry in begun(schedule, 50)} == {"a", "b", "c"}


def test_an_engine_too_many_begins_when_another_has_ended_or_no_other_may_begin():
    schedule = schedule_of(("x", "a", 3), ("y", "b", 2), ("z", "c", 3), max_per_server=2, max_engines=2)
    first = begun(schedule, 4)
    assert Counter(entry.engine for entry in first) == {"x": 2, "y": 2}
    for entry in first:
        if entry.engine == "y":
            schedule.end(entry)
    assert [entry.engine for entry in begun(schedule, 4)] == ["z", "z"]
    assert schedule.left() == ["a-2", "c-2"]


def test_no_place_stays_empty_for_the_limit_of_engines():
    schedule = schedule_of(("x", "a", 3), ("y", "b", 1), max_per_server=1, max_engines=1)
    assert [entry.engine for entry in begun(schedule, 3)] == ["x", "y"]


def test_what_is_added_again_comes_last_of_its_server():
    schedule = schedule_of(("postgresql", "a", 2))
    entry = schedule.begin()
    schedule.end(entry)
    schedule.add(entry)
    assert [entry.item for entry in begun(schedule, 2)] == ["a-1", "a-0"]


@given(
    st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("abcd"), st.integers(1, 12)), max_size=8),
    st.integers(1, 20),
    st.randoms(),
)
def test_every_test_begins_once_and_limits_hold_at_every_moment(entries, places, random):
    schedule = Schedule()
    expected = Counter()
    for engine, server, count in entries:
        expected[engine, server] += count
        for _ in range(count):
            schedule.add(Entry(object(), engine, server))
    running, seen = [], []
    while schedule.waiting or running:
        while len(running) < places and (entry := schedule.begin()) is not None:
            running.append(entry)
            seen.append(entry)
        assert running  # it never stands still
        assert max(Counter(entry.server for entry in running).values()) <= MAX_PER_SERVER
        schedule.end(running.pop(random.randrange(len(running))))
    assert Counter((entry.engine, entry.server) for entry in seen) == expected
    assert len({id(entry.item) for entry in seen}) == len(seen)
    assert schedule.running == 0


def test_names_of_one_address_share_its_limit_and_other_addresses_do_not():
    schedule = schedule_of(("postgresql", "a", 20), ("postgresql", "b", 20), ("postgresql", "c", 20))
    schedule.resolve("a", ("1:5432", "2:5432"))
    schedule.resolve("b", ("2:5432",))
    schedule.resolve("c", ("3:5432",))
    first = begun(schedule, 60)
    assert Counter(entry.server for entry in first) == {"a": 4, "b": 4, "c": 8}
    schedule.end(next(entry for entry in first if entry.server == "a"))
    assert len(begun(schedule, 60)) == 1


def test_what_runs_when_addresses_become_known_counts_for_them():
    schedule = schedule_of(("postgresql", "a", 8), ("postgresql", "b", 8))
    first = begun(schedule, 10)
    assert [entry.server for entry in first] == ["a", "b"] * 5
    schedule.resolve("a", ("1:5432",))
    schedule.resolve("b", ("1:5432",))
    assert begun(schedule, 1) == []
    for entry in first[:3]:
        schedule.end(entry)
    assert len(begun(schedule, 10)) == 1


def test_what_is_given_back_is_next_of_its_server():
    schedule = schedule_of(("postgresql", "a", 3))
    first = schedule.begin()
    schedule.give_back(first)
    assert (schedule.waiting, schedule.running) == (3, 0)
    assert [entry.item for entry in begun(schedule, 3)] == ["a-0", "a-1", "a-2"]
