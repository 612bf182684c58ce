"""The words of this program itself, which are never masked whatever a secret has in common with them."""

from __future__ import annotations

import functools
import re
import threading
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

import qualytics

_READING = threading.Lock()
# A name in braces is filled in later.
_FILLED_IN = re.compile(r"\{[^{}]*\}")
# What sentences are filled in with: fields, parameters.
_NAME = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")


def read_own_words() -> None:
    """Read the words of this program, which takes a tenth of a second, or half of one where no bytecode is kept."""
    with _READING:  # once, whoever comes first
        _vocabulary()


def own_words(text: str) -> list[str]:
    """Return the sentences of this program, the pieces of those that are filled in, and its names in a text."""
    read_own_words()
    words, phrases = _vocabulary()
    repeated = [phrase for phrase in phrases if phrase in text]
    return [*repeated, text] if text in words else repeated


@functools.cache
def _vocabulary() -> tuple[frozenset[str], list[str]]:
    # What the program can say stands as constants in its code, which is read here and not run. A word alone is ours
    # only where nothing else is said.
    vocabulary: set[str] = set()
    for file in Path(qualytics.__file__).parent.rglob("*.py"):
        todo: list[object] = [SourceFileLoader(file.stem, str(file)).get_code(file.stem)]
        while todo:
            constant = todo.pop()
            if isinstance(constant, CodeType):
                todo += constant.co_consts
            elif isinstance(constant, tuple | frozenset):
                todo += constant
            elif isinstance(constant, str):
                vocabulary.update(_FILLED_IN.split(constant))
    return frozenset(vocabulary), [words for words in vocabulary if " " in words.strip() or _NAME.fullmatch(words)]
