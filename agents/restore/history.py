"""The published events of a lane, from a sequence on, as one run without repeats."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.errors import Outage
from schemas.envelope import envelope_of
from schemas.leaf import EventRecord

POLL_MS: Final = 1_000
SILENCE_S: Final = 30.0
"""Longest wait for records that the broker says it has, in seconds."""


class History(Protocol):
    """The event topics, read from their beginning."""

    def events(self, topic: str, partition: int) -> AsyncIterator[EventRecord]:
        """Every record up to the partition's present end, repeats included. Raises Outage."""


class KafkaHistory:
    """A :class:`History` with a consumer outside any group; use it for one lane at a time."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
        )

    async def start(self) -> None:
        """Connects; raises KafkaError where no broker answers."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnects."""
        await self._consumer.stop()

    async def events(self, topic: str, partition: int) -> AsyncIterator[EventRecord]:
        where = TopicPartition(topic, partition)
        try:
            end = (await self._consumer.end_offsets([where]))[where]
            self._consumer.assign([where])
            await self._consumer.seek_to_beginning(where)
            while await self._consumer.position(where) < end:
                async with asyncio.timeout(SILENCE_S):
                    while not (got := await self._consumer.getmany(where, timeout_ms=POLL_MS)).get(where):
                        continue
                for message in got[where]:
                    sequence = envelope_of(message.headers).sequence or 0
                    headers = tuple(message.headers)
                    yield EventRecord(topic, partition, sequence, message.key, headers, message.value)
        except (KafkaError, TimeoutError) as error:
            raise Outage(f"kafka: {topic}/{partition}: {error}") from error
