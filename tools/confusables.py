"""Writes `src/qualytics/confusables.txt` from the table that the package confusable-homoglyphs ships.

Run it as `python -m tools.confusables FILE`, with the path of that package's confusables.json. The package itself is
not used at run time: it makes no skeletons, and has no release since 2024. The data is Unicode's (UTS #39): see NOTICE.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from qualytics.text import is_unseen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OUT = Path(__file__).parent.parent / "src" / "qualytics" / "confusables.txt"


def prototypes(table: Mapping[str, Sequence[Mapping[str, str]]]) -> dict[str, str]:
    """Return what each character looks like.

    The package has each pair of the standard in both directions. All that hang together look like one text: the
    sequence among them, else the first of ASCII, else the first of all.
    """
    pairs: dict[str, set[str]] = {}
    for text, others in table.items():
        pairs.setdefault(_seen(text), set()).update(_seen(other["c"]) for other in others)
    found: dict[str, str] = {}
    for start in pairs:
        if start not in found:
            group, ahead = {start}, [start]
            while ahead:
                near = pairs.get(ahead.pop(), set()) - group
                group |= near
                ahead += near
            found |= dict.fromkeys(group, min(group, key=lambda text: (-len(text), text)))
    return found


def _seen(text: str) -> str:
    # The package keeps the marks that set letters of Hebrew and Arabic apart in the standard's file.
    return "".join(character for character in text if not is_unseen(character))


def lines(found: Mapping[str, str]) -> Iterable[str]:
    """Yield a line for each look: the text itself, a tab, and the characters that look like it."""
    alike: dict[str, str] = {}
    for text, look in sorted(found.items()):
        if len(text) == 1 and text != look:
            whole = "".join(found.get(part, part) for part in look)
            alike[whole] = alike.get(whole, "") + text
    return (f"{look}\t{texts}" for look, texts in sorted(alike.items()))


if __name__ == "__main__":
    OUT.write_text("\n".join(lines(prototypes(json.loads(Path(sys.argv[1]).read_text())))) + "\n")
