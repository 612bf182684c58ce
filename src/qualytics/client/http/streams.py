"""A test as JSON Lines: one for each stage as it begins or ends, and the report, or what was stored, as the last."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from qualytics.client.http import replies
from qualytics.errors import Unreachable
from qualytics.model import StageEvent
from qualytics.transport.http import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics import types
    from qualytics.masking import Masking
    from qualytics.model import OnStage


class _Raised(Exception):
    """`on_stage` has raised; its own error is the cause, which no failure of the network is taken for."""


@contextmanager
def own_errors() -> Iterator[None]:
    """Raise what `on_stage` has raised as it was."""
    try:
        yield
    except _Raised as exc:
        raise (exc.__cause__ or exc) from None


class Stages:
    """Hands on the stages of a reply as its lines come, and those of a report where nothing else came."""

    def __init__(self, on_stage: OnStage, masking: Masking, url: str) -> None:
        self._on_stage, self._masking, self._url = on_stage, masking, url
        self._has_come = False

    def take(self, line: bytes) -> None:
        """Call `on_stage` with the stage of a line; the last line is none."""
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return
        if isinstance(record, dict) and isinstance(record.get("stage"), str):
            self._call(record["stage"], record.get("ok"), record.get("ms"))

    def report_of(self, last: Any) -> types.TestReport:
        """Return the report of the last line, or of a reply that is a report itself.

        Raises:
            QualyticsError: the problem that ended the test.
            Unreachable: the reply has ended before the test.

        """
        last = self._whole(last, "run the test again")
        record = last.get("report", last) if isinstance(last, dict) else last
        report = replies.report(replies.masked_report(record, self._masking))
        self.take_report(report)
        return report

    def changed_of(self, last: Any) -> Any:
        """Return the last line of a change, or the reply that is the connection itself.

        Raises:
            QualyticsError: the problem that the change ended with.
            Unreachable: the reply has ended before the test.

        """
        return self._whole(last, "check what is stored before you repeat it")

    def take_report(self, report: Mapping[str, Any]) -> None:
        """Call `on_stage` with the stages of a report, unless they have come before."""
        stages = [] if self._has_come else report["stages"]
        for stage in stages if isinstance(stages, list) else []:
            if isinstance(stage, dict) and isinstance(stage.get("name"), str):
                self._call(stage["name"], stage.get("ok"), stage.get("ms"))

    def _whole(self, last: Any, hint: str) -> Any:
        if not isinstance(last, dict):
            return last
        problem = last.get("problem")
        if isinstance(problem, dict) and isinstance(problem.get("status"), int):
            from qualytics.client.http import problems

            reply = Reply(problem["status"], "", {}, json.dumps(problem).encode())
            problems.raise_for(reply, self._url, self._masking, is_record=False)
        if "ms" in last:  # a stage, where the end should stand
            raise Unreachable(f"{self._url} closed the connection before the test had ended", hint)
        return last

    def _call(self, name: str, ok: Any, ms: Any) -> None:
        self._has_come = True
        is_ended = isinstance(ok, bool) and isinstance(ms, int | float)
        event = StageEvent(self._masking.mask_own(name), *((ok, ms) if is_ended else ()))
        try:
            self._on_stage(event)
        except Exception as exc:
            raise _Raised from exc
