"""Commands that are refused: an exit code, lines that say what is wrong and what to do, and nothing on stdout."""

from __future__ import annotations

CREATE = ("connections", "create")
PG = (*CREATE, "--type", "postgresql", "--host", "db.example.com")
UPDATE = ("connections", "update", "--id", "1")
TEST = ("connections", "test", "--id", "1")
# Commands that take --id or --name.
BY_ID = ("connections get", "connections delete", "connections test", "connections usages", "connections history")
BY_ID += ("datastores get", "datastores delete", "datastores verify")
UNSET = "an unset shell variable is the likely cause"


def check(result, code, error, hint):
    """Assert on how a command failed; `error` and `hint` are parts of their lines."""
    lines = result.err.splitlines()
    assert result.code == code, result
    assert result.out == ""
    assert "Traceback" not in result.err
    assert all(line.startswith(("error: ", "hint: ")) for line in lines), result.err
    assert not any(line.endswith(".") for line in lines), result.err
    assert any(line.startswith("error: ") and error in line for line in lines), result.err
    assert any(line.startswith("hint: ") and hint in line for line in lines), result.err
