"""The reference of whole path and latency: the synchronous service, driven by wrk."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from bench import wrk
from bench.errors import NotInstalled
from bench.figures import expect
from bench.kafka import ends, topic
from bench.postgres import count, database
from bench.processes import free_port, process, wait_for
from bench.settings import CLIENTS, SERVERS, Sizes, baseline_folder
from bench.system import Addresses
from bench.wrk import Measured
from devstack.artifacts import opa_binary
from devstack.servers.opa_config import run_arguments
from devstack.settings import OPA_GOGC

POLICY: Final = "00000000-0000-0000-0000-000000000003"
"""The policy that the baseline's README asks."""
WARM_UP_S: Final = 2
EVENT_PARTITIONS: Final = 8

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One way of running it, and what came of it."""

    servers: int
    clients: int
    measured: Measured

    def __str__(self) -> str:
        found = self.measured
        return (
            f"{self.servers} processes, {self.clients} clients: {found.rate:.0f}/s, "
            f"p50 {found.p50_ms:.1f} ms, p99 {found.p99_ms:.1f} ms"
        )


@dataclass(frozen=True, slots=True)
class Baseline:
    """Every way of running it."""

    runs: tuple[Run, ...]

    @property
    def best(self) -> Run:
        """The one with most decisions a second: the reference."""
        return max(self.runs, key=lambda run: run.measured.rate)


async def measure(addresses: Addresses, sizes: Sizes, say: Say) -> Baseline:
    """Measures all ways, each from its own start, on databases and a topic of its own.

    Raises the errors of :mod:`bench.errors`.
    """
    folder = baseline_folder()
    if not (folder / "service.py").is_file():
        raise NotInstalled(f"missing: the baseline in {folder}; BENCH_BASELINE_DIR names another folder")
    program = wrk.find_wrk()
    async with _stores(addresses) as (environment, stores):
        answered = 0
        runs = []
        for servers in SERVERS:
            with _serving(folder, environment, servers) as url:
                await asyncio.to_thread(wrk.run, program, CLIENTS[1], WARM_UP_S, folder / "evaluate.lua", url)
                for clients in CLIENTS:
                    found = await asyncio.to_thread(
                        wrk.run, program, clients, sizes.baseline_s, folder / "evaluate.lua", url
                    )
                    answered += found.answers
                    runs.append(Run(servers, clients, found))
                    say(str(runs[-1]))
        await stores.verify(answered)
    return Baseline(tuple(runs))


@dataclass(frozen=True, slots=True)
class _Stores:
    primary: str
    audit: str
    kafka: str
    topic: str

    async def verify(self, answered: int) -> None:
        """Each answer stands in all three places (a request that wrk gave up may, too)."""
        decided = await count(self.primary, "baseline_evaluations")
        audited = await count(self.audit, "baseline_audit_trail_entries")
        published = sum((await ends(self.kafka, self.topic, EVENT_PARTITIONS)).values())
        for found, where in ((decided, "decided"), (audited, "audited"), (published, "published")):
            expect(found >= answered, f"baseline: {answered} answers, {found} {where}")


@asynccontextmanager
async def _stores(addresses: Addresses) -> AsyncIterator[tuple[Mapping[str, str], _Stores]]:
    async with (
        database(addresses.primary, "bench_baseline") as primary,
        database(addresses.audit, "bench_baseline") as audit,
        topic(addresses.kafka, "bench.baseline", EVENT_PARTITIONS) as events,
    ):
        with _opa() as opa_url:
            environment = {
                "PRIMARY_DSN": primary,
                "AUDIT_DSN": audit,
                "OPA_URL": opa_url,
                "KAFKA": addresses.kafka,
                "EVENT_TOPIC": events,
            }
            yield environment, _Stores(primary, audit, addresses.kafka, events)


@contextmanager
def _opa() -> Iterator[str]:
    """An OPA of its own: the stack's takes policies from bundles only."""
    address = f"127.0.0.1:{free_port()}"
    environment = {"PATH": os.environ.get("PATH", os.defpath), "GOGC": OPA_GOGC}
    with process((str(opa_binary()), *run_arguments(address)), environment):
        wait_for(lambda: httpx.get(f"http://{address}/health", trust_env=False))
        yield f"http://{address}"


@contextmanager
def _serving(folder: Path, environment: Mapping[str, str], servers: int) -> Iterator[str]:
    port = free_port()
    arguments = ("-m", "uvicorn", "service:app", "--app-dir", str(folder), "--log-level", "warning")
    command = (sys.executable, *arguments, "--port", str(port), "--workers", str(servers))
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    url = f"http://127.0.0.1:{port}/api/v1/policies/{POLICY}/evaluate"
    with process(command, {**inherited, **environment, "PYTHONDONTWRITEBYTECODE": "1"}):
        wait_for(lambda: httpx.post(url, json={"input": {}}, trust_env=False))
        yield url
