"""Sealing: a value opens at its own place under its own key, unchanged, and nowhere else."""

import base64
import sqlite3

import pytest

from qualytics.errors import KeyInvalid, SealBroken
from qualytics.secret import Secret
from qualytics.store import open_store
from qualytics.store.sealing.cipher import Cell, Key
from qualytics.store.sqlite.upkeep import check
from qualytics.structs import replace

PLACE = Cell("store", "connections", 1, "password")


@pytest.fixture
def key():
    return Key.generate()


@pytest.mark.parametrize("text", ["", "x", "p\0w", "ünï¢ødé 🔑", "x" * 100_000], ids=len)
def test_a_sealed_text_opens_unchanged_and_stands_nowhere_in_clear(key, text):
    sealed = key.seal(PLACE, Secret(text))
    assert key.open(PLACE, sealed).reveal() == text
    assert len(text) < 2 or text.encode() not in sealed


def test_the_same_text_is_sealed_differently_each_time(key):
    assert len({key.seal(PLACE, Secret("same")) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "change",
    [{"store_id": "other"}, {"table": "meta"}, {"row_id": 2}, {"row_id": 11}, {"field": "passphrase"}],
    ids=str,
)
def test_a_value_moved_to_another_place_does_not_open(key, change):
    with pytest.raises(SealBroken):
        key.open(replace(PLACE, **change), key.seal(PLACE, Secret("x")))


def test_parts_of_a_place_do_not_run_into_each_other():
    assert Cell("ab", "c", 1, "d").associated_data("k") != Cell("a", "bc", 1, "d").associated_data("k")


def test_another_key_does_not_open_it(key):
    with pytest.raises(SealBroken):
        Key.generate().open(PLACE, key.seal(PLACE, Secret("x")))


def test_every_flipped_bit_is_noticed(key):
    sealed = key.seal(PLACE, Secret("canary"))
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBroken):
            key.open(PLACE, bytes(changed))


def test_every_cut_is_noticed(key):
    sealed = key.seal(PLACE, Secret("canary"))
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            key.open(PLACE, sealed[:length])


def test_the_id_of_a_key_gives_nothing_of_it_away(key):
    raw = base64.urlsafe_b64decode(key.text())
    assert bytes.fromhex(key.id) not in raw
    assert key.text() not in repr(key)


def swap(settings, one, other):
    """Exchange the sealed bytes of two (connection_id, field)."""
    with sqlite3.connect(settings.store_path) as database:
        read = "SELECT sealed FROM secrets WHERE connection_id = ? AND field = ?"
        (first,), (second,) = (database.execute(read, place).fetchone() for place in (one, other))
        write = "UPDATE secrets SET sealed = ? WHERE connection_id = ? AND field = ?"
        database.execute(write, (second, *one))
        database.execute(write, (first, *other))
    database.close()


def test_ciphertexts_swapped_between_rows_do_not_open_and_check_names_both(filled, run):
    swap(filled, (1, "password"), (2, "password"))
    tested = run("connections", "test", "--id", 1)
    assert (tested.code, tested.out) == (1, "")
    assert "error: the sealed password of connections 1 was changed since it was written" in tested.err
    assert check(filled)["problems"] == [
        f"the sealed password of connections {number} was changed since it was written" for number in (1, 2)
    ]


def test_ciphertexts_swapped_between_fields_do_not_open(filled):
    with open_store(filled) as store, store.writing():
        store.connections.update(1, {}, {"passphrase": Secret("other")}, ())
    swap(filled, (1, "password"), (1, "passphrase"))
    assert len(check(filled)["problems"]) == 2


def test_a_ciphertext_of_another_store_does_not_open_even_with_the_same_key(filled, tmp_path, seal_count):
    other = replace(filled, home=tmp_path / "other", key_file=filled.key_path)
    seal_count(other, 3)
    with sqlite3.connect(filled.store_path) as database:
        database.execute("ATTACH ? AS other", (str(other.store_path),))
        database.execute("UPDATE secrets SET sealed = (SELECT sealed FROM other.secrets o WHERE o.connection_id = 1)")
    database.close()
    assert check(other)["ok"]
    assert len(check(filled)["problems"]) == 3


@pytest.mark.parametrize("text", ["", "short", "0" * 63, "0" * 65, "g" * 64, "A" * 43, "A" * 44 + "=", "ключ", "\0"])
def test_what_is_not_32_bytes_is_not_a_key(text):
    with pytest.raises(KeyInvalid) as caught:
        Key.parse(text, "QUALYTICS_KEY")
    assert "QUALYTICS_KEY" in str(caught.value)
    assert not text or text not in str(caught.value)


def test_a_key_is_read_as_base64_of_both_alphabets_or_hexadecimal(key):
    raw = base64.urlsafe_b64decode(key.text())
    for text in (key.text(), base64.b64encode(raw).decode(), raw.hex(), f" {raw.hex().upper()}\n"):
        assert Key.parse(text, "x").id == key.id
