"""What the bench does on Kafka: topics of its own, sending, hearing, reading back."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, Final
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.errors import Stalled
from bench.settings import SEND_BATCH_BYTES, SENT_AHEAD, STALLED_S
from client.transport import Outgoing
from schemas.codec import decode
from schemas.envelope import envelope_of
from schemas.leaf import EventRecord
from schemas.topics import topics

COMMANDS: Final = topics().commands("evaluation")
EVENTS: Final = topics().events("evaluation")
RECEIPTS: Final = topics().receipts

ENTRY_WRITTEN: Final = "governance.audit.entry_written"

LINGER_MS: Final = 2
"""How long a single command waits for others, in ms: as the product's client does."""


@asynccontextmanager
async def topic(bootstrap: str, name: str, partitions: int) -> AsyncIterator[str]:
    """A new topic, deleted afterwards; gives its full name."""
    unique = f"{name}.{uuid4().hex[:12]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(unique, partitions, 1)])
        yield unique
        await admin.delete_topics([unique])
    finally:
        await admin.close()


async def ends(bootstrap: str, name: str, partitions: int) -> dict[int, int]:
    """The next offset of each partition."""
    async with reader(bootstrap) as consumer:
        return await _ends(consumer, name, partitions)


@asynccontextmanager
async def reader(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, fetch_max_wait_ms=100)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def writer(bootstrap: str, linger_ms: int = 0) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that waits for all replicas."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        linger_ms=linger_ms,
        max_batch_size=SEND_BATCH_BYTES,
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def hand_over(producer: AIOKafkaProducer, record: Outgoing) -> Any:
    """Gives a command to the producer; what comes back is done once the broker has it."""
    return await producer.send(
        record.topic,
        value=record.value,
        key=record.key,
        partition=record.partition,
        headers=list(record.headers),
    )


Batches = Sequence[tuple[int, Any]]
"""Partition and what aiokafka calls a batch builder."""


def batches(producer: AIOKafkaProducer, records: Iterable[Outgoing]) -> Batches:
    """The commands as full produce batches, in an order that keeps every partition busy.

    Made beforehand: the baseline's load generator repeats one body and makes nothing either.
    """
    full: list[tuple[int, Any]] = []
    filling: dict[int, Any] = {}
    for record in records:
        batch = filling.get(record.partition)
        if batch is None or not _append(batch, record):
            if batch is not None:
                full.append((record.partition, batch))
            batch = filling[record.partition] = producer.create_batch()
            _append(batch, record)
    return [*full, *filling.items()]


async def send(producer: AIOKafkaProducer, made: Batches) -> None:
    """Sends all of them, :data:`SENT_AHEAD` at once; returns when the broker has them."""
    under_way: set[asyncio.Future[Any]] = set()
    for partition, batch in made:
        if len(under_way) >= SENT_AHEAD:
            done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        under_way.add(await producer.send_batch(batch, COMMANDS.name, partition=partition))
    await asyncio.gather(*under_way)


def _append(batch: Any, record: Outgoing) -> bool:
    taken = batch.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers))
    return taken is not None


class WallProgress:
    """How far the evaluation lanes are in the wall, by the sink's receipts: they follow its commits."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._next: dict[int, int] = {}

    @classmethod
    @asynccontextmanager
    async def connect(cls, bootstrap: str) -> "AsyncIterator[WallProgress]":
        """Hears every receipt from now on."""
        async with reader(bootstrap) as consumer:
            places = [TopicPartition(RECEIPTS.name, number) for number in range(RECEIPTS.partitions)]
            consumer.assign(places)
            await consumer.seek_to_end(*places)
            yield cls(consumer)

    async def wait(self, before: Mapping[int, int], count: int) -> float:
        """Until ``count`` events above the sequences ``before`` are in; the ``perf_counter`` then.

        Raises :class:`Stalled`.
        """
        moved = perf_counter()
        while perf_counter() - moved < STALLED_S:
            for found in (await self._consumer.getmany(timeout_ms=500)).values():
                moved = perf_counter()
                for record in found:
                    if dict(record.headers)["ce_type"] == ENTRY_WRITTEN.encode():
                        self._take(record.value)
            done = sum(following - 1 - before.get(lane, 0) for lane, following in self._next.items())
            if done >= count:
                return perf_counter()
        raise Stalled(f"nothing came into the wall for {STALLED_S:.0f} s")

    def _take(self, value: bytes) -> None:
        receipt = decode(ENTRY_WRITTEN, value)
        partition, following = receipt["partition"], receipt["next_lane_seq"]
        if receipt["topic"] == EVENTS.name and isinstance(partition, int) and isinstance(following, int):
            self._next[partition] = max(following, self._next.get(partition, 0))


async def read_back(bootstrap: str, first: Mapping[int, int]) -> list[EventRecord]:
    """The evaluation events from these offsets to the ends, in order inside each partition."""
    found: list[EventRecord] = []
    async with reader(bootstrap) as consumer:
        end = await _ends(consumer, EVENTS.name, EVENTS.partitions)
        open_ = {number for number in end if first.get(number, 0) < end[number]}
        consumer.assign([TopicPartition(EVENTS.name, number) for number in sorted(open_)])
        for number in open_:
            consumer.seek(TopicPartition(EVENTS.name, number), first.get(number, 0))
        moved = perf_counter()
        while open_:
            if perf_counter() - moved > STALLED_S:
                raise Stalled(f"no event came from {EVENTS.name} for {STALLED_S:.0f} s")
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                moved = perf_counter()
                found += [event_of(record) for record in records if record.offset < end[place.partition]]
                if records[-1].offset >= end[place.partition] - 1:
                    open_.discard(place.partition)
    return found


def event_of(record: Any) -> EventRecord:
    """A consumed record as the event that it is."""
    headers = tuple(record.headers)
    sequence = envelope_of(headers).sequence or 0
    return EventRecord(record.topic, record.partition, sequence, record.key, headers, record.value)


async def _ends(consumer: AIOKafkaConsumer, name: str, partitions: int) -> dict[int, int]:
    places = [TopicPartition(name, number) for number in range(partitions)]
    return {place.partition: int(end) for place, end in (await consumer.end_offsets(places)).items()}
