"""Asking again whether a read may go on: what ends it, once, and what does not."""

import threading

import pytest

from qualytics.errors import NotAllowed, NotFound, NotSignedIn, Unreachable
from qualytics.reading.watch import ANSWER_S, ASK_S, Watch


class Asked:
    """Answers a question with the next error, None for yes; `ended` has what the watch ended with."""

    def __init__(self, *answers):
        self.answers, self.asked, self.ended = list(answers), 0, []
        self.changed = threading.Condition()

    def ask(self):
        with self.changed:
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            self.asked += 1
            self.changed.notify_all()
        if answer is not None:
            raise answer

    def end(self, error):
        with self.changed:
            self.ended.append(error)
            self.changed.notify_all()

    def wait_for(self, condition):
        with self.changed:
            assert self.changed.wait_for(condition, 60)


@pytest.mark.parametrize("error", [NotAllowed("no"), NotSignedIn("no"), NotFound("no")])
def test_a_no_ends_it_at_once(error):
    asked = Asked(None, None, error)
    Watch(asked.ask, asked.end, 0.01)
    asked.wait_for(lambda: asked.ended)
    (ended,) = asked.ended
    assert (type(ended), str(ended), asked.asked) == (type(error), "the read was ended: no", 3)


def test_what_cannot_be_asked_for_a_while_ends_it_and_an_answer_between_does_not():
    error = Unreachable("gone")
    asked = Asked(error, None, error, None, error)
    Watch(asked.ask, asked.end, 0.05)
    asked.wait_for(lambda: asked.ended)
    assert asked.ended == [error]
    assert asked.asked >= 5
    # The last answer, four questions without one, and the way of the last of them.
    assert 4 * ASK_S + ASK_S + ANSWER_S <= 60


def test_nothing_is_asked_after_its_end():
    asked = Asked(None)
    watch = Watch(asked.ask, asked.end, 0.01)
    asked.wait_for(lambda: asked.asked)
    watch.stop()
    threads = [thread for thread in threading.enumerate() if thread.name == "watch of a read"]
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert asked.ended == []
