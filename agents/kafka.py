"""Command and event topics on Kafka, beside the group consumer that Faust runs."""

import asyncio
from collections.abc import Awaitable, Generator, Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from agents.errors import LaneRewound, Outage, Undeliverable
from agents.records import CommandRecord, LaneId
from schemas.envelope import envelope_of
from schemas.leaf import EventRecord

READ_S: Final = 5.0
"""Longest wait for records that the broker says it has; beyond it the read counts as an outage."""

POLL_MS: Final = 200
"""Longest wait of one look for records, in ms."""

PIECE_RECORDS: Final = 500
"""Records read at once in a backfill; the size of an ordinary batch."""

BATCH_BYTES: Final = 1_048_576
"""Size up to which events of one lane share a produce batch. One larger event travels alone."""

REQUEST_MS: Final = 60_000
"""Longest a produce request may take. A broker away for longer ends the process: committed events
are published by the next start."""


class KafkaCommandLog:
    """A :class:`agents.lanes.ports.CommandLog` with a consumer of its own, outside any group."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="none"
        )
        self._one_reader = asyncio.Lock()

    async def start(self) -> None:
        """Connects; raises KafkaError where no broker answers."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnects."""
        await self._consumer.stop()

    async def end(self, lane: LaneId) -> int:
        partition = TopicPartition(*lane)
        try:
            return int((await self._consumer.end_offsets([partition]))[partition])
        except KafkaError as error:
            raise Outage(f"kafka: {error}") from error

    async def read(self, lane: LaneId, first: int, end: int) -> Sequence[CommandRecord]:
        async with self._one_reader:
            try:
                return await self._read(TopicPartition(*lane), first, end)
            except KafkaError as error:
                raise Outage(f"kafka: {error}") from error

    async def _read(self, partition: TopicPartition, first: int, end: int) -> list[CommandRecord]:
        clock = asyncio.get_running_loop()
        deadline = clock.time() + READ_S
        self._consumer.assign([partition])
        start = -1
        while clock.time() < deadline:
            begin = int((await self._consumer.beginning_offsets([partition]))[partition])
            if max(first, begin) >= end:
                return []
            if start < max(first, begin):
                start = max(first, begin)  # again when retention has overtaken it
                self._consumer.seek(partition, start)
            try:
                got = await self._consumer.getmany(partition, timeout_ms=POLL_MS, max_records=PIECE_RECORDS)
            except OffsetOutOfRangeError:
                await self._check_end(partition, end)
                continue
            records = [_record(message) for message in got.get(partition, []) if message.offset < end]
            if records:
                return records
            if await self._consumer.position(partition) >= end:
                return []
        raise Outage(f"kafka: nothing of {partition.topic}/{partition.partition} from {first} in {READ_S} s")

    async def _check_end(self, partition: TopicPartition, end: int) -> None:
        now = int((await self._consumer.end_offsets([partition]))[partition])
        if now < end:
            where = f"{partition.topic}/{partition.partition}"
            raise LaneRewound(f"{where} ends at {now}, below offset {end} that it had; was it recreated?")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Ends when the broker has all batches of one publication; nothing is lost if nobody awaits it."""

    where: str
    deliveries: Sequence[Awaitable[object]]

    def __await__(self) -> Generator[object, None, None]:
        return self._all().__await__()

    async def _all(self) -> None:
        try:
            for delivery in self.deliveries:
                await delivery
        except KafkaError as error:
            raise Undeliverable(f"{self.where}: {error}") from error


class KafkaEventLog:
    """A :class:`agents.lanes.ports.EventLog` with an idempotent producer."""

    def __init__(self, bootstrap: str, max_message_bytes: int) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=max_message_bytes,
            request_timeout_ms=REQUEST_MS,
        )
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="none"
        )
        self._one_reader = asyncio.Lock()

    async def start(self) -> None:
        """Connects; raises KafkaError where no broker answers."""
        await self._producer.start()
        await self._consumer.start()

    async def stop(self) -> None:
        """Sends what is handed over and disconnects."""
        await self._producer.stop()
        await self._consumer.stop()

    async def publish(self, events: Sequence[EventRecord]) -> Awaitable[None]:
        topic, partition = events[0].topic, events[0].partition
        deliveries: list[Awaitable[object]] = []
        batch = self._producer.create_batch()
        try:
            for event in events:
                if not _append(batch, event):
                    deliveries.append(await self._producer.send_batch(batch, topic, partition=partition))
                    batch = self._producer.create_batch()
                    _append(batch, event)  # a batch takes its first record whatever its size
            if batch.record_count():
                deliveries.append(await self._producer.send_batch(batch, topic, partition=partition))
        except KafkaError as error:
            raise Undeliverable(f"{topic}/{partition}: {error}") from error
        return Acknowledgement(f"{topic}/{partition}", deliveries)

    async def last_sequence(self, topic: str, partition: int) -> int:
        where = TopicPartition(topic, partition)
        async with self._one_reader:
            try:
                end = int((await self._consumer.end_offsets([where]))[where])
                if end <= int((await self._consumer.beginning_offsets([where]))[where]):
                    return 0
                self._consumer.assign([where])
                self._consumer.seek(where, end - 1)
                got = await self._consumer.getmany(where, timeout_ms=int(READ_S * 1000), max_records=1)
            except KafkaError as error:
                raise Outage(f"kafka: {error}") from error
        if not (messages := got.get(where)):
            raise Outage(f"kafka: the last event of {topic}/{partition} did not come in {READ_S} s")
        return envelope_of(messages[0].headers).sequence or 0


def _append(batch: object, event: EventRecord) -> bool:
    taken = batch.append(  # type: ignore[attr-defined]
        timestamp=None, key=event.key, value=event.value, headers=list(event.headers)
    )
    return taken is not None


def _record(message: object) -> CommandRecord:
    return CommandRecord(
        topic=message.topic,  # type: ignore[attr-defined]
        partition=message.partition,  # type: ignore[attr-defined]
        offset=message.offset,  # type: ignore[attr-defined]
        key=message.key,  # type: ignore[attr-defined]
        headers=tuple(message.headers),  # type: ignore[attr-defined]
        value=message.value,  # type: ignore[attr-defined]
    )
