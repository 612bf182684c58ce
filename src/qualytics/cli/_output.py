"""What reaches the user: one document on stdout, everything else on stderr, foreign text escaped."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from qualytics.cli._style import is_quiet
from qualytics.errors import InvalidInput, QualyticsError, TestFailed
from qualytics.packed import PackedList
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from qualytics.types import TestReport

T = TypeVar("T")
FORMATS = ("yaml", "json", "table", "wide", "jsonl", "csv")
WHOLE = ("yaml", "json")
_BATCH = 200

# Controls (C0, DEL, C1), line separators and the bidirectional controls of UAX #9: a terminal acts on them.
_UNSAFE_CLASS = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
# `re` compiles these where they are used first; most calls write nothing unsafe and need none.
_UNSAFE = f"[{_UNSAFE_CLASS}]"
# In a finished document line ends and tabs are its own.
_UNSAFE_IN_DOCUMENT = _UNSAFE.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f")


class OutputClosed(Exception):
    """The reader of stdout has closed it; nothing more can be written."""


class Format(Struct):
    """How a command writes its documents: as YAML or JSON, every key; the other ways are in `_formats`."""

    name: str = "yaml"

    def shows(self, column: str) -> bool:  # noqa: ARG002 - of tables alone
        """Say whether lists get a column that is more than what stands in their documents."""
        return False

    def with_defaults(self, read: Callable[[], Mapping[str, str]]) -> Format:  # noqa: ARG002 - as above
        """Return this format; a table shows beside one document what `read` gives: what holds without being set."""
        return self

    def of_document(self, document: Any) -> Iterator[str]:
        """Yield the text of one document."""
        if isinstance(document, dict) and any(map(_is_long, document.values())):
            yield from (_json_parts if self.name == "json" else _yaml_parts)(document)
        else:
            yield dump_json(document, 2) + "\n" if self.name == "json" else dump_yaml(document)

    def of_list(self, documents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """Yield the text of a list while its documents come; `[]` when there are none."""
        batches = in_batches(documents)
        first = next(batches, None)
        if first is None:
            yield "[]\n"
        elif self.name == "yaml":
            yield dump_yaml(first)
            for batch in batches:
                yield dump_yaml(batch)
        else:
            yield "[\n" + _json_items(first)
            for batch in batches:
                yield ",\n" + _json_items(batch)
            yield "\n]\n"


def escape(text: str) -> str:
    """Return foreign text with everything that a terminal would act on shown as an escape."""
    return text if _is_safe(text) else re.sub(_UNSAFE, _as_escape, text)


def write_document(document: Any, form: Format) -> None:
    """Write one document to stdout."""
    for text in form.of_document(document):
        _write(text)


def write_list(documents: Iterable[Mapping[str, Any]], form: Format) -> None:
    """Write a list of documents to stdout while they come."""
    for text in form.of_list(documents):
        _write(text)


def in_batches(documents: Iterable[T]) -> Iterator[list[T]]:
    """Yield documents by the two hundred, the last ones as they are."""
    batch: list[T] = []
    for document in documents:
        batch.append(document)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def dump_json(document: Any, indent: int | None = None) -> str:
    """Return a document as JSON, on one line without an indent."""
    import json

    text = json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False)
    # Unsafe characters can only stand inside strings, where \uXXXX means the same.
    return escape_document(text)


def dump_yaml(document: Any) -> str:
    """Return a document as YAML."""
    from qualytics.cli import _yaml

    # Texts with unsafe characters are double-quoted, where \uXXXX means the same.
    return escape_document(_yaml.dump(document, _is_safe))


def escape_document(text: str) -> str:
    r"""Return a text of several lines with what a terminal would act on shown as `\uXXXX`."""
    if text.replace("\n", "").isprintable():
        return text
    return re.sub(_UNSAFE_IN_DOCUMENT, lambda match: f"\\u{ord(match[0]):04x}", text)


def write_text(text: str) -> None:
    """Write a text of our own (a script, a key) to stdout."""
    _write(text)


def write_bytes(data: bytes) -> None:
    """Write bytes, which are no text, to stdout."""
    if sys.stdout is None:
        raise QualyticsError("the output could not be written: standard output is closed", "check where stdout goes")
    _guarded(lambda: sys.stdout.buffer.write(data))


def is_on_terminal() -> bool:
    """Say whether stdout is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def flush() -> None:
    """Hand everything written to stdout to the system; a full disk shows here, not at exit."""
    if sys.stdout is not None:
        _guarded(sys.stdout.flush)


def say(text: str) -> None:
    """Write one line to stderr; foreign parts must be escaped already."""
    draw(text + "\n")


def draw(text: str) -> None:
    """Write a part of a line to stderr, as `say` does."""
    if sys.stderr is None:
        return  # closed by the program that started us; the exit code still tells
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:  # nobody reads it any more
        _abandon(sys.stderr)


def inform(text: str) -> None:
    """Write one line to stderr that is no error; --quiet leaves it out."""
    if not is_quiet():
        say(text)


def warn(text: str) -> None:
    """Write a warning to stderr; foreign parts must be escaped already."""
    inform(f"warning: {text}")


def note(text: str) -> None:
    """Write a note to stderr that belongs to the document on stdout, after it: on a terminal that comes first."""
    flush()
    inform(f"note: {text}")


def say_error(error: QualyticsError, mask: Callable[[str], str]) -> None:
    """Write an error to stderr, masked: one `error:` line per problem, each with its `hint:` line.

    Of a test or a listing that failed the driver's words stand between the two, a `detail:` line each.
    """
    problems = error.problems if isinstance(error, InvalidInput) else (error,)
    # Of several that failed each was told by itself.
    detail = error.report.get("detail") if isinstance(error, TestFailed) and not error.failures else None
    for problem in problems:
        say(f"error: {escape(mask(problem.message))}")
        for line in filter(str.strip, mask(detail or "").splitlines()):
            say(f"detail: {escape(line.rstrip())}")
        if problem.hint:
            say(f"hint: {escape(mask(problem.hint))}")


def say_failed(what: str, report: TestReport, *, is_shown: bool) -> None:
    """Write a failed test to stderr, beside the report on stdout; on a terminal its stages have said where."""
    if not is_shown:
        say(f"error: {escape(what)} failed at {report['stage']} ({report['class']}): {escape(report['message'])}")
    if report["hint"]:
        say(f"hint: {escape(report['hint'])}")


def _is_safe(text: str) -> bool:
    return text.isprintable() or not re.search(_UNSAFE, text)  # all of the class are unprintable


def _as_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(match[0])
    return short or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _is_long(value: Any) -> bool:
    # The text of all takes more memory than they do.
    return isinstance(value, PackedList) or (isinstance(value, list) and len(value) > _BATCH)


def _yaml_parts(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the YAML of a document, its long lists by the two hundred."""
    for key, value in document.items():
        batches = in_batches(value) if _is_long(value) else iter(())
        yield dump_yaml({key: next(batches, []) if _is_long(value) else value})
        yield from map(dump_yaml, batches)


def _json_parts(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the JSON of a document, its long lists by the two hundred."""
    before = "{\n"
    for key, value in document.items():
        yield before
        before = ",\n"
        if not (_is_long(value) and len(value)):
            yield dump_json({key: [] if isinstance(value, PackedList) else value}, 2)[2:-2]
            continue
        yield f"  {dump_json(key)}: ["
        for number, batch in enumerate(in_batches(value)):
            yield ("," if number else "") + dump_json(batch, 2)[1:-2].replace("\n", "\n  ")
        yield "\n  ]"
    yield "\n}\n"


def _json_items(batch: list[Mapping[str, Any]]) -> str:
    return dump_json(batch, 2)[2:-2]  # without the brackets and their line ends


def _write(text: str) -> None:
    write_bytes(text.encode("utf-8", "backslashreplace"))


def _guarded(action: Callable[[], Any]) -> None:
    try:
        action()
    except BrokenPipeError:
        _abandon(sys.stdout)
        raise OutputClosed from None
    except OSError as exc:
        _abandon(sys.stdout)
        why = (exc.strerror or "").lower()
        raise QualyticsError(f"the output could not be written: {why}", "check where stdout goes") from exc


def _abandon(stream: TextIO) -> None:
    # The interpreter flushes its streams once more at exit; that must not fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
