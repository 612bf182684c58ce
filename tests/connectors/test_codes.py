"""Tables of codes: each code of each has a class that there is."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import qualytics.connectors
from qualytics.connectors import codes
from qualytics.connectors.contract import CLASSES, Verdict
from tools import unknown_codes


def tables():
    """Yield every table of every module of the connectors."""
    for module in pkgutil.walk_packages([str(Path(qualytics.connectors.__file__).parent)], "qualytics.connectors."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, codes.ErrorTable):
                yield pytest.param(value, id=f"{module.name.rpartition('.')[2]}-{name}")


@pytest.mark.parametrize("table", list(tables()))
def test_every_code_has_a_class_and_is_found_alone_and_in_a_text(table):
    for code, verdict in (table.codes | table.umbrellas).items():
        assert verdict.failure_class in CLASSES, code
        assert table.spell(code) == code
        assert re.fullmatch(table.alone, code, re.IGNORECASE), code
        explained = table.explain(code.lower())
        assert explained.code == code
        assert explained.failure_class == verdict.failure_class
    for pattern, verdict in table.words:
        re.compile(pattern)
        assert verdict.failure_class in CLASSES, pattern


@pytest.mark.slow  # reads the sources of drivers
@pytest.mark.parametrize("connector_type", unknown_codes.SOURCES)
def test_every_code_of_an_installed_driver_is_judged(connector_type):
    count, missing = unknown_codes.unknown(connector_type)
    assert count
    assert missing == []


def test_every_class_of_sqlstate_has_a_class():
    for state, verdict in codes.STATES.items():
        assert 2 <= len(state) <= 5
        assert verdict.failure_class in CLASSES


def test_a_code_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="28P01"):
        codes.by_code({"28P01 28000": Verdict("auth"), "28P01": Verdict("config")})


def test_codes_come_before_words_and_words_before_umbrellas():
    table = codes.ErrorTable(
        codes=codes.by_code({"11": Verdict("quota")}),
        umbrellas=codes.by_code({"22": Verdict("network")}),
        words=(("no", Verdict("auth")),),
        inside=r"#(\d\d)",
        alone=r"\d\d",
    )

    def outcome(text):
        verdict = table.explain(text)
        return verdict and (verdict.failure_class, verdict.code)

    assert outcome("#22 #11 no") == ("quota", "11")
    assert outcome("#22 no") == ("auth", "22")
    assert outcome("#33 #22") == ("network", "22")
    assert outcome("#33 no") == ("auth", "33")
    assert outcome("#33") == ("unknown", "33")
    assert outcome("22") == ("network", "22")
    assert outcome("no") == ("auth", None)
    assert outcome("nothing") == ("auth", None)
    assert outcome("else") is None
