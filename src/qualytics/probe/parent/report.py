"""The report of a test, made of what its child has sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qualytics.connectors import get
from qualytics.fields import DETECTED
from qualytics.model import Failure, Item, StageResult, TestReport
from qualytics.probe.parent.secret_edges import edges_hint
from qualytics.probe.protocol import (
    Began,
    Connected,
    Detected,
    Encrypted,
    Ended,
    Failed,
    Items,
    Memory,
    Passed,
    SecondHost,
    Unanswered,
    Unreadable,
    Warned,
    WorkerEnded,
)
from qualytics.probe.verdicts.failure_classes import CLASSES
from qualytics.probe.verdicts.messages import cause_and_hint
from qualytics.structs import Struct, field

if TYPE_CHECKING:
    from typing import Any

    from qualytics.masking import Masking
    from qualytics.probe.plan import Plan
    from qualytics.probe.protocol import Message


class Progress(Struct, frozen=False, eq=True):
    """What the child has sent so far."""

    began: float
    detected: dict[str, str | None] = field(default_factory=dict)
    connected: Connected | None = None
    encrypted: Encrypted | None = None
    second_host: str | None = None
    held_bytes: int = 0
    warnings: list[str] = field(default_factory=list)
    stages: list[StageResult] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    open_stage: str | None = None
    open_since: float = 0.0
    last_end: float | None = None
    unanswered: Unanswered | None = None
    failed: Failed | None = None
    passed: Passed | None = None
    worker_status: str | None = None

    @property
    def over(self) -> bool:
        """Say whether the verdict is in."""
        return self.passed is not None or self.failed is not None

    def add(self, message: Message) -> None:  # noqa: C901, PLR0912 - one line a message
        """Add a message of the child.

        Raises:
            Unreadable: no child of a test sends this.

        """
        match message:
            case Began(stage):
                self.open_stage, self.open_since = stage, time.monotonic()
            case Ended(stage, ok, ms):
                self.stages.append(StageResult(stage, ok, ms))
                self.open_stage, self.last_end, self.unanswered = None, time.monotonic(), None
            case Detected(facts):
                self.detected |= facts
            case Connected():
                self.connected = message
            case Encrypted():
                self.encrypted = message
            case SecondHost(host):
                self.second_host = host
            case Memory(held_bytes):
                self.held_bytes = held_bytes
            case Warned(text):
                self.warnings.append(text)
            case Unanswered():
                self.unanswered = message
            case Items(items):
                self.items += items
            case Failed():
                self.failed = message
            case Passed():
                self.passed = message
            case WorkerEnded(status):
                self.worker_status = status
            case _:
                raise Unreadable


def report_of(plan: Plan, progress: Progress) -> TestReport:
    """Return the report of a test that is over."""
    # A child runs foreign code, so nothing that it sends is believed to show no secret.
    masking = plan.masking()
    now = time.monotonic()
    # To the end of the last stage: how long words took to be cleared is nobody's business.
    end = now if progress.open_stage is not None or progress.last_end is None else progress.last_end
    stages = list(progress.stages)
    if progress.open_stage is not None:
        stages.append(StageResult(progress.open_stage, ok=False, ms=round((now - progress.open_since) * 1_000, 1)))
    failure = None if progress.passed else _failure(plan, progress, stages, masking)
    connected, encrypted = progress.connected, progress.encrypted
    return TestReport(
        failure=failure,
        stages=tuple(stages),
        duration_ms=round((end - progress.began) * 1_000, 1),
        message=failure.message if failure else f"connected to {plan.where()}",
        detected={key: _masked(progress.detected.get(key), masking) for key in DETECTED},
        address=_endpoint(connected.address, connected.port, masking) if connected else None,
        local_address=_endpoint(connected.local_address, connected.local_port, masking) if connected else None,
        tls={key: _masked(value, masking) for key, value in encrypted._asdict().items()} if encrypted else None,
        warnings=tuple(map(masking.mask_own, progress.warnings)),
        items=tuple(progress.items),
        more=progress.passed is not None and progress.passed.has_more,
    )


def _masked(value: Any, masking: Masking) -> Any:
    return masking.mask_own(value) if isinstance(value, str) else value


def _endpoint(address: str, port: int, masking: Masking) -> str | None:
    """Return `address:port`, with an IPv6 address in brackets; None where a secret is part of it."""
    endpoint = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return endpoint if masking.mask_own(endpoint) == endpoint else None


def _failure(plan: Plan, progress: Progress, stages: list[StageResult], masking: Masking) -> Failure:
    failed = progress.failed or Failed("internal")
    message, hint = cause_and_hint(plan, failed, progress.second_host, masking)
    edges = edges_hint(plan.secrets) if failed.failure_class == "auth" else None
    return Failure(
        stage=stages[-1].name if stages else get(plan.type).stages[0],
        failure_class=failed.failure_class,
        retryable=CLASSES[failed.failure_class].retryable,
        message=message,
        hint=f"{edges}; {hint}" if edges else hint,
        detail=masking.mask(failed.detail) if failed.detail else None,
        trace=masking.mask(failed.trace) if failed.trace else None,
        code=failed.code if failed.code and masking.mask(failed.code) == failed.code else None,
    )
