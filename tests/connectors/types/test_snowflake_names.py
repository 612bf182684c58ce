"""Names of Snowflake as identifiers."""

from __future__ import annotations

import pytest

from qualytics.connectors.types.snowflake.catalog import identifier


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("ANALYST", '"ANALYST"'),
        ("analyst", '"ANALYST"'),
        ("_a$1", '"_A$1"'),
        ("order", '"ORDER"'),
        ("1st", '"1st"'),
        ("two words", '"two words"'),
        ("dash-ed", '"dash-ed"'),
        ('"Mixed"', '"Mixed"'),
        ('"a""b"', '"a""b"'),
        ('a"b', '"a""b"'),
        ('"', '""""'),
        ('""', '""""""'),
        ('"a"; drop role x; --"', '"""a""; drop role x; --"""'),
        ("Größe", '"Größe"'),
        ("x\n", '"x\n"'),
    ],
)
def test_a_name_becomes_an_identifier(name, wanted):
    assert identifier(name) == wanted
