"""A first start where the file system refuses to link, rename or remove: a named error, and the next start works."""

import itertools
import os
import threading

import pytest

from qualytics.store.files import size
from qualytics.store.sqlite.upkeep import check
from tests.support.refused_calls import refusing

pytestmark = pytest.mark.slow

CREATE = ("connections", "create", "--type", "postgresql", "--host", "h", "--username", "u", "--password", "p")
CALLS = ("link", "rename", "unlink")


@pytest.mark.parametrize("refused", [some for size in (1, 2, 3) for some in itertools.combinations(CALLS, size)])
def test_a_first_start_that_is_refused_ends_with_a_named_error_and_the_next_works(settings, shell, refused):
    first = shell(*CREATE, preexec_fn=refusing(*refused))
    assert "Traceback" not in first.err
    if first.code:
        assert first.code == 1
        assert first.err.startswith(f"error: {settings.home}")
        assert "\nhint: " in first.err
    assert first.code == 0 or refused != ("link",)
    key = settings.home / "key"
    assert not key.exists() or len(key.read_text().strip()) == 44
    assert shell(*CREATE, "--name", "second").code == 0
    assert check(settings)["ok"]
    assert set(os.listdir(settings.home)) == {"key", "store.db", "store.lock"}


def test_a_file_that_goes_away_meanwhile_has_no_size(tmp_path):
    log = tmp_path / "store.db-wal"
    over = threading.Event()

    def come_and_go():
        while not over.is_set():
            log.write_bytes(b"")
            log.unlink()

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        assert {size(log) for _ in range(50_000)} == {0}
    finally:
        over.set()
        other.join()
    log.write_bytes(b"abc")
    assert size(log) == 3
