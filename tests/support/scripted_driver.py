"""A connection of a driver whose server is not here: it answers by a script, and keeps what it was asked."""

from collections import deque

from qualytics.connectors.reading import Partition
from tests.support import faults_suite as suite


class Scripted:
    """A connection that answers statements one after the other, and keeps what it was asked."""

    def __init__(self, *answers):
        self.answers, self.asked, self.autocommit = deque(answers), [], True

    def cursor(self):
        return ScriptedCursor(self)

    def cancel(self):
        self.asked.append("cancel")


class ScriptedCursor:
    def __init__(self, handle):
        self._handle, self.arraysize, self.description = handle, 1, []

    def execute(self, sql):
        self._handle.asked.append(" ".join(sql.split()))
        answer = self._handle.answers.popleft() if self._handle.answers else ([], [])
        if isinstance(answer, Exception):
            raise answer
        self.description, rows = answer
        self._rows = deque(rows)
        return self

    def fetchone(self):
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size):
        return [self._rows.popleft() for _ in range(min(size, len(self._rows)))]

    def close(self):
        pass


def batch_of(session):
    (batch,) = session.batches(Partition(0))
    return batch


def target(kind, **place):
    return suite.target(kind, tls=suite.plain(), **place)
