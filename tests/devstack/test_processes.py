"""Processes end when they are told to, with all below them, and nobody else's process is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack import processes
from devstack.ports import is_free
from devstack.processes import STACK_MARK, ProcessId

SLEEP = "import time; time.sleep(600)"
STUBBORN = f"import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
CHILD = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}])"
PARENT = f"{CHILD}; print('up', flush=True); {SLEEP}"
SERVER = f"""
import socket, threading, time
server = socket.create_server(("127.0.0.1", 0))
memory = bytearray(300_000_000)
for _ in range(300):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
print(server.getsockname()[1], flush=True)
{SLEEP}
"""

Spawn = Callable[[str], ProcessId]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited 20 s in vain"
        time.sleep(0.02)


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    started: list[ProcessId] = []

    def start(code: str) -> ProcessId:
        log = tmp_path / "process.log"
        command = [sys.executable, "-c", code]
        process = processes.spawn(command, {STACK_MARK: "test-stack"}, log, tmp_path)
        started.append(process)
        if "print" in code:
            wait_for(log.read_text)
        return process

    yield start
    for process in started:
        processes.end(processes.with_children(process))


def test_a_stopped_process_is_gone_with_all_below_it(spawn: Spawn) -> None:
    parent = spawn(PARENT)
    family = processes.with_children(parent)
    assert len(family) == 2
    processes.stop(parent)
    assert not any(processes.alive(each) for each in family)


def test_a_process_that_ignores_the_signal_is_killed_after_its_grace(spawn: Spawn) -> None:
    stubborn = spawn(STUBBORN)
    processes.stop(stubborn, signal.SIGTERM, grace=0.2)
    assert not processes.alive(stubborn)


def test_a_paused_process_can_still_be_stopped_in_good_order(spawn: Spawn) -> None:
    paused = spawn(SLEEP)
    processes.send(paused, signal.SIGSTOP)
    processes.stop(paused, signal.SIGTERM, grace=20.0)
    assert not processes.alive(paused)


def test_a_pid_that_now_belongs_to_another_process_is_left_alone(spawn: Spawn) -> None:
    other = spawn(SLEEP)
    recorded = ProcessId(other.pid, "the mark of an earlier process")
    assert not processes.alive(recorded)
    assert not processes.send(recorded, signal.SIGKILL)
    processes.stop(recorded)
    assert processes.alive(other)


def test_a_zombie_does_not_run() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    process = ProcessId(child.pid, processes.start_mark(child.pid) or "")
    wait_for(lambda: not processes.alive(process))
    child.wait()


def test_a_process_runs_until_its_last_thread_has_let_go_of_its_port(spawn: Spawn, tmp_path: Path) -> None:
    """The first thread of a killed process is a zombie while others still hold its sockets."""
    for _ in range(5):
        server = spawn(SERVER)
        port = int((tmp_path / "process.log").read_text())
        os.kill(server.pid, signal.SIGKILL)
        while processes.alive(server):
            pass
        assert is_free(port)


def test_an_orphan_of_the_stack_is_found_by_its_mark(spawn: Spawn) -> None:
    parent = spawn(PARENT)
    _, child = processes.with_children(parent)
    os.kill(parent.pid, signal.SIGKILL)
    wait_for(lambda: not processes.alive(parent))
    assert child in processes.marked("test-stack")
    assert child not in processes.marked("another-stack")
    processes.end([child])
    assert not processes.alive(child)


def test_the_log_of_the_earlier_run_is_kept(spawn: Spawn, tmp_path: Path) -> None:
    spawn("print('first')")
    spawn("print('second')")
    assert (tmp_path / "process.log").read_text() == "second\n"
    assert (tmp_path / "process.log.1").read_text() == "first\n"


def run(tmp_path: Path, code: str, seconds: float, cancelled: Callable[[], bool]) -> int | None:
    command = [sys.executable, "-c", code]
    environment = {STACK_MARK: "test-step"}
    return processes.run_to_end(command, environment, tmp_path / "step.log", tmp_path, seconds, cancelled)


def test_a_step_gives_its_exit_code_and_its_output(tmp_path: Path) -> None:
    assert run(tmp_path, "print('done'); raise SystemExit(3)", 30, lambda: False) == 3
    assert (tmp_path / "step.log").read_text() == "done\n"


def test_a_step_out_of_time_is_ended_with_all_below_it(tmp_path: Path) -> None:
    assert run(tmp_path, PARENT, 1.0, lambda: False) is None
    assert processes.marked("test-step") == ()


def test_a_cancelled_step_is_ended(tmp_path: Path) -> None:
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    assert run(tmp_path, SLEEP, 60, cancel.is_set) is None
    assert processes.marked("test-step") == ()
