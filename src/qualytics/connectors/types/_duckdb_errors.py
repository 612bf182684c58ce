"""What DuckDB says, as verdicts: its exceptions carry no code."""

from __future__ import annotations

from qualytics.connectors.contract import Verdict, by_text

_MESSAGES = (
    (r"could not set lock|conflicting lock", Verdict("transient", "another program has the database open for writing", "close it there, or try again")),
    (r"not a valid DuckDB database|not a DuckDB database", Verdict("config", "the file is not a DuckDB database", "check --uri")),
    (r"newer version of DuckDB|older version of DuckDB|version number", Verdict("config", "the file was written by another version of DuckDB", "pip install --upgrade duckdb, or export and import the data")),
    (r"encrypted database|encryption key", Verdict("config", "the DuckDB database is encrypted", "encrypted files cannot be opened here; copy it into one that is not")),
    (r"could not read enough bytes", Verdict("config", "the DuckDB file is cut off", "copy it again, or restore it from a backup")),
    (r"corrupt|checksum|serializ", Verdict("config", "the DuckDB database is damaged", "restore the file from a backup")),
    (r"permission denied", Verdict("permission", "the file or its folder is closed to this program", "check the modes of both")),
)  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by DuckDB's words."""
    return explain(str(exc)) if type(exc).__module__.startswith(("duckdb", "_duckdb")) else None


def explain(text: str) -> Verdict | None:
    """Judge by DuckDB's words."""
    return by_text(text, _MESSAGES)
