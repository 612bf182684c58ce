"""A JUnit file of a run over many connections: a test case a connection."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING, Any

from qualytics.cli._output import escape
from qualytics.errors import QualyticsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# XML 1.0 has no place for the last two; all else that it forbids is escaped as it is for a terminal.
_TABLE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\ufffe": "\\ufffe", "\uffff": "\\uffff"}
)


@contextlib.contextmanager
def junit(path: str) -> Iterator[JUnit]:
    """Give a report that replaces the file of a path when it is finished, and leaves it as it was otherwise.

    Raises:
        UsageError: nothing can be written there.

    """
    from qualytics.reading import files

    files.require_free(path, overwrite=True)
    place = os.path.realpath(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=".qualytics-", dir=os.path.dirname(place))
    except OSError as exc:
        why = (exc.strerror or "").lower()
        raise UsageError(f"--junit: {path}: {why}", "check the path that --junit names") from exc
    os.close(handle)
    try:
        yield JUnit(place, temporary)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


class JUnit:
    """The test cases so far."""

    def __init__(self, path: str, temporary: str) -> None:
        self._path, self._temporary = path, temporary
        self._cases: list[str] = []
        self._failures = self._skipped = 0

    def add(self, result: Mapping[str, Any], *, fails: bool) -> None:
        """Add a result; a failure that does not fail the run counts as skipped."""
        inner = ""
        if not result["connected"]:
            self._failures += fails
            self._skipped += not fails
            tag = "failure" if fails else "skipped"
            text = "\n".join(filter(None, (f"stage: {result['stage']}", result["hint"], result["detail"])))
            kind = f' type="{_xml(result["class"])}"' if fails else ""
            lines = "\n".join(map(_xml, text.splitlines()))
            inner = f'<{tag} message="{_xml(result["message"])}"{kind}>{lines}</{tag}>'
        seconds = (result["duration_ms"] or 0.0) / 1_000
        self._cases.append(
            f'<testcase classname="{_xml(result["type"])}" name="{_xml(result["name"])}" time="{seconds:.3f}">'
            f"{inner}</testcase>\n"
        )

    def finish(self, took_s: float) -> None:
        """Write the file in place of the one that was there.

        Raises:
            QualyticsError: it cannot be written.

        """
        counts = f'tests="{len(self._cases)}" failures="{self._failures}" errors="0" skipped="{self._skipped}"'
        head = f'<testsuite name="qualytics connections test" {counts} time="{took_s:.3f}">'
        try:
            with open(self._temporary, "w", encoding="utf-8") as file:
                file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>{head}\n')
                file.writelines(self._cases)
                file.write("</testsuite></testsuites>\n")
                file.flush()
                os.fsync(file.fileno())
            os.chmod(self._temporary, 0o666 & ~_umask())
            os.replace(self._temporary, self._path)
        except OSError as exc:
            why = (exc.strerror or "").lower()
            raise QualyticsError(f"--junit: {self._path} could not be written: {why}", "check the path") from exc


def _xml(text: str) -> str:
    return escape(text).translate(_TABLE)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
