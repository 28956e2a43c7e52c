"""What every transport and event source keeps, in memory and on Kafka."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from client.broker import Broker
from client.errors import Closed, TopicsConflict, Unreachable
from client.kafka import KafkaEvents, KafkaTransport, Lanes
from client.kafka_admin import kafka_admin
from client.memory import InMemoryEvents, InMemoryTransport, Log
from client.topics import Create
from client.transport import EventSource, Outgoing, Received, Start, Transport
from schemas.topics import Topic

COMMANDS, EVENTS = "commands", "events"
HEADERS = (("ce_id", b"1"), ("ce_type", b"t"), ("content-type", b"application/avro"))


Port = TypeVar("Port", Transport, EventSource)


@asynccontextmanager
async def running(port: Port) -> AsyncIterator[Port]:
    await port.start()
    try:
        yield port
    finally:
        await port.close()


async def take(receive: Callable[[], Awaitable[Sequence[Received]]], count: int) -> list[Received]:
    """The next records, ``count`` in all."""
    received: list[Received] = []
    async with asyncio.timeout(20):
        while len(received) < count:
            received.extend(await receive())
    assert len(received) == count
    return received


class World(Protocol):
    """One place of commands and events, two partitions each, empty at first."""

    def transport(self) -> Transport: ...

    def events(self, start: Start) -> EventSource: ...

    def name(self, topic: str) -> str: ...

    async def publish(self, partition: int, value: bytes) -> None: ...

    async def sent(self, count: int) -> Sequence[Outgoing]: ...


class TransportContract(ABC):
    """Subclasses give the world."""

    @pytest.fixture
    @abstractmethod
    def world(self) -> object: ...

    async def test_a_sent_command_arrives_whole(self, world: World) -> None:
        command = Outgoing(world.name(COMMANDS), 1, b"acme/r", HEADERS, b"body")
        async with running(world.transport()) as transport:
            offset = await transport.send(command)
        assert offset == 0
        assert await world.sent(1) == [command]

    async def test_offsets_rise_by_one_in_each_partition(self, world: World) -> None:
        async with running(world.transport()) as transport:
            offsets = await asyncio.gather(
                *(
                    transport.send(Outgoing(world.name(COMMANDS), n % 2, b"k", HEADERS, b"%d" % n))
                    for n in range(10)
                )
            )
        assert sorted(offsets) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]

    async def test_what_is_published_after_start_is_received_in_order(self, world: World) -> None:
        async with running(world.transport()) as transport:
            for n in range(5):
                await world.publish(n % 2, b"%d" % n)
            received = await take(transport.receive, 5)
        assert [r.value for r in received if r.partition == 0] == [b"0", b"2", b"4"]
        assert [r.value for r in received if r.partition == 1] == [b"1", b"3"]
        assert [r.offset for r in received if r.partition == 0] == [0, 1, 2]
        assert {tuple(r.headers) for r in received} == {HEADERS}

    async def test_what_was_published_before_start_is_not_received(self, world: World) -> None:
        await world.publish(0, b"before")
        async with running(world.transport()) as transport:
            await world.publish(0, b"after")
            assert [r.value for r in await take(transport.receive, 1)] == [b"after"]

    async def test_a_cancelled_send_leaves_the_transport_usable(self, world: World) -> None:
        command = Outgoing(world.name(COMMANDS), 0, b"k", HEADERS, b"body")
        async with running(world.transport()) as transport:
            sending = asyncio.create_task(transport.send(command))
            await asyncio.sleep(0)
            sending.cancel()
            await asyncio.wait([sending])
            assert await transport.send(command) in (0, 1)

    async def test_a_cancelled_receive_loses_nothing(self, world: World) -> None:
        async with running(world.transport()) as transport:
            receiving = asyncio.create_task(transport.receive())
            await asyncio.sleep(0.05)
            receiving.cancel()
            await asyncio.wait([receiving])
            await world.publish(0, b"x")
            assert [r.value for r in await take(transport.receive, 1)] == [b"x"]

    async def test_a_closed_transport_refuses_every_call(self, world: World) -> None:
        transport = world.transport()
        await transport.start()
        await transport.close()
        await transport.close()
        with pytest.raises(Closed):
            await transport.send(Outgoing(world.name(COMMANDS), 0, b"k", HEADERS, b"body"))
        with pytest.raises(Closed):
            await transport.receive()

    async def test_the_oldest_events_come_first(self, world: World) -> None:
        for n in range(3):
            await world.publish(0, b"%d" % n)
        async with running(world.events(Start({}, "earliest"))) as source:
            assert [r.value for r in await take(source.receive, 3)] == [b"0", b"1", b"2"]

    async def test_only_new_events_come_when_asked_so(self, world: World) -> None:
        await world.publish(0, b"old")
        async with running(world.events(Start({}, "latest"))) as source:
            await world.publish(0, b"new")
            assert [r.value for r in await take(source.receive, 1)] == [b"new"]

    async def test_a_stored_offset_wins_over_the_start(self, world: World) -> None:
        for n in range(3):
            await world.publish(0, b"%d" % n)
        await world.publish(1, b"other")
        stored = Start({(world.name(EVENTS), 0): 2}, "earliest")
        async with running(world.events(stored)) as source:
            assert {r.value for r in await take(source.receive, 2)} == {b"2", b"other"}

    async def test_a_closed_source_refuses_every_call(self, world: World) -> None:
        source = world.events(Start({}))
        await source.start()
        await source.close()
        with pytest.raises(Closed):
            await source.receive()


class InMemoryWorld:
    def __init__(self) -> None:
        self._log = Log()
        self._transport = InMemoryTransport(log=self._log)

    def transport(self) -> Transport:
        return self._transport

    def events(self, start: Start) -> EventSource:
        return InMemoryEvents(self._log, start)

    def name(self, topic: str) -> str:
        return topic

    async def publish(self, partition: int, value: bytes) -> None:
        await self._log.append(EVENTS, partition, HEADERS, value)

    async def sent(self, count: int) -> Sequence[Outgoing]:
        assert len(self._transport.sent) == count
        return self._transport.sent


class TestInMemory(TransportContract):
    @pytest.fixture
    def world(self) -> World:
        return InMemoryWorld()


class KafkaWorld:
    def __init__(self, broker: Broker, prefix: str) -> None:
        self._broker = broker
        self._prefix = prefix

    def topic(self, name: str, partitions: int = 2) -> Topic:
        return Topic(self.name(name), partitions, "", 86_400_000, "FULL_TRANSITIVE", (), (), ())

    def transport(self) -> Transport:
        return KafkaTransport(self._broker, Lanes((self.topic(COMMANDS),), (self.topic(EVENTS),)))

    def events(self, start: Start) -> EventSource:
        return KafkaEvents(self._broker, [self.topic(EVENTS)], start)

    def name(self, topic: str) -> str:
        return f"{self._prefix}.{topic}"

    async def publish(self, partition: int, value: bytes) -> None:
        producer = AIOKafkaProducer(**self._broker.options())
        await producer.start()
        try:
            name = self.name(EVENTS)
            await producer.send_and_wait(name, value, partition=partition, headers=list(HEADERS))
        finally:
            await producer.stop()

    async def sent(self, count: int) -> Sequence[Outgoing]:
        consumer = AIOKafkaConsumer(**self._broker.options(), auto_offset_reset="earliest")
        consumer.assign([TopicPartition(self.name(COMMANDS), n) for n in range(2)])
        await consumer.start()
        try:
            records = [await consumer.getone() for _ in range(count)]
        finally:
            await consumer.stop()
        return [Outgoing(r.topic, r.partition, r.key, tuple(r.headers), r.value) for r in records]


class TestKafka(TransportContract):
    @pytest.fixture
    async def world(self, broker: Broker) -> AsyncIterator[World]:
        prefix = f"contract.{uuid4().hex[:12]}"
        names = [f"{prefix}.{COMMANDS}", f"{prefix}.{EVENTS}"]
        async with kafka_admin(broker) as admin:
            for name in names:
                await admin.create(Create(name, 2, 1, {}))
        yield KafkaWorld(broker, prefix)
        deleting = AIOKafkaAdminClient(**broker.options())
        await deleting.start()
        await deleting.delete_topics(names)
        await deleting.close()

    async def test_a_topic_with_other_partitions_is_refused(self, broker: Broker, world: World) -> None:
        wrong = Lanes((KafkaWorld(broker, world.name("")[:-1]).topic(COMMANDS, 3),), ())
        with pytest.raises(TopicsConflict, match="has 2 partitions"):
            await KafkaTransport(broker, wrong).start()

    async def test_a_topic_that_is_missing_is_refused(self, broker: Broker) -> None:
        missing = Lanes((KafkaWorld(broker, "nowhere").topic(COMMANDS),), ())
        with pytest.raises(TopicsConflict, match="governance topics plan"):
            await KafkaTransport(broker, missing).start()


async def test_a_broker_that_does_not_answer_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        await KafkaTransport(Broker("127.0.0.1:1")).start()
