"""A session opened in this process, by the stages of a test, and handed over to whoever asked for it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
import weakref
from typing import TYPE_CHECKING, Any

from qualytics.connectors import get
from qualytics.connectors.contract import Refusal
from qualytics.probe.parent.report import Progress, report_of
from qualytics.probe.protocol import Began, Ended

if TYPE_CHECKING:
    from qualytics.model import TestReport
    from qualytics.probe.plan import Plan


def open_session(plan: Plan) -> tuple[Any, TestReport]:
    """Return what the driver's own `connect` gives, open and logged in, or None; and a report of the stages.

    The driver is imported into this process, and some set variables of its environment. Nothing of ours stays in the
    session: transactions, texts and time limits are those of the driver. Files that it needs, as root certificates, are
    removed with it.
    """
    from qualytics.probe.child.stages import Stages, failed
    from qualytics.probe.child.target import make_target

    connector, progress = get(plan.type), Progress(time.monotonic())
    directory, handle = tempfile.mkdtemp(prefix="qualytics-open-"), None
    try:
        try:
            target = make_target(plan, directory)
        except Refusal as exc:
            for message in (Began(connector.stages[0]), Ended(connector.stages[0], ok=False, ms=0.0)):
                progress.add(message)
            progress.add(failed(exc.verdict, exc))
        else:
            handle = Stages(connector, target, progress.add, is_alone=False).open()
        if handle is not None:
            connector.lift_limits(handle, target)
            connector.hand_over(handle)
    finally:
        _keep_for(handle, directory)
    return handle, report_of(plan, progress)


def _keep_for(handle: Any, directory: str) -> None:
    """Remove a directory once a handle is gone, or this program; at once when there is nothing in it."""
    if handle is None or not os.listdir(directory):
        shutil.rmtree(directory, ignore_errors=True)
        return
    with contextlib.suppress(TypeError):  # a handle that takes no weak reference
        weakref.finalize(handle, shutil.rmtree, directory, ignore_errors=True)
        return
    weakref.finalize(_keep_for, shutil.rmtree, directory, ignore_errors=True)  # at the end of this program
