"""The bundle service in this process, for tests: real HTTP, versions and commands in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from agents.bundles.activations import Activations
from agents.bundles.commands import Sealer
from agents.bundles.distribution import Distribution
from agents.bundles.fake import FakeOutlet, FakeVersions
from agents.bundles.loops import Outages, announce, read_versions
from agents.bundles.telemetry import Telemetry
from agents.bundles.web import Front
from schemas.codec import decode
from schemas.envelope import envelope_of
from schemas.models import COMMANDS, Command
from tests.loopback import serving

ENGINE_KEY = b"e" * 32


@dataclass(slots=True)
class Service:
    """A running service."""

    versions: FakeVersions
    outlet: FakeOutlet
    distribution: Distribution
    registry: CollectorRegistry
    seen: int = field(default=0)

    async def verdict(self, seconds: float = 15.0) -> tuple[str, Command]:
        """The next command that it publishes, with its tenant."""
        async with asyncio.timeout(seconds):
            await until(lambda: len(self.outlet.published) > self.seen)
        record = self.outlet.published[self.seen]
        self.seen += 1
        envelope = envelope_of(record.headers)
        body = decode(envelope.type, record.value)
        return envelope.tenant, COMMANDS[envelope.type].model_validate(dict(body))

    async def confirmed(self, name: str = "opa-0", seconds: float = 15.0) -> int:
        """Waits until the process serves the newest bundle; its revision."""
        shard = self.distribution.shards[name]
        async with asyncio.timeout(seconds):
            await until(lambda: shard.offer is not None and shard.confirmed == shard.offer)
        assert shard.offer is not None
        return shard.offer.revision


async def until(holds: Callable[[], bool]) -> None:
    """Looks again and again; the caller sets the time-out."""
    while not holds():  # noqa: ASYNC110 - what is waited for is set by code that knows no tests
        await asyncio.sleep(0.005)


@asynccontextmanager
async def running(
    port: int,
    versions: FakeVersions,
    processes: int = 1,
    patience_s: float = 10.0,
    signing_key: bytes = b"",
    outlet: FakeOutlet | None = None,
) -> AsyncIterator[Service]:
    """The service on a port of loopback."""
    chosen = outlet or FakeOutlet()
    distribution = Distribution(versions, processes, signing_key)
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, distribution)
    activations = Activations(Sealer(ENGINE_KEY, lambda: datetime.now(UTC)), patience_s, repeat_s=60.0)
    application = Front(distribution, registry, lambda: "").application()
    reading = read_versions(versions, distribution, activations, Outages("postgres", telemetry), 0.5, 0.005)
    telling = announce(chosen, distribution, activations, Outages("kafka", telemetry), telemetry)
    async with serving(application, port):
        tasks = [asyncio.create_task(reading), asyncio.create_task(telling)]
        try:
            yield Service(versions, chosen, distribution, registry)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            distribution.close()
