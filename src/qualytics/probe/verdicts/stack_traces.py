"""What of a driver's text is worth reading: its causes, without the stack traces of any language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINES = 10
_MAX_TEXT = 65_536
# As they come inside quotes: a line end, and the blanks before a frame, written as escapes.
_ESCAPED = re.compile(r"(?:\\r)?\\n(?:\\t|[ \t])*(?=at |Caused by: |Suppressed: |\.\.\. \d+ (?:more|common))")
# Java and its like (Throwable.printStackTrace), also with all on one line; what stands in brackets is file and line.
_PLACE = r"[^()\n]{0,120}:\d{1,7}|Native Method|Unknown Source|[\w$.]{1,120}\.java"
_FRAMES = re.compile(
    rf"\s{{0,20}}(?:\bat (?=[^\s()]{{0,300}}\.)[^\s()]{{1,300}}\((?:{_PLACE})\)(?: ~?\[[^\]\n]{{0,120}}\])?"
    r"|\.\.\. \d{1,5} (?:more|common frames omitted))"
)
# Hive's own form of them, a list in Thrift's texts: class:method:file:line.
_LISTED = re.compile(
    r",?[ \t]?['\"]?(?<![\w.$])[\w.$]{1,200}:[\w$<>]{1,120}:[\w$]{1,120}\.(?:java|scala):-?\d{1,7}\b['\"]?"
)
# Python, .NET and Go: a line that is a frame or what introduces frames.
_LINE = re.compile(
    r"\s*(?:Traceback \(most recent call last\):|File \"[^\"\n]*\", line \d+(?:, in .*)?"
    r"|During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:"
    r"|at [\w.`<>\[\], ]+\([^()\n]*\)(?: in .*:line \d+)?|--- End of .*stack trace.*"
    r"|at [\w./*()\[\]-]+ [\w.-]+\.(?:go|s):\d+"
    r"|goroutine \d+ \[.*\]:|[\w./-]+\.go:\d+(?: \+0x[0-9a-f]+)?|Stack [Tt]race:"
    r"|\d+\s+[\w./+-]*\(.*\+0x[0-9a-f]+\).*)\s*\Z"
)
_PYTHON_FRAME = re.compile(r"\s*File \"[^\"\n]*\", line \d+")


def without_stack_traces(text: str) -> str:
    """Return a driver's text as its causes alone, in at most ten lines."""
    text = text[:_MAX_TEXT]
    # Each once: clients repeat what each address answered.
    kept = list(dict.fromkeys(line.rstrip() for line in without_frames(text) if line.strip()))
    if len(kept) > MAX_LINES:
        # Where a trace ends stands what it began with.
        causes = [line for line in kept[MAX_LINES - 1 :] if line.lstrip().startswith("Caused by: ")]
        kept[MAX_LINES - 1 :] = causes[-1:] or [f"… and {len(kept) - MAX_LINES + 1} more lines"]
    return "\n".join(kept) or text.strip().partition("\n")[0]


def without_frames(text: str) -> Iterator[str]:
    """Yield the lines of a text that are no frames of a stack trace."""
    source = 0
    for line in _LISTED.sub("", _FRAMES.sub("", _ESCAPED.sub("\n", text))).splitlines():
        if source and line.startswith("    "):
            source -= 1
            continue
        source = 2 if _PYTHON_FRAME.match(line) else 0  # a line of source follows, and one that marks a part of it
        if not _LINE.match(line):
            yield line
