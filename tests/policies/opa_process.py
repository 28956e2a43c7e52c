"""One real OPA, started for a test and ended with it."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from devstack.servers.opa_config import Json, run_arguments

READY_S = 20.0
GRACE_S = 1.0
"""OPA waits longer than this where a client still has a connection open."""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class OpaProcess:
    """A running OPA."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def pause(self) -> None:
        """Stops its execution."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it run on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it at once."""
        self.process.kill()
        self.process.wait()

    def data(self, path: str) -> object:
        """The document at a path, None when it is undefined."""
        answer = httpx.get(f"{self.url}/v1/data/{path}").json()
        return answer.get("result")

    def stopped(self) -> None:
        """Ends it in good order, where nobody keeps it from that."""
        self.resume()
        self.process.terminate()
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()


def start(binary: str, arguments: Sequence[str], log: Path, port: int) -> OpaProcess:
    """Starts OPA and waits until it answers on its port."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [binary, *arguments],
            stdout=output,
            stderr=output,
            env={"PATH": os.defpath, "HOME": str(log.parent)},
        )
    opa = OpaProcess(port, process)
    end = time.monotonic() + READY_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{opa.url}/health", timeout=1.0).status_code == 200:
                return opa
        except httpx.TransportError:
            time.sleep(0.02)
    opa.kill()
    raise AssertionError(f"OPA did not start: {log.read_text()}")


@contextmanager
def serving_bundle(
    binary: str, bundle: bytes, folder: Path, fixed_port: int | None = None
) -> Iterator[OpaProcess]:
    """An OPA that serves one bundle file."""
    file = folder / "bundle.tar.gz"
    file.write_bytes(bundle)
    port = fixed_port or free_port()
    arguments = ("run", "--server", "--addr", f"127.0.0.1:{port}", "--log-level", "error")
    opa = start(binary, (*arguments, "--skip-version-check", "--bundle", str(file)), folder / "opa.log", port)
    try:
        yield opa
    finally:
        opa.stopped()


@contextmanager
def configured(binary: str, config: Json, folder: Path, port: int | None = None) -> Iterator[OpaProcess]:
    """An OPA with a configuration, as the stack starts it."""
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    chosen = port or free_port()
    arguments = (*run_arguments(f"127.0.0.1:{chosen}"), "--config-file", str(file))
    opa = start(binary, arguments, folder / "opa.log", chosen)
    try:
        yield opa
    finally:
        opa.stopped()
