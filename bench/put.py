"""OPA's own way to take a policy over: ``PUT /v1/policies`` to one process that holds all the others."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, sleep
from typing import Final

import httpx

from agents.bundles.archive import Contents, build
from agents.bundles.ports import LoadableVersion
from bench.errors import NotVerified
from bench.loaded import EXAMPLE, names
from bench.processes import free_port, process, wait_for
from bench.settings import ROOT
from devstack.artifacts import opa_binary
from devstack.servers.opa_config import run_arguments
from devstack.settings import OPA_GOGC
from rego.loaded import Loaded

ASK_EVERY_S: Final = 0.005
"""Seconds between the decisions that are asked while a policy is put."""


@dataclass(frozen=True, slots=True)
class Put:
    """One policy put: milliseconds to its answer, and of the slowest decision meanwhile."""

    ms: float
    worst_ms: float


def modules(count: int) -> dict[tuple[str, str, int], str]:
    """``count`` example policies in packages of their own."""
    text = (ROOT / "rego" / "examples" / EXAMPLE).read_text(encoding="utf-8")
    start = text.index("package ")
    end = text.index("\n", start)
    found = {}
    for tenant, name in names(count):
        package = f'package tenants["{tenant}"]["{name}"].v1'
        decision = '\ndecision := {"allow": allow, "violations": violations}\n'
        found[tenant, name, 1] = text[:start] + package + text[end:] + decision
    return found


@contextmanager
def holding(count: int) -> Iterator[tuple[str, int]]:
    """An OPA that holds ``count`` policies from a bundle; gives its address and process id."""
    held = modules(count)
    versions = [
        LoadableVersion(*key, "active", sha256(text.encode()).hexdigest(), None, 0)
        for key, text in held.items()
    ]
    loaded = {key: Loaded(text) for key, text in held.items()}
    data = build(Contents.of(versions), loaded, 1, b"")
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="aumos-bench-opa-") as folder:
        file = Path(folder, "bundle.tar.gz")
        file.write_bytes(data)
        command = (str(opa_binary()), *run_arguments(address), "--bundle", str(file))
        environment = {"PATH": os.environ.get("PATH", os.defpath), "GOGC": OPA_GOGC}
        with process(command, environment) as pid:
            wait_for(lambda: httpx.get(f"http://{address}/health?bundles", trust_env=False))
            yield f"http://{address}", pid


def put(url: str, number: int) -> Put:
    """Puts one more version of a policy while decisions go on; raises :class:`NotVerified`."""
    package, path = f"put.v{number}", f"/v1/data/put/v{number}/decision"
    source = f'package {package}\n\ndecision := {{"allow": true, "says": {number}}}\n'
    tenant, name = names(1)[0]
    other = f"/v1/data/tenants/{tenant}/{name}/v1/decision"
    waits: list[float] = []
    stop = Event()

    def ask() -> None:
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            while not stop.is_set():
                began = perf_counter()
                client.post(other, json={"input": {"model": {"risk_level": "high"}}}).raise_for_status()
                waits.append((perf_counter() - began) * 1e3)
                sleep(ASK_EVERY_S)

    asking = Thread(target=ask)
    asking.start()
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=120) as client:
            sleep(0.2)
            before = len(waits)
            began = perf_counter()
            client.put(f"/v1/policies/put-{number}", content=source).raise_for_status()
            said = client.post(path, json={"input": {}}).json()
            took = (perf_counter() - began) * 1e3
    finally:
        stop.set()
        asking.join()
    if said.get("result", {}).get("says") != number:
        raise NotVerified(f"OPA answers {said} after a PUT")
    return Put(took, max(waits[before:]))


def puts(count: int, rounds: int) -> Sequence[Put]:
    """So many PUTs, one after the other, to a process that holds ``count`` policies."""
    with holding(count) as (url, _):
        return [put(url, number) for number in range(rounds)]
