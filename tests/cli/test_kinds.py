"""Kinds of option values: whole numbers in plain digits, ids from 1, and none that is empty."""

import pytest

from tests.support.refused_commands import BY_ID, PG, check

NUMBERS = [
    *(
        (text, "--port must be a whole number", "plain digits")
        for text in ("abc", "1_000", "\uff15", "5432.0", "0x10", "1e3")
    ),
    *(
        (text, "--port must be a whole number", "plain digits")
        for text in (" 5432", "5432 ", "9" * 19, "1,000", "\u0663", "+")
    ),
]


@pytest.mark.parametrize(("text", "error", "hint"), NUMBERS)
def test_a_number_is_written_in_plain_digits(run, text, error, hint):
    check(run(*PG, "--port", text), 2, error, hint)


@pytest.mark.parametrize("command", [*BY_ID, "connections update", "datastores update"])
@pytest.mark.parametrize(
    ("text", "error"), [("0", "--id must be 1 or more"), ("-1", "--id must be 1 or more"), ("x", "a whole number")]
)
def test_an_id_is_a_positive_number(run, home, command, text, error):
    check(run(*command.split(), "--id", text), 2, error, "--id 1")
    assert not home.exists()
