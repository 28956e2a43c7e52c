"""The primary database is restored from an older backup: workers refuse it until it has its events back."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

import asyncpg
import pytest

import devstack
from client.governance import GovernanceClient
from devstack.demo.postgres import Primary
from devstack.demo.rest import Watch, rest
from devstack.demo.servers import Servers
from projections.invariants import check
from schemas.models import ApproveErasure, CreatePolicy, EraseSubject, UpdatePolicy
from tests.command_line import Governance
from tests.conftest import ENCRYPTING
from tests.system.acting import active
from tests.system.example import GATE_SOURCE

DATABASE: Final = "governance"
BACKUP: Final = "governance_backup"
PATIENCE_S: Final = 60
WORKERS: Final = ("worker-0", "worker-1")


@asynccontextmanager
async def at_rest(servers: Servers) -> AsyncIterator[None]:
    """Everything sent is decided, published and audited before the block begins."""
    async with AsyncExitStack() as resources:
        primary = await resources.enter_async_context(Primary.connect(servers.database))
        watch = await Watch.open(servers, primary, resources)
        await rest(watch.look, await watch.look(), None, lambda _progress: None)
    yield


async def administer(system: devstack.Stack, *statements: str) -> None:
    """Statements on the primary server, where no database of the product is open."""
    connection = await asyncpg.connect(system.superuser_dsn(database="postgres"))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def stop(system: devstack.Stack) -> list[str]:
    """Stops what uses the primary database; returns the names."""
    names = [c.name for c in system.components if c.kind == "process" and not c.name.startswith("sink")]
    for name in names:
        system.stop(name)
    return names


def start(system: devstack.Stack, names: Iterable[str]) -> None:
    """Starts those that do not run."""
    for name in names:
        system.start(name)


async def decisions(gov: GovernanceClient, count: int) -> None:
    """Some decisions."""
    await asyncio.gather(
        *(gov.evaluate("gate", {"ok": True}, resource=f"model/m-{n}", timeout=30) for n in range(count))
    )


async def a_person_is_decided_on(servers: Servers) -> Callable[[], Awaitable[object]]:
    """A decision with encrypted fields; what is returned has two persons destroy their key."""
    async with (
        GovernanceClient.connect(servers.kafka, ENCRYPTING, "ann") as gov,
        servers.reading(ENCRYPTING) as api,
    ):
        policy = CreatePolicy(name="hiring", rego_content=GATE_SOURCE, personal_fields=["/user/name"])
        await active(gov, api, policy)
        await gov.evaluate("hiring", {"ok": True, "user": {"id": "u-1", "name": "Ada"}})

    async def erase() -> object:
        async with GovernanceClient.connect(servers.kafka, ENCRYPTING, "ann") as one:
            request = await one.submit(EraseSubject(person="u-1", authority="DSR-7", reason=""))
        async with GovernanceClient.connect(servers.kafka, ENCRYPTING, "bob") as other:
            return await other.submit(ApproveErasure(request=request.event_id))

    return erase


async def keys_held(system: devstack.Stack) -> int:
    """Keys of that tenant that the database has."""
    connection = await asyncpg.connect(system.superuser_dsn())
    try:
        held = "SELECT count(key) FROM governance.subject_key WHERE tenant_id = $1"
        return int(await connection.fetchval(held, ENCRYPTING))
    finally:
        await connection.close()


@pytest.mark.timeout(900)
async def test_an_older_backup_is_refused_and_brought_up_to_its_published_events(
    system: devstack.Stack, tmp_path: Path
) -> None:
    servers, tenant = Servers.of(system), f"t-{uuid4().hex[:10]}"
    await asyncio.to_thread(start, system, [component.name for component in system.components])
    async with GovernanceClient.connect(servers.kafka, tenant, "svc-mlops") as gov:
        async with servers.reading(tenant) as api:
            await active(gov, api, CreatePolicy(name="gate", rego_content=GATE_SOURCE))
        await decisions(gov, 20)
        erase = await a_person_is_decided_on(servers)
        async with at_rest(servers):
            names = await asyncio.to_thread(stop, system)
            await administer(system, f"CREATE DATABASE {BACKUP} TEMPLATE {DATABASE}")
        await asyncio.to_thread(start, system, names)
        await gov.submit(UpdatePolicy(policy="gate", description="after the backup"))
        await decisions(gov, 60)
        await erase()
        assert await keys_held(system) == 0
        async with at_rest(servers):
            await asyncio.to_thread(stop, system)
            await administer(
                system, f"DROP DATABASE {DATABASE}", f"ALTER DATABASE {BACKUP} RENAME TO {DATABASE}"
            )
        await asyncio.to_thread(start, system, [name for name in names if name not in WORKERS])
        assert await asyncio.to_thread(refused, system)
        operator = Governance(system.environment("worker"), tenant, tmp_path)
        assert await keys_held(system) == 1
        await asyncio.to_thread(operator, "lanes", "restore")
        assert await keys_held(system) == 0
        await asyncio.to_thread(start, system, WORKERS)
        await decisions(gov, 5)
        async with at_rest(servers):
            report = await check(servers.sources)
    assert report.holds, report.document()


def refused(system: devstack.Stack) -> bool:
    """Whether a worker that finds the database ends, and says that it is behind its own events."""
    with suppress(devstack.ComponentFailed):  # it may end while it starts, or as it gets its lanes
        system.start(WORKERS[0])
    for _ in range(PATIENCE_S):
        (worker,) = (each for each in system.status() if each.name == WORKERS[0])
        if worker.state is devstack.State.CRASHED:
            return "was it restored from an older backup?" in (worker.tail or "")
        time.sleep(1)
    return False
