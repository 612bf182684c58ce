"""A channel: what waits until there is room, or until it is its turn."""

import contextlib
import signal
import threading

from qualytics.reading.channel import Channel, Turns


def test_partitions_take_turns_whoever_comes_first():
    channel = Channel(1, Turns())
    rows = {0: 2, 1: 0, 2: 1}

    def second():
        assert channel.put("third", 2, 1)
        channel.partition_ended(2, rows[2])
        channel.producer_ended()

    def first():
        assert channel.put("first", 0, 1)
        channel.partition_ended(1, rows[1])  # empty, and told before the last of those before it has come
        channel.partition_ended(0, rows[0])
        assert channel.put("second", 0, 1)
        channel.producer_ended()

    threads = [threading.Thread(target=run) for run in (second, first)]
    for _ in threads:
        channel.add_producer()
    for thread in threads:
        thread.start()
    assert [channel.get() for _ in range(4)] == ["first", "second", "third", None]
    for thread in threads:
        thread.join()


def test_who_waits_for_a_turn_goes_on_when_the_channel_is_closed():
    channel = Channel(1, Turns())
    channel.add_producer()
    taken = []
    thread = threading.Thread(target=lambda: taken.append(channel.put("late", 1, 1)))
    thread.start()
    channel.close()
    thread.join()
    assert taken == [False]


class Interrupted(BaseException):
    pass


def interrupt(*_):
    raise Interrupted


def test_an_interrupt_at_any_moment_leaves_nobody_waiting():
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for number in range(1, 400):
            channel = Channel(1)
            channel.add_producer()
            thread = threading.Thread(target=put_until_closed, args=(channel,), daemon=True)
            thread.start()
            with contextlib.suppress(Interrupted):
                signal.setitimer(signal.ITIMER_REAL, number * 1e-5)
                while channel.get():
                    pass
            channel.close()
            thread.join(60)
            assert not thread.is_alive()
    finally:
        signal.signal(signal.SIGALRM, before)


def put_until_closed(channel):
    while channel.put("item"):
        pass
