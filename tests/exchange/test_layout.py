"""The layout of a folder: names of files and of variables."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from qualytics.exchange import layout
from qualytics.service import validate
from qualytics.text import folded


def test_names_become_those_of_the_published_client():
    assert layout.slugs(["Prod DB", " a--b ", "x.y"]) == {"Prod DB": "prod_db", " a--b ": "a_b", "x.y": "x_y"}
    assert layout.placeholder("prod_db", "secret_key") == "${PROD_DB_SECRET_KEY}"
    assert layout.placeholder("2024_db", "password") == "${_2024_DB_PASSWORD}"


# A store keeps no two names that differ in their case alone.
@given(st.lists(st.text(min_size=1, max_size=40), max_size=8, unique_by=lambda name: folded(name) or name))
def test_every_name_has_a_file_of_its_own_whatever_the_order(names):
    slugs = layout.slugs(sorted(names))
    assert slugs == layout.slugs(sorted(names, reverse=True))
    assert len(set(slugs.values())) == len(names)
    for slug in slugs.values():
        assert layout.REFERENCE.fullmatch(layout.placeholder(slug, "password"))
        assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
        assert slug


def test_a_name_that_is_all_letters_of_others_or_very_long_has_a_file():
    slugs = layout.slugs(["日本", "京都", "a" * 255])
    assert all(0 < len(slug) < 220 for slug in slugs.values())
    assert len(set(slugs.values())) == 3


NAMES = st.text(alphabet="aAb1 -_.éİ日ﬁKª", min_size=1, max_size=6).map(lambda text: unicodedata.normalize("NFC", text))


@given(st.sets(NAMES, min_size=1, max_size=20))
def test_a_name_is_told_apart_by_those_alone_that_have_the_part(names):
    for name in names:
        part = layout.namesakes_part(name)
        like = [other for other in names if part is None or part in validate.fold(other)]
        assert layout.slugs({name, *like})[name] == layout.slugs(names)[name]
