"""Operating-system processes that outlive the one that started them.

A process is known by pid *and* start mark, so a pid that the system gave to somebody else is never
signalled. Everything that is started carries `AUMOS_STACK_ID` in its environment; what still does after a
stop belongs to the stack and is ended too, whoever its parent is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from devstack.accounts import Account
from devstack.settings import ORPHAN_GRACE_SECONDS, STOP_GRACE_SECONDS

STACK_MARK = "AUMOS_STACK_ID"


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A pid and what tells it from a later process with the same pid."""

    pid: int
    mark: str


def spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    folder: Path,
    account: Account | None = None,
) -> ProcessId:
    """Start `command` in a session of its own, output to `log` (the earlier log is kept as `.1`).

    A Ctrl-C in the terminal does not reach it. `account` is the user to run as, where the caller may switch.
    """
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    with log.open("wb") as output:
        child = subprocess.Popen(
            list(command),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    # The child is not ours to wait for: whoever runs `down` ends it. Without this, collecting the handle
    # of a running child warns.
    child.returncode = 0
    return ProcessId(child.pid, start_mark(child.pid) or "gone")


def start_mark(pid: int) -> str | None:
    """What tells this process from any other that ever had the pid; None when there is no such process.

    On Linux boot id and start tick, which no clock change moves; elsewhere the start time.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
        try:
            return str(psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None
    fields = stat.rpartition(")")[2].split()
    return f"{boot}:{fields[19]}"


def alive(process: ProcessId) -> bool:
    """Whether it still runs or still holds its files and ports. Reaps it when it is a child of the caller.

    A zombie does neither, but a zombie whose other threads are still ending does.
    """
    if start_mark(process.pid) != process.mark:
        return False
    try:
        if psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE or _threads(process.pid) > 1:
            return True
    except psutil.NoSuchProcess:
        return False
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    return False


def _threads(pid: int) -> int:
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return 0


def send(process: ProcessId, number: int) -> bool:
    """Send the signal; False when the process is gone."""
    if not alive(process):
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def with_children(process: ProcessId) -> tuple[ProcessId, ...]:
    """The process and all below it, parents first; empty when it is gone."""
    if not alive(process):
        return ()
    try:
        below = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return (process,)
    marks = ((child.pid, start_mark(child.pid)) for child in below)
    return (process, *(ProcessId(pid, mark) for pid, mark in marks if mark is not None))


def listens(process: ProcessId, port: int) -> bool:
    """Whether the process itself listens on the TCP port."""
    try:
        connections = psutil.Process(process.pid).net_connections(kind="tcp")
    except psutil.NoSuchProcess:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in connections)


def marked(stack_id: str) -> tuple[ProcessId, ...]:
    """Every process of this user (of all users, as root) that was started for the stack."""
    found = []
    for process in psutil.process_iter():
        try:
            mine = process.environ().get(STACK_MARK) == stack_id
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
            continue
        mark = start_mark(process.pid)
        if mine and mark is not None and process.pid != os.getpid():
            found.append(ProcessId(process.pid, mark))
    return tuple(found)


def wait_gone(processes: Iterable[ProcessId], seconds: float) -> tuple[ProcessId, ...]:
    """Wait until all are gone, at most `seconds`; returns those that are not."""
    deadline = time.monotonic() + seconds
    left = tuple(process for process in processes if alive(process))
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = tuple(process for process in left if alive(process))
    return left


def wait_paused(processes: Iterable[ProcessId], seconds: float) -> None:
    """Wait until each stands still or is gone, at most `seconds`: a stop takes a moment to take effect."""
    deadline = time.monotonic() + seconds
    while any(map(_moves, processes)) and time.monotonic() < deadline:
        time.sleep(0.005)


def _moves(process: ProcessId) -> bool:
    try:
        return alive(process) and psutil.Process(process.pid).status() != psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


def stop(process: ProcessId, stop_signal: int = signal.SIGTERM, grace: float = STOP_GRACE_SECONDS) -> None:
    """End the process and all below it: `stop_signal`, `grace` seconds, SIGKILL. Returns when all are gone.

    What is below gets no signal of its own, but a moment to follow its parent before it is killed. A paused
    process is resumed first, else it could not act on the signal.
    """
    family = with_children(process)
    if not family:
        return
    send(process, signal.SIGCONT)
    send(process, stop_signal)
    wait_gone([process], grace)
    end(wait_gone(family, ORPHAN_GRACE_SECONDS))


def end(processes: Iterable[ProcessId]) -> None:
    """SIGKILL each and wait until they are gone."""
    killed = [process for process in processes if send(process, signal.SIGKILL)]
    wait_gone(killed, 10.0)


def run_to_end(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    folder: Path,
    seconds: float,
    cancelled: Callable[[], bool],
    account: Account | None = None,
) -> int | None:
    """Run a program to its end, output appended to `log`; its exit code, None if out of time or cancelled."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(command),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        deadline = time.monotonic() + seconds
        while True:
            try:
                return child.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                if not cancelled() and time.monotonic() < deadline:
                    continue
                family = with_children(ProcessId(child.pid, start_mark(child.pid) or "gone"))
                child.terminate()
                wait_gone(family[:1], 5.0)
                end(wait_gone(family, ORPHAN_GRACE_SECONDS))
                child.wait()
                return None
