"""Files of other tools as they are read: bounded, in UTF-8 or UTF-16, whatever way their lines end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics.service.foreign.entries import Unreadable
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FILE = 16 * 1_048_576
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class File(Struct):
    """A file that was read: `path` as people know it, its text, and the variables of this process."""

    path: str
    text: str
    variables: Mapping[str, str]

    def place(self, line: int) -> str:
        """Return the place of a line."""
        return f"{self.path}:{line}"


def read_file(path: str, variables: Mapping[str, str]) -> File:
    """Read a file.

    Raises:
        Unreadable: as `read_text`.

    """
    return File(path, read_text(path), variables)


def read_text(path: str) -> str:
    r"""Return the text of a file; its lines end with \n, and there is no byte order mark.

    Raises:
        Unreadable: it is not there, too large, or not UTF-8.

    """
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as exc:
        raise Unreadable((getattr(exc, "strerror", None) or "holds a null byte").lower()) from None
    if len(raw) > MAX_FILE:
        raise Unreadable(f"larger than {MAX_FILE // 1_048_576} MiB")
    try:
        text = raw.decode("utf-16" if raw[:2] in _UTF16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8; save it as UTF-8") from None
    return text.replace("\r\n", "\n")
