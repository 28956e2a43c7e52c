"""One component at a time: start it, wait until it works, stop it, say how it is."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devstack import processes
from devstack.component import Component, NotReady, State
from devstack.errors import ComponentFailed
from devstack.files import last_lines, write_atomically
from devstack.layout import Layout
from devstack.processes import STACK_MARK, ProcessId
from devstack.progress import Progress
from devstack.settings import CHECK_INTERVAL_SECONDS, PAUSE_SECONDS, TAIL_LINES
from devstack.steps import Steps


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """How one component is. `address` has no password; `tail`, its last log lines, is set when it crashed."""

    name: str
    state: State
    pid: int | None
    address: str
    log: str
    tail: str | None = None


def recorded(layout: Layout, name: str) -> ProcessId | None:
    """The process last started as `name`; None when it was never started, or was stopped on purpose."""
    try:
        content = json.loads(_record_file(layout, name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return ProcessId(int(content["pid"]), str(content["mark"]))


def runs(layout: Layout, name: str) -> bool:
    """Whether the process last started as `name` runs now."""
    process = recorded(layout, name)
    return process is not None and processes.alive(process)


def forget(layout: Layout, name: str) -> None:
    """Drop the record: the component counts as stopped."""
    _record_file(layout, name).unlink(missing_ok=True)


def recorded_names(layout: Layout) -> tuple[str, ...]:
    """Every component with a record."""
    return tuple(sorted(file.stem for file in layout.run.glob("*.json")))


def status(layout: Layout, component: Component) -> ComponentStatus:
    """How the component is now."""
    process = recorded(layout, component.name)
    log = str(component.log)
    if process is None:
        return ComponentStatus(component.name, State.STOPPED, None, component.address, log)
    if processes.alive(process):
        return ComponentStatus(component.name, State.RUNNING, process.pid, component.address, log)
    tail = last_lines(component.log, TAIL_LINES)
    return ComponentStatus(component.name, State.CRASHED, process.pid, component.address, log, tail)


def start(
    layout: Layout, component: Component, stack_id: str, progress: Progress, cancelled: Callable[[], bool]
) -> None:
    """Start the component unless it runs, and wait until it works.

    Raises `ComponentFailed` when it ends or is not ready in time, `StepFailed` or `PrerequisiteMissing` when
    it cannot be prepared. The record is written at once, so that `down` finds it whatever happens here.
    """
    name = component.name
    began = time.monotonic()
    progress.started(name)
    try:
        process = _usable(layout, component)
        found = process is not None
        if process is None:
            note = _noter(progress, name)
            command = component.prepare(Steps(stack_id, layout.log(f"{name}.prepare"), note, cancelled))
            environment = {**component.environment, STACK_MARK: stack_id}
            process = processes.spawn(
                command, environment, component.log, component.folder, component.account
            )
            record = {"pid": process.pid, "mark": process.mark, "identity": component.identity}
            write_atomically(_record_file(layout, name), json.dumps(record))
        asyncio.run(_wait_ready(component, process, cancelled))
    except BaseException:
        progress.failed(name, time.monotonic() - began)
        raise
    progress.done(name, time.monotonic() - began, component.address + (" (was running)" if found else ""))


def stop(layout: Layout, component: Component) -> bool:
    """Stop the component and all below it, and forget it; whether it ran."""
    process = recorded(layout, component.name)
    ran = process is not None and processes.alive(process)
    if process is not None:
        processes.stop(process, component.stop_signal, component.grace_seconds)
    forget(layout, component.name)
    return ran


def kill(layout: Layout, component: Component, number: int) -> bool:
    """Send a signal to the component; whether it ran.

    SIGKILL, SIGSTOP and SIGCONT go to all of its processes, and this returns when the first two have taken
    effect; others go to the first process only, as from a supervisor. It counts as crashed when it ends.
    """
    process = recorded(layout, component.name)
    if process is None:
        return False
    family = processes.with_children(process)
    if number == signal.SIGKILL:
        processes.end(family)
    elif number in {signal.SIGSTOP, signal.SIGCONT}:
        for each in family:
            processes.send(each, number)
        if number == signal.SIGSTOP:
            processes.wait_paused(family, PAUSE_SECONDS)
    elif family:
        processes.send(process, number)
    return bool(family)


def _usable(layout: Layout, component: Component) -> ProcessId | None:
    """The running process, if it is what the component now asks for; one that is not is stopped.

    A paused one goes on.
    """
    process = recorded(layout, component.name)
    if process is None or not processes.alive(process):
        return None
    record = json.loads(_record_file(layout, component.name).read_text(encoding="utf-8"))
    if record.get("identity") == component.identity:
        for each in processes.with_children(process):
            processes.send(each, signal.SIGCONT)
        return process
    stop(layout, component)
    return None


def _record_file(layout: Layout, name: str) -> Path:
    return layout.run / f"{name}.json"


def _noter(progress: Progress, name: str) -> Callable[[str], None]:
    return lambda text: progress.note(name, text)


async def _wait_ready(component: Component, process: ProcessId, cancelled: Callable[[], bool]) -> None:
    deadline = time.monotonic() + component.ready_seconds
    while True:
        try:
            if not processes.listens(process, component.port):
                raise NotReady(f"not listening on port {component.port}")
            await component.check()
            if component.settle is not None:
                await component.settle()
        except NotReady as error:
            reason = str(error)
        else:
            return
        if not processes.alive(process):
            raise _failed(component, "ended while starting")
        if cancelled():
            raise _failed(component, "start interrupted")
        if time.monotonic() > deadline:
            raise _failed(component, f"not ready after {component.ready_seconds:.0f} s ({reason})")
        await asyncio.sleep(CHECK_INTERVAL_SECONDS)


def _failed(component: Component, reason: str) -> ComponentFailed:
    return ComponentFailed(component.name, reason, component.log, last_lines(component.log, TAIL_LINES))
