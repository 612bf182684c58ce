"""Questions before what cannot be undone: asked on a terminal, never elsewhere."""

from __future__ import annotations

import sys

from qualytics.cli import _output as output
from qualytics.errors import QualyticsError


def require_yes(question: str, *, yes: bool) -> None:
    """Ask on a terminal, unless `--yes` has answered; the question is written to stderr, its foreign parts escaped.

    Raises:
        QualyticsError: the answer is another than `y` or `yes`.

    """
    if yes or sys.stdin is None or sys.stderr is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):  # left with Ctrl-D: the cursor stands behind the question
        output.say("")
    if answer.strip().lower() not in {"y", "yes"}:
        raise QualyticsError("the answer was not yes, so nothing was changed", "--yes answers without being asked")
