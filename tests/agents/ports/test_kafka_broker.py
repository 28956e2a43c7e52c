"""A real Kafka keeps the contract."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

import devstack
from agents.kafka import KafkaCommandLog, KafkaEventLog
from agents.records import CommandRecord, LaneId
from agents.restore.history import KafkaHistory
from schemas.leaf import EventRecord
from schemas.topics import topics
from tests.agents.ports.broker_contract import Broker, BrokerContract

READ_MS = 5_000


@dataclass(slots=True)
class OnKafka:
    """A :class:`Broker` with topics of its own."""

    bootstrap: str
    commands: KafkaCommandLog
    events: KafkaEventLog
    history: KafkaHistory
    admin: Any
    producer: Any
    command_topic: str
    event_topic: str

    async def send(self, record: CommandRecord) -> None:
        await self.producer.send_and_wait(
            record.topic,
            value=record.value,
            key=record.key,
            partition=record.partition,
            headers=list(record.headers),
        )

    async def remove_before(self, lane: LaneId, offset: int) -> None:
        await self.admin.delete_records({TopicPartition(*lane): RecordsToDelete(before_offset=offset)})

    async def arrived(self, partition: int) -> Sequence[EventRecord]:
        where = TopicPartition(self.event_topic, partition)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, group_id=None)
        await consumer.start()
        try:
            consumer.assign([where])
            await consumer.seek_to_beginning(where)
            end = (await consumer.end_offsets([where]))[where]
            found: list[EventRecord] = []
            while len(found) < end:
                for message in (await consumer.getmany(where, timeout_ms=READ_MS))[where]:
                    sequence = int(dict(message.headers)["ce_sequence"])
                    found.append(
                        EventRecord(
                            where.topic,
                            partition,
                            sequence,
                            message.key,
                            tuple(message.headers),
                            message.value,
                        )
                    )
            return found
        finally:
            await consumer.stop()


@pytest.fixture
async def kafka(stack: devstack.Stack) -> AsyncIterator[OnKafka]:
    bootstrap = stack.environment("worker")["AUMOS_KAFKA_BOOTSTRAP_SERVERS"]
    name = uuid4().hex[:8]
    async with AsyncExitStack() as stop:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        stop.push_async_callback(admin.close)
        made = [f"ports.{kind}.{name}" for kind in ("commands", "events")]
        limit = {"max.message.bytes": str(topics().defaults.max_message_bytes)}
        await admin.create_topics([NewTopic(each, 2, 1, topic_configs=limit) for each in made])
        stop.push_async_callback(admin.delete_topics, made)
        commands = KafkaCommandLog(bootstrap)
        events = KafkaEventLog(bootstrap, topics().defaults.max_message_bytes)
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        history = KafkaHistory(bootstrap)
        for each in (commands, events, history, producer):
            await each.start()
            stop.push_async_callback(each.stop)
        yield OnKafka(bootstrap, commands, events, history, admin, producer, *made)


class TestKafka(BrokerContract):
    """On Kafka."""

    @pytest.fixture
    def broker(self, kafka: OnKafka) -> Broker:
        return kafka
