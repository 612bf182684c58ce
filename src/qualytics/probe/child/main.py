"""The child process of one test: reads a plan from its standard input, writes messages, and ends."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from qualytics.installed import answer_drivers
from qualytics.module_path import leave_out
from qualytics.probe._platform import confine, harden, prefer_oom_kill, return_large_blocks, wake_when_parent_ends
from qualytics.probe.child.ending import Ending
from qualytics.probe.child.meter import LISTING_BYTES, TEST_BYTES, Meter
from qualytics.probe.child.output import Output, write
from qualytics.probe.child.supervisor import supervise
from qualytics.probe.plan import read_plan
from qualytics.probe.protocol import (
    MAX_ADDRESS,
    Began,
    Connected,
    Detected,
    Ended,
    Failed,
    WorkerEnded,
    encode,
)
from qualytics.settings import CANCEL_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.probe.plan import Plan
    from qualytics.probe.protocol import Message


def main() -> None:
    """Run one test in a worker and clean up behind it; its parent closes our input at the deadline."""
    prefer_oom_kill()
    harden()
    wake_when_parent_ends()
    if (read := read_plan(0)) is not None:
        plan, directory = read
        # The worker says over a pipe which address it dialled, as it may not live to look at a server twice.
        dialled, tell_dialled = os.pipe()
        os.set_blocking(tell_dialled, False)  # a driver that writes wherever it can must not wait here
        status = supervise(lambda: _work(plan, directory, tell_dialled), 0.0 if plan.reading is None else CANCEL_S)
        os.close(tell_dialled)
        if status not in {None, "exit 0"} and (address := os.read(dialled, MAX_ADDRESS)):
            supervise(lambda: _look_after_crash(plan, directory, address.decode()))
        if status is None:
            import shutil  # 10 ms, which few tests need

            shutil.rmtree(directory, ignore_errors=True)
        else:
            write(1, encode(WorkerEnded(status)))
    os._exit(0)


def hide_arrow() -> None:
    """Have drivers find no pyarrow: no test needs it, and it runs threads, so that nothing with it may be forked."""
    sys.modules.setdefault("pyarrow", None)  # type: ignore[arg-type]  # as the import system has it


def _import_arrow(plan: Plan) -> None:
    """Import pyarrow before connectors leave it out of their drivers; numpy, half of that, is for rows of servers."""
    from qualytics.connectors import get

    if get(plan.type).kind in {"embedded", "dfs"}:
        leave_out("numpy")
    import pyarrow  # noqa: F401, ICN001


def _work(plan: Plan, directory: str, tell_dialled: int) -> None:
    if plan.reading is None:
        confine(cpu_s=int(plan.timeout_s) + 2)
    else:
        confine(cpu_s=None, memory_bytes=plan.reading.memory_bytes)
        return_large_blocks()
    answer_drivers()
    asked, out = os.dup(0), os.dup(1)
    _silence()
    output = Output(out, plan.masking())
    ending = Ending(asked)
    if plan.reading is None:
        hide_arrow()
        Meter(output.send, LISTING_BYTES if plan.listing else TEST_BYTES).start()
    else:
        ending.start()
        _import_arrow(plan)
        Meter(output.send, None, plan.reading.memory_bytes).start()

    def send(message: Message) -> None:
        if isinstance(message, Connected):
            write(tell_dialled, message.address.encode())
        output.send(message)

    try:
        _run(plan, directory, send, ending)
    except Exception as exc:  # noqa: BLE001 - a fault of ours must still reach the parent as a report
        output.send(Failed("internal", detail=f"{type(exc).__name__}: {exc}"))
    os._exit(0)  # no driver's exit handler may hang


def _look_after_crash(plan: Plan, directory: str, address: str) -> None:
    """Say of which kind the server is whose answer ended the driver's process; nothing where that is not known."""
    confine(cpu_s=int(plan.timeout_s) + 2)
    from qualytics.connectors import get
    from qualytics.connectors.contract import Refusal
    from qualytics.probe.child.dns_guard import GUARD
    from qualytics.probe.child.second_look import look, verdict_on
    from qualytics.probe.child.stages import failed
    from qualytics.probe.child.target import make_target

    GUARD.install()
    GUARD.enforce(plan.policy)
    own = os.path.join(directory, "look")
    os.mkdir(own, 0o700)
    target = make_target(plan, own)
    # Foreign code ran beside what told the address, which counts only if the host has it and the policy allows it.
    if address in {one[4][0] for one in GUARD.resolve(target.name, target.port)}:
        target.address = address
        if verdict := verdict_on(get(plan.type), target, look(target)):
            Output(1, plan.masking()).send(failed(verdict, Refusal(verdict)))
    os._exit(0)


def _run(plan: Plan, directory: str, send: Callable[[Message], None], ending: Ending) -> None:
    from qualytics.connectors import get
    from qualytics.connectors.contract import Refusal
    from qualytics.probe.child.dns_guard import GUARD
    from qualytics.probe.child.stages import Stages, failed
    from qualytics.probe.child.target import make_target
    from qualytics.probe.trusted_roots import gather_roots

    connector = get(plan.type)
    GUARD.install()
    GUARD.enforce(plan.policy)
    name, version = connector.distribution or connector.driver, connector.driver_version()
    if plan.reading is not None and connector.reads_with:
        import importlib.metadata

        (name, *_), version = connector.reads_with, importlib.metadata.version(connector.reads_with[0])
    send(Detected({"driver_name": name, "driver_version": version}))
    try:
        gather_roots(directory)
        target = make_target(plan, directory)
    except Refusal as exc:
        send(Began(connector.stages[0]))
        send(Ended(connector.stages[0], ok=False, ms=0.0))
        send(failed(exc.verdict, exc))
        return
    ending.take(connector, target)
    Stages(connector, target, send, listing=plan.listing, reading=plan.reading, guard=GUARD).run()


def _silence() -> None:
    # Drivers print; the report is all that leaves this process.
    void = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(void, stream)
