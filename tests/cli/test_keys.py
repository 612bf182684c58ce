"""`qualytics keys`: what a rotation says of the old key, and the question before old keys are removed."""

import pytest

from qualytics.store.sealing.cipher import Key
from tests.support.terminals import Terminal


@pytest.fixture
def rotated(run):
    """Rotate the key of a new store twice; return its home."""
    assert run("connections", "create", "-t", "postgresql", "--host", "h", "--password", "geheim").code == 0
    for number in (1, 2):
        done = run("keys", "rotate")
        kept = done.document["old_key_file"]
        assert kept.endswith(f"/key.{number}")
        assert done.err == f"note: the old key is kept in {kept}, for backups made before now; keys forget removes it\n"
    return run


def test_old_keys_are_counted_shown_and_removed_without_a_question_off_a_terminal(rotated, home):
    assert rotated("store", "check").document["old_keys"] == 2
    shown = rotated("keys", "forget", "--dry-run", "-f", "json")
    assert [one["file"] for one in shown.json["old_keys"]] == [str(home / "key.1"), str(home / "key.2")]
    assert shown.json["forgotten"] is False
    assert (home / "key.1").exists()
    done = rotated("keys", "forget", "-f", "json")
    assert (done.code, done.err, done.json) == (0, "", {**shown.json, "forgotten": True})
    assert not [*home.glob("key.*")]
    assert rotated("keys", "forget").document == {"old_keys": [], "forgotten": True}


def test_a_rotation_after_a_leak_keeps_no_old_key(rotated, home):
    done = rotated("keys", "rotate", "--forget")
    assert (done.code, done.document["old_key_file"]) == (0, None)
    assert done.err == "note: backups made before now still need the old key, which is not kept here\n"
    assert sorted(path.name for path in home.glob("key*")) == ["key"]


def test_keys_of_the_environment_are_not_kept_and_cannot_be_forgotten_here(run, home):
    old, new = Key.generate().text(), Key.generate().text()
    create = ("connections", "create", "-t", "postgresql", "--host", "h", "--password", "geheim")
    assert run(*create, env={"QUALYTICS_KEY": old}).code == 0
    done = run("keys", "rotate", env={"QUALYTICS_KEY": old, "QUALYTICS_NEW_KEY": new})
    assert (done.code, done.document["old_key_file"]) == (0, None)
    refused = run("keys", "forget", env={"QUALYTICS_KEY": new})
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("error: the key comes from QUALYTICS_KEY, and its old ones are not on this disk\n")
    assert not [*home.glob("key*")]


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "code", "left"), [("\n", 1, 2), ("no\n", 1, 2), ("\x04", 1, 2), ("Yes\n", 0, 0)])
def test_a_terminal_asks_before_old_keys_are_removed(rotated, home, answer, code, left):
    terminal = Terminal("keys", "forget")
    terminal.read_until(b"Remove 2 old keys? Backups made before can then no longer be opened. [y/N] ")
    terminal.type(answer)
    assert terminal.end() == code
    assert len([*home.glob("key.*")]) == left
    assert (b"error: the answer was not yes, so nothing was changed" in terminal.shown) == (code == 1)


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--yes",), ("--dry-run",)])
def test_a_terminal_does_not_ask_where_the_answer_is_known(rotated, words):
    terminal = Terminal("keys", "forget", *words)
    assert terminal.end() == 0
    assert b"[y/N]" not in terminal.shown
