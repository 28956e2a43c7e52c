"""Bring a stack up and take it down."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event

from devstack import plan as plans
from devstack import ports, product, running
from devstack import processes as system
from devstack.component import Component, State
from devstack.errors import ComponentFailed, StackAbsent
from devstack.files import last_lines, locked
from devstack.layout import PROJECT_ROOT, Layout, cache_dir, default_state_dir
from devstack.progress import Progress, Silent
from devstack.settings import PREFERRED_PORTS, TAIL_LINES
from devstack.stack import Stack
from devstack.steps import Steps
from devstack.together import together


@dataclass(frozen=True, slots=True)
class Options:
    """What to bring up. None keeps what the stack has (a new one: one OPA, one worker, no extra settings).

    `settings` are environment variables for the product's processes, for example a shorter time-out.
    """

    infrastructure_only: bool = False
    opas: int | None = None
    workers: int | None = None
    settings: Mapping[str, str] | None = None
    state_dir: Path = field(default_factory=default_state_dir)

    def __post_init__(self) -> None:
        if (self.opas is not None and self.opas < 1) or (self.workers is not None and self.workers < 0):
            raise ValueError("a stack has at least one OPA, and no negative number of workers")


def up(options: Options | None = None, progress: Progress | None = None) -> Stack:
    """Start what is missing of the stack and return it when all of it works.

    Servers start side by side, then migrations and topics, then the product's processes. On an error or an
    interrupt all that was started stays up and recorded, so that a second `up` goes on and `down` cleans.
    `infrastructure_only` leaves the processes as they are.
    Raises the errors of `devstack.errors`; one `up` or `down` per state folder at a time, others wait.
    """
    options = options or Options()
    shown = progress or Silent()
    layout = Layout(options.state_dir.expanduser().resolve())
    layout.prepare()
    cancel = Event()
    with locked(layout.lock_file):
        stack = _planned(layout, options)
        _stop_unplanned(stack)
        servers = plans.infrastructure(layout, stack.plan)
        processes = () if options.infrastructure_only else plans.processes(layout, stack.plan)
        _start_all(stack, servers, shown, cancel)
        if any(running.status(layout, each).state is not State.RUNNING for each in processes):
            _run_steps(stack, shown, cancel)
        _start_all(stack, processes, shown, cancel)
        _demand_running(layout, servers + processes)
    return stack


def migrate(state_dir: Path | None = None, progress: Progress | None = None) -> None:
    """Bring databases and topics of a running stack up to date, as `up` does; else `StackAbsent`."""
    stack = Stack.load(state_dir)
    with locked(stack.layout.lock_file):
        _run_steps(stack, progress or Silent(), Event())


def down(
    state_dir: Path | None = None, purge: bool = False, progress: Progress | None = None
) -> tuple[str, ...]:
    """Stop everything of the stack, processes before servers; returns the names of what ran.

    Nothing that was started for the stack is left, whoever its parent is. Data stays, unless `purge`. Without
    a stack there is nothing to do.
    """
    layout = Layout((state_dir or default_state_dir()).expanduser().resolve())
    try:
        plans.load(layout)
    except StackAbsent:
        return ()
    shown = progress or Silent()
    with locked(layout.lock_file):
        stack = Stack(layout, plans.load(layout))
        stopped: list[str] = []
        for phase in (plans.processes(layout, stack.plan), plans.infrastructure(layout, stack.plan)):
            together([partial(_stop, layout, each, shown, stopped) for each in reversed(phase)], Event())
        system.end(system.marked(stack.plan.stack_id))
        for name in running.recorded_names(layout):
            running.forget(layout, name)
        ports.release(_port_registry(), layout.root)
        if purge:
            _purge(layout)
    return tuple(stopped)


def _planned(layout: Layout, options: Options) -> Stack:
    try:
        plan = plans.load(layout)
    except StackAbsent:
        plan = plans.Plan()
    plan = plans.with_options(
        plan, not options.infrastructure_only, options.opas, options.workers, options.settings
    )
    names = plan.port_names
    alive = {name for name in running.recorded_names(layout) if running.runs(layout, name)}
    chosen = ports.allocate(
        _port_registry(),
        layout.root,
        names,
        wanted={**PREFERRED_PORTS, **plan.ports},
        in_use={name for name in names if name.partition(":")[0] in alive},
    )
    plan = replace(plan, ports=chosen)
    plans.save(layout, plan)
    return Stack(layout, plan)


def _port_registry() -> Path:
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "ports.json"


def _stop_unplanned(stack: Stack) -> None:
    """End what an earlier `up` with more workers or OPAs left."""
    planned = {component.name for component in stack.components}
    for name in running.recorded_names(stack.layout):
        if name not in planned:
            process = running.recorded(stack.layout, name)
            if process is not None:
                system.stop(process)
            running.forget(stack.layout, name)


def _start_all(stack: Stack, components: tuple[Component, ...], progress: Progress, cancel: Event) -> None:
    tasks = [
        partial(running.start, stack.layout, each, stack.plan.stack_id, progress, cancel.is_set)
        for each in components
    ]
    together(tasks, cancel)


def _run_steps(stack: Stack, progress: Progress, cancel: Event) -> None:
    together([partial(_run_step, stack, step, progress, cancel) for step in product.STEPS], cancel)


def _run_step(stack: Stack, step: product.Step, progress: Progress, cancel: Event) -> None:
    began = time.monotonic()
    progress.started(step.name)
    note: Callable[[str], None] = partial(progress.note, step.name)
    try:
        environment = plans.full_environment(stack.layout, stack.plan, step.name)
        steps = Steps(stack.plan.stack_id, stack.layout.log(step.name), note, cancel.is_set)
        steps.run(step.name, product.step_command(step), environment, PROJECT_ROOT)
    except BaseException:
        progress.failed(step.name, time.monotonic() - began)
        raise
    progress.done(step.name, time.monotonic() - began, "")


def _stop(layout: Layout, component: Component, progress: Progress, stopped: list[str]) -> None:
    if not running.runs(layout, component.name):
        running.stop(layout, component)
        return
    began = time.monotonic()
    progress.started(component.name)
    running.stop(layout, component)
    stopped.append(component.name)
    progress.done(component.name, time.monotonic() - began, "stopped")


def _demand_running(layout: Layout, components: tuple[Component, ...]) -> None:
    """Something that worked a moment ago may have ended since: say so now."""
    for component in components:
        if running.status(layout, component).state is not State.RUNNING:
            tail = last_lines(component.log, TAIL_LINES)
            raise ComponentFailed(component.name, "ended after it was ready", component.log, tail)


def _purge(layout: Layout) -> None:
    for folder in (layout.run, layout.logs, layout.config, layout.data_root):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (layout.state_file, layout.secrets_file, layout.lock_file):
        file.unlink(missing_ok=True)
    if not any(layout.root.iterdir()):
        layout.root.rmdir()
