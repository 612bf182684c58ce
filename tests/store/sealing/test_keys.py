"""Where the key comes from, and what stands there instead of a good one."""

import os
import stat

import pytest

from qualytics.errors import KeyInvalid, KeyMismatch, KeyMissing
from qualytics.secret import Secret
from qualytics.store.sealing.cipher import Key
from qualytics.store.sqlite.upkeep import check
from qualytics.structs import replace


def spoil_missing(path):
    path.unlink()


def spoil_short(path):
    path.write_text(path.read_text()[:20])


def spoil_empty(path):
    path.write_text("")


def spoil_garbage(path):
    path.write_bytes(os.urandom(45))


def spoil_readable(path):
    path.chmod(0o640)


def spoil_link(path):
    os.rename(path, path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def spoil_directory(path):
    path.unlink()
    path.mkdir()


def spoil_pipe(path):
    path.unlink()
    os.mkfifo(path, 0o600)


def spoil_wrong(path):
    path.write_text(Key.generate().text())


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (spoil_missing, KeyMissing, "there is no key at"),
        (spoil_short, KeyInvalid, "does not hold a key of 32 bytes"),
        (spoil_empty, KeyInvalid, "does not hold a key of 32 bytes"),
        (spoil_garbage, KeyInvalid, "does not hold a key of 32 bytes"),
        (spoil_readable, KeyInvalid, "other users can read"),
        (spoil_link, KeyInvalid, "is a symbolic link"),
        (spoil_directory, KeyInvalid, "is not a regular file"),
        (spoil_pipe, KeyInvalid, "is not a regular file"),
        (spoil_wrong, KeyMismatch, "is not the key of this store"),
    ],
)
@pytest.mark.both_stores
def test_a_key_that_cannot_be_used_is_named_and_never_replaced(filled, run, secrets_of, spoil, error, words):
    text = filled.key_path.read_text()
    spoil(filled.key_path)
    with pytest.raises(error, match=words):
        secrets_of(filled)

    create = ("connections", "create", "--type", "postgresql", "--host", "h", "--username", "u", "--password", "p")
    refused = run(*create)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("error: ")
    assert words in refused.err
    assert "\nhint: " in refused.err
    assert text.strip() not in refused.err
    assert len(run("connections", "list", "--format", "json").json) == 3
    checked = run("store", "check", "--format", "json")
    assert (checked.code, checked.json["ok"]) == (1, False)


@pytest.mark.both_stores
def test_another_users_key_file_is_refused(filled, secrets_of):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to somebody else")
    os.chown(filled.key_path, 12_345, 12_345)
    with pytest.raises(KeyInvalid, match="belongs to another user"):
        secrets_of(filled)


def test_a_key_of_the_environment_leaves_no_key_file(settings, seal_count, secrets_of, monkeypatch, run):
    monkeypatch.setenv("QUALYTICS_KEY", Key.generate().text())
    create = ("connections", "create", "--type", "postgresql", "--name", "a", "--host", "h", "--username", "u")
    assert run(*create, "--password", "canary").code == 0
    assert sorted(os.listdir(settings.home)) == ["store.db", "store.lock"]
    assert run("store", "check").document["key"] == "QUALYTICS_KEY"

    monkeypatch.setenv("QUALYTICS_KEY", Key.generate().text())
    assert "error: the key in QUALYTICS_KEY is not the key of this store" in run("keys", "rotate").err
    monkeypatch.delenv("QUALYTICS_KEY")
    assert "error: there is no key at" in run("connections", "test", "--id", 1).err
    assert not settings.key_path.exists()


@pytest.mark.parametrize("text", ["nonsense", "0" * 62])
def test_a_bad_key_of_the_environment_is_named_and_not_shown(settings, run, text):
    create = ("connections", "create", "--type", "postgresql", "--host", "h", "--username", "u", "--password", "p")
    refused = run(*create, env={"QUALYTICS_KEY": text})
    assert refused.code == 1
    assert refused.err.startswith("error: QUALYTICS_KEY does not hold a key of 32 bytes")
    assert text not in refused.err
    assert not settings.store_path.exists()


def test_a_key_file_of_ones_own_is_made_once_and_private(settings, seal_count, secrets_of, tmp_path):
    elsewhere = tmp_path / "keys" / "mine"
    elsewhere.parent.mkdir()
    apart = replace(settings, key_file=elsewhere)
    seal_count(apart, 1)
    text = elsewhere.read_bytes()
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o600
    second = replace(apart, home=tmp_path / "second")
    seal_count(second, 1)
    assert elsewhere.read_bytes() == text
    assert secrets_of(apart) == secrets_of(second) == {"n0": "canary-0"}
    assert not (settings.home / "key").exists()


def test_the_key_in_the_environment_wins_over_the_files(filled, secrets_of):
    from_environment = replace(filled, key=Secret(Key.generate().text()))
    assert check(from_environment)["key"] == "QUALYTICS_KEY"
    with pytest.raises(KeyMismatch):
        secrets_of(from_environment)
