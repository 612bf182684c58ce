"""The plot of past tests: the newest at the right, the longest at the top."""

from qualytics.server.web.plots import plot


def past_test(at, duration_ms, **failure):
    return {"at": at, "connected": not failure, "duration_ms": duration_ms, "class": None, "stage": None, **failure}


def test_tests_stand_in_order_and_the_longest_reaches_the_top():
    found = plot([past_test("3", 5.0), past_test("2", 20.0, stage="login", **{"class": "auth"}), past_test("1", 0.0)])
    assert [(mark.x, mark.connected, mark.at) for mark in found.marks] == [
        (4, True, "1"),
        (12, False, "2"),
        (20, True, "3"),
    ]
    assert found.marks[1].words == "fails, auth at login, 20 ms"
    assert found.line == "4,68.0 12,20.0 20,56.0"
    assert (found.width, found.failed, found.max_ms) == (24, 1, 20.0)


def test_no_tests_and_tests_that_took_no_time_make_a_plot_too():
    assert plot([]).marks == ()
    assert plot([past_test("1", 0.0)]).line == "4,68.0"
