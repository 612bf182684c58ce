"""The words of this program itself, which are never masked whatever a secret has in common with them."""

from __future__ import annotations

import functools
import re
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

import qualytics

# A name in braces is filled in later.
_FILLED_IN = re.compile(r"\{[^{}]*\}")


def own_words(text: str) -> list[str]:
    """Return the sentences of this program, and the pieces of those that are filled in, that stand in a text."""
    return [words for words in _vocabulary() if words in text and (" " in words.strip() or words == text)]


@functools.cache
def _vocabulary() -> frozenset[str]:
    # What the program can say stands as constants in its code, which is read here and not run.
    found: set[str] = set()
    for file in Path(qualytics.__file__).parent.rglob("*.py"):
        todo = [SourceFileLoader(file.stem, str(file)).get_code(file.stem)]
        while todo:
            code = todo.pop()
            for constant in code.co_consts if code else ():
                if isinstance(constant, CodeType):
                    todo.append(constant)
                elif isinstance(constant, str):
                    found.update(_FILLED_IN.split(constant))
    return frozenset(found)
