"""The answer to Tab: what may stand next on a line, for each shell in the form that its script reads."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, TypeVar

from qualytics.cli import _lines as lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import click
    from click.shell_completion import CompletionItem

    Answer = Iterable[tuple[str, str]]

T = TypeVar("T")

VARIABLE = "_QUALYTICS_COMPLETE"
_LIMIT_S = 1.0


def answer(root: click.Command, shell: str, args: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write what may stand next, nothing at all where anything is wrong; return the exit code."""
    try:
        text = "".join(_SHELLS[shell](root, args, environ))
    except Exception:  # noqa: BLE001 - whoever presses Tab reads no error
        text = ""
    with contextlib.suppress(OSError):
        sys.stdout.buffer.write(text.encode("utf-8", "replace"))
        sys.stdout.buffer.flush()
    return 0


def records(part: str) -> list[str]:
    """Return the names of records of a part of the client, where they can be had in time."""
    from qualytics.client import known_names

    return in_time(lambda: known_names(part))


def in_time(work: Callable[[], T]) -> T:
    """Return what a look-up gives; the process ends, silent, where that takes over a second.

    Nothing less ends a look-up of a host's name, or a read of a disk that has gone.
    """
    import threading

    timer = threading.Timer(_LIMIT_S, os._exit, (0,))
    timer.daemon = True
    timer.start()
    try:
        return work()
    finally:
        timer.cancel()


def _bash(root: click.Command, _args: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    line = lines.parsed(environ["COMP_LINE"][: int(environ["COMP_POINT"])], environ["COMP_WORDBREAKS"])
    for value, _ in _candidates(root, line.words[1:], line.current):
        if value.casefold().startswith(line.current.casefold()):
            yield f"{lines.quoted(value[line.kept :], line.quote)}\n"


def _zsh(root: click.Command, args: Sequence[str], _environ: Mapping[str, str]) -> Iterator[str]:
    for value, text in _candidates(root, args[:-1], args[-1]):
        shown = lines.visible(value)
        yield f"{value}\0{f'{shown}  -- {text}' if text else shown}\0"


def _fish(root: click.Command, args: Sequence[str], _environ: Mapping[str, str]) -> Iterator[str]:
    for value, text in _candidates(root, args[:-1], args[-1].lstrip("'\"")):
        if "\t" not in value:  # which begins the description, and would leave half a name
            yield f"{value}\t{text}\0"


_SHELLS: dict[str, Callable[[click.Command, Sequence[str], Mapping[str, str]], Iterator[str]]] = {
    "bash_complete": _bash,
    "zsh_complete": _zsh,
    "fish_complete": _fish,
}


def _candidates(root: click.Command, args: Sequence[str], current: str) -> Answer:
    # Each as the whole word that would stand there, with the help in a line.
    from click.shell_completion import ShellComplete

    option = f"{current.partition('=')[0]}=" if current.startswith("--") and "=" in current else ""
    found: list[CompletionItem] = ShellComplete(root, {}, "qualytics", VARIABLE).get_completions([*args], current)
    for item in found:
        if item.type == "plain":
            yield f"{option}{item.value}", " ".join((item.help or "").split())
