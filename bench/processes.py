"""Processes that a bench starts for itself."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import httpx

from bench.errors import Stalled

START_S: Final = 30.0
"""Longest time that a process takes to answer, in seconds."""


@contextmanager
def process(command: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[int]:
    """A process that is stopped again, with the given environment and nothing else; gives its id.

    What it logs is lost.
    """
    started = subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield started.pid
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def wait_for(ask: Callable[[], httpx.Response]) -> None:
    """Asks until the answer is a success; raises :class:`Stalled` after :data:`START_S`."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            if ask().is_success:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise Stalled(f"it did not answer within {START_S:.0f} s")
        time.sleep(0.1)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
