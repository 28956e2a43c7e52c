"""What every event log and receipts topic does: those in memory and those on Kafka."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from audit_sink.errors import PositionLost, Unavailable
from audit_sink.kafka import KafkaEvents, KafkaReceipts, answer
from audit_sink.lanes import LogRecord
from audit_sink.log import Displaced, EventLog, ReceiptEnd, ReceiptLog
from audit_sink.memory import MemoryEvents, MemoryReceipts, MemoryTopics
from audit_sink.receipts import ENTRY_WRITTEN, partition_of, receipt_of
from audit_sink.wall import BatchRow, Lane, SignedSize
from schemas.codec import decode
from schemas.envelope import envelope_of
from schemas.identity import partition_for
from schemas.leaf import EventRecord
from schemas.topics import Topic, topics
from tests.audit_sink.batches import Log, run_of_all
from tests.audit_sink.lane_events import events, publish


class Topics(Protocol):
    """One broker with an event topic."""

    topic: str

    def log(self) -> EventLog: ...
    def receipts(self) -> ReceiptLog: ...
    async def publish(self, records: Sequence[EventRecord]) -> None: ...
    async def trim(self, lane: Lane, first: int) -> None: ...


async def polled(
    log: EventLog, count: int, at_once: int = 100
) -> Mapping[Lane, list[tuple[int, bytes | None]]]:
    """Offset and value of at least ``count`` records, by lane."""
    found: dict[Lane, list[tuple[int, bytes | None]]] = {}
    async with asyncio.timeout(20):
        while sum(map(len, found.values())) < count:
            polled_now = await log.poll(at_once, 0.2)
            assert sum(map(len, polled_now.values())) <= at_once
            for lane, records in polled_now.items():
                found.setdefault(lane, []).extend((record.offset, record.value) for record in records)
    return found


def values(records: Sequence[EventRecord], first: int = 0) -> list[tuple[int, bytes | None]]:
    return [(offset, record.value) for offset, record in enumerate(records, start=first)]


def rows_of(topic: str, count: int) -> list[BatchRow]:
    """Batch rows of two lanes that take turns."""
    log = Log()
    rows: list[BatchRow] = []
    for number in range(count):
        lane = Lane(topic, number % 2)
        sequence = log.state.lane(lane).next_lane_seq
        rows += log.make([run_of_all(events(lane, sequence, sequence), number + 1)]).rows
    return rows


class LogContract:
    """What holds for every event log and receipts topic."""

    async def test_every_lane_is_read_in_order_from_its_own_offset(self, broker: Topics) -> None:
        a, b = Lane(broker.topic, 0), Lane(broker.topic, 1)
        ours, theirs = events(a, 1, 6), events(b, 1, 4)
        await broker.publish([*ours, *theirs])
        log = broker.log()
        assert await log.start({a: 2, b: 0}) == []
        assert await polled(log, 8, at_once=3) == {a: values(ours[2:], 2), b: values(theirs)}

    async def test_records_that_come_later_are_polled_too(self, broker: Topics) -> None:
        lane = Lane(broker.topic, 2)
        log = broker.log()
        assert await log.start({lane: 0}) == []
        assert await log.poll(10, 0.05) == {}
        records = events(lane, 1, 3)
        await broker.publish(records)
        assert await polled(log, 3) == {lane: values(records)}
        assert (await log.lag())[lane] == 0

    async def test_a_record_comes_with_its_key_headers_and_value_as_published(self, broker: Topics) -> None:
        lane = Lane(broker.topic, 0)
        (record,) = events(lane, 1, 1)
        await broker.publish([record, replace(record, headers=(), value=None)])
        log = broker.log()
        await log.start({lane: 0})
        found = [each async for each in _records(log, lane, 2)]
        assert (found[0].key, tuple(found[0].headers), found[0].value) == (
            record.key,
            record.headers,
            record.value,
        )
        assert (found[1].key, tuple(found[1].headers), found[1].value) == (record.key, (), None)

    async def test_the_lag_counts_what_was_not_polled(self, broker: Topics) -> None:
        a, b = Lane(broker.topic, 0), Lane(broker.topic, 1)
        await broker.publish([*events(a, 1, 4), *events(b, 1, 2)])
        log = broker.log()
        await log.start({a: 1, b: 2})
        assert await log.lag() == {a: 3, b: 0}

    async def test_a_start_again_reads_again(self, broker: Topics) -> None:
        lane = Lane(broker.topic, 0)
        records = events(lane, 1, 3)
        await broker.publish(records)
        log = broker.log()
        await log.start({lane: 0})
        await polled(log, 3)
        await log.start({lane: 1})
        assert await polled(log, 2) == {lane: values(records[1:], 1)}

    async def test_offsets_that_the_broker_dropped_are_an_alarm(self, broker: Topics) -> None:
        lane = Lane(broker.topic, 3)
        records = events(lane, 1, 6)
        await broker.publish(records)
        await broker.trim(lane, 4)
        log = broker.log()
        assert await log.start({lane: 1}) == [Displaced(lane, "lane_trimmed", 1, 4)]
        assert await polled(log, 2) == {lane: values(records[4:], 4)}

    async def test_a_topic_that_ends_before_the_wall_is_an_alarm(self, broker: Topics) -> None:
        lane = Lane(broker.topic, 3)
        records = events(lane, 1, 2)
        await broker.publish(records)
        log = broker.log()
        assert await log.start({lane: 9}) == [Displaced(lane, "lane_rewound", 9, 0)]
        assert await polled(log, 2) == {lane: values(records)}

    async def test_offsets_dropped_under_a_reader_are_noticed(self, broker: Topics) -> None:
        lane = Lane(broker.topic, 0)
        log = broker.log()
        await log.start({lane: 0})
        await broker.publish(events(lane, 1, 4))
        await broker.trim(lane, 3)
        try:
            async with asyncio.timeout(20):
                found = [each.offset async for each in _records(log, lane, 4)]
        except PositionLost:
            return
        # What was fetched before they were dropped is as good.
        assert found == [0, 1, 2, 3]

    async def test_receipts_name_the_highest_batch_of_each_partition(self, broker: Topics) -> None:
        receipts = broker.receipts()
        assert await receipts.newest() == dict.fromkeys(range(4), ReceiptEnd())
        rows = rows_of(broker.topic, 5)
        await receipts.publish(rows[:3])
        await receipts.publish(rows[3:])
        await receipts.publish(rows[1:2])  # a late sink's
        expected = dict.fromkeys(range(4), 0)
        for row in rows:
            partition = partition_of(row.lane)
            expected[partition] = max(expected[partition], row.batch_no)
        assert {
            number: end.batch_no for number, end in (await broker.receipts().newest()).items()
        } == expected

    async def test_the_largest_checkpoint_is_told_beside_the_receipts(self, broker: Topics) -> None:
        receipts = broker.receipts()
        told = [SignedSize(size, bytes([size]) * 32, b"note %d" % size, size == 7) for size in (3, 7, 5)]
        for checkpoint in told:
            await receipts.announce(checkpoint)
        await receipts.publish(rows_of(broker.topic, 2))
        ends = await broker.receipts().newest()
        assert [end.checkpoint for _, end in sorted(ends.items())] == [told[1], None, None, None]

    async def test_no_receipts_are_sent_for_no_rows(self, broker: Topics) -> None:
        receipts = broker.receipts()
        await receipts.publish([])
        assert await receipts.newest() == dict.fromkeys(range(4), ReceiptEnd())


async def _records(log: EventLog, lane: Lane, count: int) -> AsyncIterator[LogRecord]:
    while count > 0:
        for record in (await log.poll(count, 0.2)).get(lane, ()):
            yield record
            count -= 1


@dataclass(slots=True)
class MemoryBroker:
    """In memory."""

    topic: str = "test.events"
    held: MemoryTopics = field(default_factory=MemoryTopics)

    def log(self) -> EventLog:
        return MemoryEvents(self.held)

    def receipts(self) -> ReceiptLog:
        return MemoryReceipts(self.held)

    async def publish(self, records: Sequence[EventRecord]) -> None:
        for record in records:
            self.held.publish(Lane(record.topic, record.partition), record.key, record.headers, record.value)

    async def trim(self, lane: Lane, first: int) -> None:
        self.held.first[lane] = first


@dataclass(slots=True)
class KafkaBroker:
    """On Kafka."""

    topic: str
    servers: str
    receipts_topic: Topic
    producer: AIOKafkaProducer
    opened: AsyncExitStack
    logs: Iterator[KafkaEvents]
    receipt_logs: Iterator[KafkaReceipts]

    def log(self) -> EventLog:
        return next(self.logs)

    def receipts(self) -> ReceiptLog:
        return next(self.receipt_logs)

    async def publish(self, records: Sequence[EventRecord]) -> None:
        await publish(self.producer, records)

    async def trim(self, lane: Lane, first: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        await admin.start()
        try:
            await admin.delete_records({TopicPartition(*lane): RecordsToDelete(before_offset=first)})
        finally:
            await admin.close()


class TestMemoryLog(LogContract):
    @pytest.fixture
    async def broker(self) -> MemoryBroker:
        return MemoryBroker()


class TestKafkaLog(LogContract):
    @pytest.fixture
    async def broker(
        self, kafka: str, event_topic: Topic, receipts_topic: Topic, producer: AIOKafkaProducer
    ) -> AsyncIterator[KafkaBroker]:
        async with AsyncExitStack() as opened:
            logs = [await opened.enter_async_context(KafkaEvents(kafka)) for _ in range(2)]
            receipts = [
                await opened.enter_async_context(KafkaReceipts(kafka, receipts_topic)) for _ in range(3)
            ]
            yield KafkaBroker(
                event_topic.name, kafka, receipts_topic, producer, opened, iter(logs), iter(receipts)
            )

    async def test_a_receipt_says_where_events_of_a_lane_stand(
        self, kafka: str, event_topic: Topic, receipts_topic: Topic
    ) -> None:
        rows = rows_of(event_topic.name, 3)
        async with KafkaReceipts(kafka, receipts_topic) as receipts:
            await receipts.publish(rows)
        lane = rows[0].lane
        partition = TopicPartition(receipts_topic.name, partition_of(lane))
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest")
        await consumer.start()
        consumer.assign([partition])
        async with asyncio.timeout(20):
            record = await consumer.getone(partition)
        await consumer.stop()
        key = f"{lane.topic}/{lane.partition}".encode()
        assert (record.key, record.partition) == (key, partition_for(key, receipts_topic.partitions))
        envelope = envelope_of(record.headers)
        assert (envelope.type, envelope.source, envelope.tenant) == (
            ENTRY_WRITTEN,
            "aumos-audit-sink",
            "aumos",
        )
        assert (envelope.sequence, envelope.subject) == (1, f"lane/{lane.topic}/{lane.partition}")
        assert decode(ENTRY_WRITTEN, record.value) == {
            "topic": lane.topic,
            "partition": lane.partition,
            "batch_no": 1,
            "first_lane_seq": 1,
            "next_lane_seq": 2,
            "first_index": 0,
            "next_index": 1,
            "root_after": rows[0].root_after,
        }

    async def test_receipts_that_were_all_removed_are_told_from_none(
        self, kafka: str, event_topic: Topic, receipts_topic: Topic, broker: KafkaBroker
    ) -> None:
        rows = rows_of(event_topic.name, 1)
        receipts = broker.receipts()
        await receipts.publish(rows)
        partition = partition_of(rows[0].lane)
        await broker.trim(Lane(receipts_topic.name, partition), 1)
        ends = dict(await receipts.newest())
        assert ends.pop(partition) == ReceiptEnd(0, expired=True)
        assert set(ends.values()) == {ReceiptEnd()}

    async def test_an_absent_topic_is_an_outage_and_is_not_made(self, kafka: str) -> None:
        absent = f"test.absent.{uuid4().hex}"
        async with KafkaEvents(kafka) as log:
            for _ in range(2):
                with pytest.raises(Unavailable, match="absent topics"):
                    await log.start({Lane(absent, 0): 0})
            with pytest.raises(Unavailable):
                await log.poll(1, 0)

    async def test_a_broker_that_is_not_there_is_an_outage(self, receipts_topic: Topic) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            address = f"127.0.0.1:{closed.getsockname()[1]}"
        async with KafkaEvents(address) as log, KafkaReceipts(address, receipts_topic) as receipts:
            with pytest.raises(Unavailable):
                await log.start({Lane("t", 0): 0})
            with pytest.raises(Unavailable):
                await receipts.newest()
            with pytest.raises(Unavailable):
                await receipts.publish(rows_of("t", 1))


async def test_a_cancellation_that_comes_with_an_answer_is_not_lost() -> None:
    said = asyncio.get_running_loop().create_future()
    asking = asyncio.create_task(answer(said))
    await asyncio.sleep(0)
    said.set_result(1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


def test_a_receipt_sent_twice_has_the_same_id() -> None:
    (row,) = rows_of("t", 1)
    first, second = (envelope_of(receipt_of(row, datetime.now(UTC)).headers) for _ in range(2))
    assert first.id == second.id
    assert topics().receipts.partitions == 4
