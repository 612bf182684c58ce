"""Questions before what cannot be undone: asked on a terminal, never elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from qualytics.cli import _output as output
from qualytics.cli._terminal import is_terminal
from qualytics.errors import QualyticsError
from qualytics.model import id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def require_yes(question: str, *, yes: bool) -> None:
    """Ask on a terminal, unless `--yes` has answered; the question is written to stderr, its foreign parts escaped.

    Raises:
        QualyticsError: the answer is another than `y` or `yes`.

    """
    if yes or not can_ask():
        return
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    from qualytics.cli._prompts import typed_line

    answer = typed_line(sys.stdin.fileno())
    if not answer.endswith(b"\n"):  # left with Ctrl-D: the cursor stands behind the question
        output.say("")
    if answer.strip().lower() not in {b"y", b"yes"}:
        raise QualyticsError("the answer was not yes, so nothing was changed", "--yes answers without being asked")


def confirm_delete(noun: str, record: int | str, read: Callable[[], Mapping[str, Any]], *, yes: bool) -> None:
    """Ask before a record is deleted that was named by a word or --name; an id is meant as it is.

    `read` gives the document of the record, and is called only where it is asked. What is in use is not asked for,
    as deleting it fails.

    Raises:
        QualyticsError: as `require_yes`.

    """
    if yes or type(record) is int or not can_ask():
        return
    document = read()
    if document.get("datastores"):
        return
    from qualytics.cli._formats.views import target

    keys = ("connection_name", "database", "schema", "root_path")
    about = [document["type"], target(document), *(document.get(key) for key in keys)]
    shown = output.escape(", ".join(str(part) for part in about if part is not None))
    require_yes(f"delete {noun} {document['id']} {output.escape(repr(document['name']))} ({shown})?", yes=False)


def confirm_last_token(record: int | str, read: Callable[[], Iterable[Mapping[str, Any]]], *, yes: bool) -> None:
    """Ask before a token is ended that is the last valid one of whoever ends it.

    `read` gives the documents of their own tokens, and is called only where it is asked.

    Raises:
        QualyticsError: as `require_yes`.

    """
    if yes or not can_ask():
        return
    own = [token for token in read() if token["active"]]
    if len(own) == 1 and _means(record, own[0]):
        shown = output.escape(repr(own[0]["name"]))
        require_yes(f"token {own[0]['id']} {shown} is your last one, and ending it signs you out; end it?", yes=False)


def _means(record: int | str, document: Mapping[str, Any]) -> bool:
    number = id_of(record)
    if number is not None:
        return bool(number == document["id"])
    return str(record).strip().casefold() == str(document["name"]).casefold()


def can_ask() -> bool:
    """Say whether there is a terminal to ask on."""
    return sys.stdin is not None and sys.stdin.isatty() and is_terminal()
