"""The event lanes and the receipts topic on Apache Kafka (aiokafka)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self, TypeVar, cast

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from audit_sink.errors import PositionLost, Unavailable
from audit_sink.lanes import LogRecord
from audit_sink.log import Displaced, Poll, ReceiptEnd
from audit_sink.receipts import (
    CHECKPOINTED,
    CHECKPOINTS_PARTITION,
    ENTRY_WRITTEN,
    Receipt,
    checkpoint_of,
    checkpoint_receipt,
    receipt_of,
)
from audit_sink.wall import BatchRow, Lane, SignedSize
from schemas.topics import Topic, topics

T = TypeVar("T")

ANSWER_TIMEOUT_S: Final = 10.0
"""Bound of one question to the broker; beyond it, Kafka counts as down."""
SEND_TIMEOUT_S: Final = 10.0
"""Bound of one group of receipts."""
RECEIPT_TAIL: Final = 200
"""Records read at each partition's end: a late sink may have put older receipts after newer ones."""
CHECKPOINT_TAIL: Final = 5_000
"""The same of the partition with the checkpoints: some seconds of a busy log, which has one each second."""


class KafkaEvents:
    """An :class:`~audit_sink.log.EventLog`; one consumer without a group, made anew by each start."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._servers = bootstrap_servers
        self._consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def start(self, positions: Mapping[Lane, int]) -> Sequence[Displaced]:
        await self._stop()
        consumer = _consumer(self._servers)
        lanes = {lane: TopicPartition(*lane) for lane in positions}
        with _answers():
            try:
                await answer(consumer.start())
                await _require_topics(consumer, lanes.values())
                consumer.assign(list(lanes.values()))
                first, end = await _bounds(consumer, lanes.values())
            except BaseException:
                await consumer.stop()
                raise
        displaced = []
        for lane, position in positions.items():
            at = lanes[lane]
            start = position
            if position < first[at]:
                start = first[at]
                displaced.append(Displaced(lane, "lane_trimmed", position, start))
            elif position > end[at]:
                start = first[at]
                displaced.append(Displaced(lane, "lane_rewound", position, start))
            consumer.seek(at, start)
        self._consumer = consumer
        return displaced

    async def poll(self, max_records: int, wait_s: float) -> Poll:
        consumer = self._started()
        try:
            with _answers():
                found = await consumer.getmany(timeout_ms=int(wait_s * 1000), max_records=max_records)
        except OffsetOutOfRangeError as error:
            raise PositionLost(str(error)) from error
        return {
            Lane(at.topic, at.partition): cast("Sequence[LogRecord]", records)
            for at, records in found.items()
            if records
        }

    async def lag(self) -> Mapping[Lane, int]:
        consumer = self._started()
        with _answers():
            assigned = consumer.assignment()
            ends = await answer(consumer.end_offsets(list(assigned)))
            return {Lane(*at): max(ends[at] - await consumer.position(at), 0) for at in assigned}

    def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise Unavailable("the event topics are not being read")
        return self._consumer

    async def _stop(self) -> None:
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await consumer.stop()


class KafkaReceipts:
    """A :class:`~audit_sink.log.ReceiptLog`; one idempotent producer, made anew after each failure."""

    def __init__(self, bootstrap_servers: str, topic: Topic) -> None:
        self._servers = bootstrap_servers
        self._topic = topic
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def newest(self) -> Mapping[int, ReceiptEnd]:
        partitions = [TopicPartition(self._topic.name, number) for number in range(self._topic.partitions)]
        consumer = _consumer(self._servers)
        with _answers():
            try:
                await answer(consumer.start())
                await _require_topics(consumer, partitions)
                consumer.assign(partitions)
                return await answer(_receipt_ends(consumer, partitions))
            finally:
                await consumer.stop()

    async def publish(self, rows: Sequence[BatchRow]) -> None:
        now = datetime.now(UTC)
        await self._send([receipt_of(row, now) for row in rows])

    async def announce(self, checkpoint: SignedSize) -> None:
        await self._send([checkpoint_receipt(checkpoint, datetime.now(UTC))])

    async def _send(self, receipts: Sequence[Receipt]) -> None:
        async with self._sending() as producer:
            acknowledged = [
                await producer.send(
                    self._topic.name,
                    key=receipt.key,
                    value=receipt.value,
                    headers=list(receipt.headers),
                    partition=receipt.partition,
                )
                for receipt in receipts
            ]
            await asyncio.gather(*acknowledged)

    @asynccontextmanager
    async def _sending(self) -> AsyncIterator[AIOKafkaProducer]:
        try:
            with _answers():
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    if self._producer is None:
                        producer = AIOKafkaProducer(
                            bootstrap_servers=self._servers, enable_idempotence=True, acks="all"
                        )
                        self._producer = producer
                        await producer.start()
                    yield self._producer
        except BaseException:
            await self._stop()
            raise

    async def _stop(self) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            with _answers():
                await producer.stop()


async def answer(question: Awaitable[T]) -> T:
    """What the broker answers; raises TimeoutError after :data:`ANSWER_TIMEOUT_S`."""
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        return await question


def _consumer(servers: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=servers,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        # A record may be as large as the topic allows; a smaller bound would still return it, alone.
        max_partition_fetch_bytes=topics().defaults.max_message_bytes,
        fetch_max_wait_ms=100,
        request_timeout_ms=int(ANSWER_TIMEOUT_S * 1000),
    )


async def _require_topics(consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> None:
    # Asking for an absent topic could create it, with the broker's defaults.
    wanted = {at.topic for at in partitions}
    if absent := wanted - await answer(consumer.topics()):
        raise Unavailable(f"absent topics: {', '.join(sorted(absent))}; run governance topics apply")


async def _bounds(
    consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]
) -> tuple[Mapping[TopicPartition, int], Mapping[TopicPartition, int]]:
    asked = list(partitions)
    first = await answer(consumer.beginning_offsets(asked))
    return first, await answer(consumer.end_offsets(asked))


async def _receipt_ends(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
) -> Mapping[int, ReceiptEnd]:
    first, end = await _bounds(consumer, partitions)
    highest = dict.fromkeys(partitions, 0)
    checkpoints: dict[TopicPartition, SignedSize] = {}
    for at in partitions:
        tail = CHECKPOINT_TAIL if at.partition == CHECKPOINTS_PARTITION else RECEIPT_TAIL
        consumer.seek(at, max(first[at], end[at] - tail))
    while any([await consumer.position(at) < end[at] for at in partitions]):
        for at, records in (await consumer.getmany(timeout_ms=100)).items():
            highest[at] = max(highest[at], *(_batch_no(record) for record in records))
            told = [each for each in map(_checkpoint, records) if each is not None]
            if told:
                checkpoints[at] = max([*told, checkpoints.get(at, told[0])], key=lambda each: each.size)
    return {
        at.partition: ReceiptEnd(
            highest[at], expired=end[at] > 0 and first[at] == end[at], checkpoint=checkpoints.get(at)
        )
        for at in partitions
    }


def _batch_no(record: LogRecord) -> int:
    headers = dict(record.headers)
    value = headers.get("ce_sequence", b"")
    return int(value) if value.isdigit() and headers.get("ce_type") == ENTRY_WRITTEN.encode() else 0


def _checkpoint(record: LogRecord) -> SignedSize | None:
    if dict(record.headers).get("ce_type") != CHECKPOINTED.encode() or record.value is None:
        return None
    return checkpoint_of(record.value)


@contextmanager
def _answers() -> Iterator[None]:
    try:
        yield
    except OffsetOutOfRangeError:
        raise
    except (KafkaError, OSError) as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error
