"""A folder of configuration: nothing outside of it is read or written."""

import os

import pytest

from qualytics.errors import UsageError
from qualytics.exchange.folder import MAX_FILE, FileFault, Folder


@pytest.fixture
def folder(tmp_path):
    """Return an open folder beside a file that is none of its."""
    (tmp_path / "outside.yaml").write_text("secret: 1")
    with Folder.open(str(tmp_path / "in"), make=True) as opened:
        yield opened


def test_a_file_is_written_once_and_stays_untouched_while_it_is_the_same(folder, tmp_path):
    path = tmp_path / "in" / "a" / "x.yaml"
    assert folder.write("a: 1\n", "a", "x.yaml")
    os.utime(path, (1, 1))
    assert not folder.write("a: 1\n", "a", "x.yaml")
    assert path.stat().st_mtime == 1
    assert folder.write("a: 2\n", "a", "x.yaml")
    assert (path.read_text(), os.listdir(path.parent)) == ("a: 2\n", ["x.yaml"])


def test_links_are_neither_read_nor_written_through(folder, tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "outside.yaml"
    (inside / "connections").mkdir()
    (inside / "connections" / "x.yaml").symlink_to(outside)
    (inside / "datastores").symlink_to(tmp_path)
    for attempt in (
        lambda: folder.read("connections", "x.yaml"),
        lambda: folder.write("a: 1", "connections", "x.yaml"),
        lambda: folder.names("datastores"),
        lambda: folder.read("datastores", "outside.yaml"),
        lambda: folder.write("a: 1", "datastores", "new.yaml"),
    ):
        with pytest.raises(FileFault, match="symbolic link"):
            attempt()
    assert outside.read_text() == "secret: 1"
    assert sorted(os.listdir(tmp_path)) == ["in", "outside.yaml"]


def test_only_regular_files_of_text_within_the_limit_are_read(folder, tmp_path):
    inside = tmp_path / "in"
    os.mkfifo(inside / "pipe")
    (inside / "large").write_bytes(b"x" * (MAX_FILE + 1))
    (inside / "latin").write_bytes(b"\xe4")
    (inside / "whole").write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    for name, words in (
        ("pipe", "not a regular file"),
        ("large", "larger"),
        ("latin", "not UTF-8"),
        ("none", "no such"),
    ):
        with pytest.raises(FileFault, match=words):
            folder.read(name)
    assert folder.read("whole") == "a: 1\r\n"


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        Folder.open(str(tmp_path / "none"))
    with pytest.raises(UsageError, match="null byte"):
        Folder.open("a\0b")
