"""What database files share: a path instead of a host, opened for reading only."""

from __future__ import annotations

import os
import re

from qualytics.connectors._sql import refuse


def clean_path(uri: str) -> str:
    """Return the absolute path that a `uri` names.

    Raises:
        ValueError: it is no path of a file; the message says what to give instead.

    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", uri) or uri.startswith(":"):
        raise ValueError("is not a path; give the path of the database file alone, without a scheme")
    return os.path.abspath(uri)


def require_file(path: str) -> None:
    """Raise the verdict on a database file that is missing, unreadable or no file."""
    if not os.path.lexists(path):
        raise refuse("unknown_db", f"there is no file {path}", "check --uri; a database file is never created here")
    if not os.path.isfile(path):
        raise refuse("config", f"{path} is not a file", "give the path of the database file in --uri")
    if not os.access(path, os.R_OK):
        raise refuse("permission", f"this user may not read {path}", f"chmod u+r {path}")
