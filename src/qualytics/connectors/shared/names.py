r"""Names that are no text: of bytes that are no UTF-8 each is shown as \xNN, and so such a name is given back.

A name that holds such a spelling itself is shown with \x5c for its backslash, so each spelling means one name.
"""

from __future__ import annotations

import re

_SPELLED = re.compile(r"\\(?=x[0-9a-f]{2})")
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")


def as_text(name: bytes) -> str:
    """Return how a name is shown."""
    text = name.decode(errors="surrogateescape")
    if "\\" in text:
        text = _SPELLED.sub(r"\\x5c", text)
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


def as_bytes(text: str) -> bytes:
    """Return the name that is shown so."""
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), text.encode())
