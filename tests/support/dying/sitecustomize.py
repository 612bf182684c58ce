"""Ends a process in the middle of a transaction, as kill -9 or a full stop in a write would; found through PYTHONPATH.

The file that DIE_AT names says when, as long as it is there: `NUMBER COUNT`, the number of a transaction among those
that insert connections, 0 for any, and the insert before which it is killed; or `NUMBER bytes COUNT`, how much its
commit writes before the kernel ends it.
"""

import os
import resource
import signal
import sqlite3


class Watch:
    """Counts the statements of one database; it is called before each."""

    def __init__(self):
        self.transactions, self.inserts = 0, 0

    def __call__(self, statement):
        if statement.startswith("BEGIN"):
            self.inserts = 0
        elif statement.startswith("INSERT INTO connections "):
            self.transactions += self.inserts == 0
            self.inserts += 1
            if self.when() == [str(self.inserts)]:
                os.kill(os.getpid(), signal.SIGKILL)
        elif statement.startswith("COMMIT") and self.inserts and self.when()[:1] == ["bytes"]:
            end_after(int(self.when()[1]))

    def when(self):
        """Return what the file says of this transaction, nothing where there is no file."""
        try:
            with open(os.environ["DIE_AT"]) as file:
                number, *when = file.read().split()
        except FileNotFoundError:
            return []
        return when if int(number) in {0, self.transactions} else []


def end_after(count):
    """Let the kernel end this process when it has written so many bytes more to the log of the store."""
    path = f"{os.environ['QUALYTICS_CONFIG_HOME']}/store.db-wal"
    size = os.stat(path).st_size if os.path.exists(path) else 0
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + count, size + count))


def connect(*arguments, _connect=sqlite3.connect, **more):
    """Open a database, and watch it."""
    database = _connect(*arguments, **more)
    database.set_trace_callback(Watch())
    return database


sqlite3.connect = connect
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # which Python ignores
