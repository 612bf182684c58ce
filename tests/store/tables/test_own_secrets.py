"""The store's own secrets: sealed, rotated, checked and restored like those of connections."""

import pytest

from qualytics.errors import SealBroken
from qualytics.secret import Secret
from qualytics.store import open_store
from qualytics.store.sealing.rotation import rotate
from qualytics.store.sqlite.upkeep import backup, check, restore
from qualytics.structs import replace


def give(settings, name, text):
    with open_store(settings) as store, store.writing():
        store.own_secrets.set(name, Secret(text))


def read(settings, name):
    with open_store(settings) as store:
        found = store.own_secrets.get(name)
        return found and found.reveal()


@pytest.mark.both_stores
def test_a_secret_of_the_store_is_set_replaced_and_opened_by_its_name(settings):
    assert read(settings, "tokens") is None
    give(settings, "tokens", "first")
    give(settings, "login", "other")
    give(settings, "tokens", "second")
    assert (read(settings, "tokens"), read(settings, "login")) == ("second", "other")


@pytest.mark.both_stores
def test_a_secret_that_is_missing_is_made_once(settings):
    made = iter([Secret("one"), Secret("two")])
    for _ in range(2):
        with open_store(settings) as store, store.writing():
            assert store.own_secrets.get_or_make("tokens", lambda: next(made)).reveal() == "one"


def test_it_stands_nowhere_in_clear(settings):
    give(settings, "tokens", "canary-of-the-store")
    raw = b"".join(path.read_bytes() for path in settings.home.iterdir())
    assert b"canary-of-the-store" not in raw


@pytest.mark.both_stores
def test_a_rotation_seals_it_anew(filled):
    give(filled, "tokens", "mine")
    assert rotate(filled)["secrets"] == 4
    assert read(filled, "tokens") == "mine"
    assert check(filled)["ok"]


@pytest.mark.parametrize(
    "sql",
    ["UPDATE own_secrets SET name = 'login'", "UPDATE own_secrets SET sealed = zeroblob(40)"],
    ids=["moved", "cut"],
)
def test_a_changed_or_moved_one_does_not_open_and_check_names_it(filled, sql, tmp_path, raw):
    give(filled, "tokens", "mine")
    raw(filled, sql)
    assert len(check(filled)["problems"]) == 1
    with pytest.raises(SealBroken):
        read(filled, "login" if "login" in sql else "tokens")
    with pytest.raises(SealBroken):
        rotate(filled)
    backup(filled, tmp_path / "copy")
    with pytest.raises(SealBroken):
        restore(filled, tmp_path / "copy")


@pytest.mark.both_stores
def test_a_secret_of_a_connection_does_not_open_in_its_place(filled, raw):
    give(filled, "password", "mine")
    raw(filled, "UPDATE own_secrets SET sealed = (SELECT sealed FROM secrets WHERE connection_id = 1)")
    with pytest.raises(SealBroken):
        read(filled, "password")


def test_it_comes_back_with_a_restore(filled, tmp_path):
    give(filled, "tokens", "mine")
    backup(filled, tmp_path / "copy")
    give(filled, "tokens", "later")
    restore(filled, tmp_path / "copy")
    assert read(filled, "tokens") == "mine"
    other = replace(filled, home=tmp_path / "other", key_file=filled.key_path)
    restore(other, tmp_path / "copy")
    assert read(other, "tokens") == "mine"
