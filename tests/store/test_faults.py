"""Errors of the system on the store's files: each says what to do."""

import errno
import os

import pytest

from qualytics.errors import StoreError, StoreFull
from qualytics.store.faults import named_os_errors


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO])
def test_a_store_that_cannot_be_written_names_the_variable_that_moves_it(tmp_path, number):
    with pytest.raises(StoreError) as raised, named_os_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    assert raised.value.message == f"{tmp_path}: {os.strerror(number)}"
    assert raised.value.hint == "check the path and who may read and write it, or set QUALYTICS_CONFIG_HOME"


def test_a_full_disk_is_told_as_one(tmp_path):
    with pytest.raises(StoreFull, match="no space is left"), named_os_errors(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_home_that_cannot_be_made_says_what_to_set(run):
    result = run("connections", "create", "-t", "sqlite", "--uri", "x.db", env={"QUALYTICS_CONFIG_HOME": "/dev/null/x"})
    assert result.code == 2
    assert result.err.splitlines()[-1].endswith("or set QUALYTICS_CONFIG_HOME")
