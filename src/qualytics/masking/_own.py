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
# What sentences are filled in with: fields, parameters.
_NAME = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")


def own_words(text: str) -> list[str]:
    """Return the sentences of this program, the pieces of those that are filled in, and its names in a text."""
    found = [words for words in _vocabulary() if words in text]
    return [words for words in found if " " in words.strip() or words == text or _NAME.fullmatch(words)]


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
