"""What the tests do to the system more than once: send raw records, activate, ask until something is so."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final
from urllib.parse import quote

from aiokafka import AIOKafkaProducer

from client.api import Json, ReadApi
from client.errors import ApiRefused
from client.governance import GovernanceClient
from devstack.demo.records import Record
from schemas.models import ActivatePolicy, CreatePolicy
from schemas.topics import topics

Position = tuple[str, int, int]
"""Topic, partition and offset."""

PATIENCE_S: Final = 60.0
"""How long something may take that takes a second on a quiet machine."""

POLL_S: Final = 0.05
"""Between two looks, in seconds."""


async def send(kafka: str, records: Iterable[Record]) -> list[Position]:
    """Sends records as they are, each to its own partition; where they stand once the broker has them."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka,
        acks="all",
        enable_idempotence=True,
        max_request_size=topics().defaults.max_message_bytes,
    )
    await producer.start()
    try:
        under_way = [
            await producer.send(
                record.topic,
                value=record.value,
                key=record.key,
                partition=record.partition,
                headers=list(record.headers),
            )
            for record in records
        ]
        return [(each.topic, each.partition, each.offset) for each in await asyncio.gather(*under_way)]
    finally:
        await producer.stop()


async def until(look: Callable[[], Awaitable[Json | None]]) -> Json:
    """The first thing that ``look`` finds; raises TimeoutError after :data:`PATIENCE_S`."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if (found := await look()) is not None:
                return found
            await asyncio.sleep(POLL_S)


async def active(gov: GovernanceClient, api: ReadApi, policy: CreatePolicy) -> Json:
    """Creates a policy and returns what the read API shows of it once its first version decides."""
    await gov.submit(policy)
    return await activate(gov, api, policy.name, 1)


async def activate(gov: GovernanceClient, api: ReadApi, policy: str, version: int) -> Json:
    """Activates a version and returns what the read API shows of the policy once it decides."""
    await gov.submit(ActivatePolicy(policy=policy, version=version))

    async def decides() -> Json | None:
        shown = await api.get(f"/api/v1/policies/{quote(policy, safe='')}")
        return shown if shown["active_version"] == version else None

    return await until(decides)


async def outcome(api: ReadApi, command_id: str) -> Json:
    """What the read API shows of a command once it has its outcome."""

    async def settled() -> Json | None:
        try:
            return await api.get(f"/api/v1/commands/{quote(command_id, safe='')}")
        except ApiRefused as refused:
            if refused.status == 404:
                return None
            raise

    return await until(settled)


async def entry(api: ReadApi, event_id: str) -> Json:
    """The wall's entry of an event, once the wall has it."""

    async def written() -> Json | None:
        items = (await api.get("/api/v1/audit-trail", {"event_id": event_id}))["items"]
        return items[0] if items else None

    return await until(written)
