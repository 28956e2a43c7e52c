"""The machine under the figures: its shape, how busy it is, and who uses its time."""

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psutil  # type: ignore[import-untyped]

from devstack import Stack, State


def shape() -> str:
    """Date, cores, load and Python, as it stands below every report."""
    one, five, _ = os.getloadavg()
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"{when}, {os.cpu_count()} cores, load average {one:.1f} (1 min) {five:.1f} (5 min), "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    )


@dataclass(slots=True)
class Spent:
    """CPU seconds by component while something was measured."""

    seconds: dict[str, float] = field(default_factory=dict)

    def per(self, count: int) -> str:
        """Microseconds for each of ``count`` pieces of work, the dearest first."""
        cost = {name: spent / count * 1e6 for name, spent in self.seconds.items()}
        shown = [
            f"{name} {us:.0f}" for name, us in sorted(cost.items(), key=lambda item: -item[1]) if us >= 1
        ]
        return f"{', '.join(shown)}; together {sum(cost.values()):.0f}"


@contextmanager
def cpu_of(stack: Stack) -> Iterator[Spent]:
    """Fills in what each running component, and this process, spends inside the block."""
    spent = Spent()
    before = _cpu_seconds(stack)
    yield spent
    after = _cpu_seconds(stack)
    spent.seconds.update({name: after[name] - before.get(name, 0.0) for name in after})


def memory_of(stack: Stack, prefix: str) -> list[float]:
    """Resident megabytes of each running component whose name begins so."""
    return [
        psutil.Process(each.pid).memory_info().rss / 1e6
        for each in stack.status()
        if each.name.startswith(prefix) and each.state is State.RUNNING and each.pid
    ]


def seconds_of(pid: int) -> float:
    """CPU seconds of one process and of all its children that have ended."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _cpu_seconds(stack: Stack) -> Mapping[str, float]:
    running = {each.name: each.pid for each in stack.status() if each.state is State.RUNNING and each.pid}
    return {name: _of_family(pid) for name, pid in {**running, "bench": os.getpid()}.items()}


def _of_family(pid: int) -> float:
    """Seconds of a process and of all below it, those that have ended included."""
    process = psutil.Process(pid)
    family = [process] if pid == os.getpid() else [process, *process.children(recursive=True)]
    total = 0.0
    for each in family:
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        if pid != os.getpid():
            total += times.children_user + times.children_system
    return total
