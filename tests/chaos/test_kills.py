"""Seeded kills and pauses of the real processes under load, and the six invariants afterwards."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
import pytest
from aiokafka import AIOKafkaProducer

import devstack
from client.errors import GovernanceError
from devstack.demo.postgres import Primary
from devstack.demo.records import Record, Run
from devstack.demo.register import read_register
from devstack.demo.rest import Watch, rest
from devstack.demo.scenario import TENANTS, plan, records
from devstack.demo.servers import Servers
from devstack.demo.setup import activate_policies
from projections.invariants import check
from projections.invariants.evidence import SeenPolicy
from projections.invariants.http import seen_policy
from schemas.envelope import timestamp
from schemas.identity import new_command_id
from schemas.topics import topics
from tests.chaos.compliance import comply
from tests.chaos.faults import Fault, faults
from tests.ledger import signed_up, verified

SEED: Final = int(os.environ.get("CHAOS_SEED", "20261123"))
FAULTS: Final = int(os.environ.get("CHAOS_FAULTS", "30"))

BURST: Final = 20
"""Commands sent at once."""

BETWEEN_BURSTS_S: Final = 0.15
"""About 130 commands a second: enough that every fault hits work under way."""

SEND_S: Final = 90_000
"""Longest that a producer tries, in ms: longer than any fault lasts, so that no send is given up."""


@pytest.mark.timeout(900)
async def test_kills_and_pauses_lose_double_and_reorder_nothing(
    system: devstack.Stack, tmp_path: Path
) -> None:
    servers = Servers.of(system)
    run = Run(new_command_id(), timestamp(datetime.now(UTC)))
    await activate_policies(servers, run, TENANTS)
    done = asyncio.Event()
    drawn = faults(SEED, FAULTS)
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(_send(servers, run, done))
        complying = group.create_task(comply(servers, run, tmp_path, done))
        watching = group.create_task(_watch_policies(servers, done))
        await _inflict(system, drawn)
        done.set()
    await asyncio.to_thread(_all_up, system)
    async with AsyncExitStack() as resources:
        primary = await resources.enter_async_context(Primary.connect(servers.database))
        watch = await Watch.open(servers, primary, resources)
        await rest(watch.look, await watch.look(), None, lambda _progress: None)
    report = await check(servers.sources, watching.result())
    account = "\n".join([f"CHAOS_SEED={SEED}", *map(str, drawn)])
    assert report.holds, f"{report.document()}\nfaults:\n{account}"
    assert report.counts["commands"] >= sending.result() > FAULTS * BURST / 2, account
    assert report.counts["decisions"] > 0
    assert complying.result() > FAULTS, account
    await signed_up(system)
    proven = await asyncio.to_thread(verified, system)
    assert proven["holds"], f"{proven}\nfaults:\n{account}"
    assert watching.result(), "no reader saw anything while the faults happened"


async def _send(servers: Servers, run: Run, done: asyncio.Event) -> int:
    """Sends the demo's commands, flawed ones included, until ``done``; how many were acknowledged."""
    producer = AIOKafkaProducer(
        bootstrap_servers=servers.kafka,
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=SEND_S,
        max_request_size=topics().defaults.max_message_bytes,
    )
    await producer.start()
    acknowledged = 0
    try:
        waiting = iter(records(plan(read_register(), 50_000, SEED), run))
        while not done.is_set():
            burst = [
                await _hand_over(producer, record) for record, _ in zip(waiting, range(BURST), strict=False)
            ]
            acknowledged += len(await asyncio.gather(*burst))
            await asyncio.sleep(BETWEEN_BURSTS_S)
    finally:
        await producer.stop()
    return acknowledged


async def _hand_over(producer: AIOKafkaProducer, record: Record) -> "asyncio.Future[object]":
    return await producer.send(  # type: ignore[no-any-return]
        record.topic,
        value=record.value,
        key=record.key,
        partition=record.partition,
        headers=list(record.headers),
    )


async def _watch_policies(servers: Servers, done: asyncio.Event) -> list[SeenPolicy]:
    """What readers are shown meanwhile; a read API that cannot answer for a moment shows nothing."""
    seen: list[SeenPolicy] = []
    async with servers.reading(TENANTS[0]) as api:
        while not done.is_set():
            with suppress(GovernanceError, httpx.HTTPError):
                page = await api.get("/api/v1/policies?limit=200")
                seen += [seen_policy(TENANTS[0], item) for item in page["items"]]
            await asyncio.sleep(0.5)
    return seen


async def _inflict(system: devstack.Stack, drawn: Sequence[Fault]) -> None:
    """Does one fault after the other; a killed component starts again beside the next faults."""
    async with asyncio.TaskGroup() as restarts:
        for fault in drawn:
            await asyncio.sleep(fault.after_s)
            if fault.action == "kill":
                await asyncio.to_thread(system.kill, fault.component)
                restarts.create_task(asyncio.to_thread(_start, system, fault.component))
            elif await asyncio.to_thread(system.pause, fault.component):
                await asyncio.sleep(fault.pause_s)
                await asyncio.to_thread(system.resume, fault.component)


def _start(system: devstack.Stack, component: str) -> None:
    with suppress(devstack.ComponentFailed):  # killed or paused again while it started; _all_up ends that
        system.start(component)


def _all_up(system: devstack.Stack) -> None:
    """Every component runs again, however often its start was cut short by another fault."""
    for component in system.components:
        system.resume(component.name)
        system.start(component.name)
