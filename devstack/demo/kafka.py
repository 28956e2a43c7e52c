"""Sending, as fast as the broker takes it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from devstack.demo.records import Record
from schemas.topics import FAMILIES, topics

Lane = tuple[str, int]
"""Command topic and partition."""

AT_ONCE: Final = 1_000
"""Records on their way at the same time; their acknowledgements are awaited together."""

LINGER_MS: Final = 5
"""How long a record waits for others of its partition, in ms."""

MAX_BATCH_BYTES: Final = 262_144
"""Records of one partition that travel together at most."""


async def send(kafka: str, records: Iterable[Record], acknowledged: Callable[[int], None]) -> None:
    """Sends in order, each to its own partition, and tells how many more every replica has."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka,
        acks="all",
        enable_idempotence=True,
        linger_ms=LINGER_MS,
        max_batch_size=MAX_BATCH_BYTES,
        max_request_size=topics().defaults.max_message_bytes,
    )
    await producer.start()
    try:
        under_way = []
        for record in records:
            under_way.append(
                await producer.send(
                    record.topic,
                    value=record.value,
                    key=record.key,
                    partition=record.partition,
                    headers=list(record.headers),
                )
            )
            if len(under_way) == AT_ONCE:
                await asyncio.gather(*under_way)
                acknowledged(len(under_way))
                under_way.clear()
        await asyncio.gather(*under_way)
        acknowledged(len(under_way))
    finally:
        await producer.stop()


class CommandTopics:
    """Where the partitions of all command topics end."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._partitions = [
            TopicPartition(topic.name, number)
            for topic in map(topics().commands, FAMILIES)
            for number in range(topic.partitions)
        ]

    @classmethod
    @asynccontextmanager
    async def connect(cls, kafka: str) -> "AsyncIterator[CommandTopics]":
        """Connected to a broker."""
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=None)
        await consumer.start()
        try:
            yield cls(consumer)
        finally:
            await consumer.stop()

    async def ends(self) -> Mapping[Lane, int]:
        """The next offset of every partition."""
        ends = await self._consumer.end_offsets(self._partitions)
        return {(place.topic, place.partition): int(end) for place, end in ends.items()}
