"""/api/status: whether the store can be read, and what those who are not signed in hear of it."""

from __future__ import annotations

import contextlib
import threading
from urllib.parse import urlencode

import pytest

from qualytics.store.sqlite.lock import locked
from testbed.control_plane import serving
from tests.support.browser import REDIRECT, STATE


def test_the_store_is_healthy(nobody):
    assert nobody("GET", "/status").json == {"database_connection": "OK"}


@pytest.mark.slow
def test_nobody_unknown_hears_where_the_store_is(tmp_path):
    home = tmp_path / "home"
    with serving(home) as plane:
        # Under its lock, so that nobody opens one of the files between two renames; with its log, which SQLite finds
        # by its name: that of another file crashes who has it open.
        with locked(home / "store.lock", exclusive=True, wait_s=60):
            for suffix in ("-wal", "-shm", ""):
                with contextlib.suppress(FileNotFoundError):  # SQLite removes the log with the last who has it open
                    (home / f"store.db{suffix}").rename(home / f"elsewhere.db{suffix}")
            (home / "store.db").write_bytes(b"no store" * 1_000)

        def ask(path):
            answers.append(plane.api(None)("GET", path))

        answers = []
        begin = f"/cli/authorize?{urlencode({'redirect_uri': REDIRECT, 'state': STATE})}"
        threads = [threading.Thread(target=ask, args=(path,)) for path in ("/status", begin) * 20]
        for thread in threads:  # many at once need more than the one store that is open already
            thread.start()
        for thread in threads:
            thread.join()
        failed = [answer for answer in answers if answer.status >= 500]
        assert failed
        for answer in failed:
            assert b"store.db" not in answer.body
            assert b"not a store" in answer.body
        plane.stop()
        assert any("store.db is not a complete store" in line for line in plane.log)
