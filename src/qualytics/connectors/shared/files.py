"""What database files share: a path instead of a host, opened for reading only."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared.magic import DUCKDB, SQLITE, TOO_SHORT, kind_of, mode_of

if TYPE_CHECKING:
    from qualytics.connectors.contract import Refusal

_HINTS = {
    SQLITE: "test it with --type sqlite",
    DUCKDB: "test it with --type duckdb",
    TOO_SHORT: "copy the file again, or restore it from a backup",
    None: "check --uri; encrypted databases cannot be opened here",
}


def clean_path(uri: str) -> str:
    """Return the absolute path that a `uri` names.

    Raises:
        ValueError: it is no path of a file; the message says what to give instead.

    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", uri) or uri.startswith(":"):
        raise ValueError("is not a path; give the path of the database file alone, without a scheme")
    return os.path.abspath(uri)


def require_file(path: str, *wanted: str) -> None:
    """Raise the verdict on a database file that is missing, unreadable, or none of the kinds of `_magic` wanted."""
    try:
        what = mode_of(os.stat(path).st_mode) or kind_of(path)
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    if what not in wanted:
        first = wanted[0]
        cause = f"{path} is {what}, not {first}" if what else f"{path} is not {first}, or it is encrypted or damaged"
        raise refuse("config", cause, _HINTS.get(what, f"give the path of {first} in --uri"))


def _unreadable(path: str, exc: OSError) -> Refusal:
    if isinstance(exc, FileNotFoundError | NotADirectoryError):
        if os.path.islink(path):
            return refuse("unknown_db", f"{path} is a link to a file that does not exist", "check --uri")
        return refuse("unknown_db", f"there is no file {path}", "check --uri; a database file is never created here")
    if isinstance(exc, PermissionError):
        return refuse("permission", f"this user may not read {path}", "check the modes of the file and its folders")
    return refuse("config", f"{path} cannot be read: {(exc.strerror or 'no reason given').lower()}", "check --uri")
