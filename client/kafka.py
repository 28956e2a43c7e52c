"""The client's ports on Kafka, through aiokafka.

No consumer group: every client hears every answer, and partitions are assigned once, because topics
keep their partition count for ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError, ProducerClosed

from client.broker import Broker
from client.errors import Closed, TopicsConflict, Unreachable
from client.transport import Outgoing, Received, Start
from schemas.topics import FAMILIES, Topic, topics

LINGER_MS: Final = 2
"""How long a command waits for others to travel with, in ms: well below a decision's 14 ms."""

MAX_REQUEST_BYTES: Final = 2_097_152
"""The topics' own limit (``max_message_bytes`` in topics.yaml)."""

MAX_BATCH_BYTES: Final = 131_072
"""Commands of one partition that travel together at most: about a hundred of a kilobyte."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """The topics that a client sends to and hears."""

    commands: tuple[Topic, ...]
    answers: tuple[Topic, ...]


def every_lane() -> Lanes:
    """The topics of every family, and the receipts."""
    return Lanes(
        tuple(topics().commands(family) for family in FAMILIES),
        (*(topics().events(family) for family in FAMILIES), topics().receipts),
    )


class KafkaTransport:
    """:class:`client.transport.Transport`."""

    def __init__(self, broker: Broker, lanes: Lanes | None = None) -> None:
        self._broker = broker
        self._lanes = lanes or every_lane()
        self._producer: AIOKafkaProducer | None = None
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        producer = self._producer = AIOKafkaProducer(
            **self._broker.options(),
            acks="all",
            enable_idempotence=True,
            linger_ms=LINGER_MS,
            max_request_size=MAX_REQUEST_BYTES,
            max_batch_size=MAX_BATCH_BYTES,
        )
        try:
            await producer.start()
            await _check_partitions(producer.client, self._lanes.commands)
            self._consumer = await _reading(self._broker, self._lanes.answers, Start({}, "latest"))
        except (KafkaError, OSError) as error:
            await self.close()
            raise _unreachable(self._broker, error) from error
        except BaseException:
            await self.close()
            raise

    async def send(self, record: Outgoing) -> int:
        if self._producer is None:
            raise Closed("the client is not connected")
        try:
            sent = await self._producer.send_and_wait(
                record.topic,
                value=record.value,
                key=record.key,
                partition=record.partition,
                headers=list(record.headers),
            )
        except ProducerClosed as error:
            raise Closed("the client is closed") from error
        except (KafkaError, OSError) as error:
            raise _unreachable(self._broker, error) from error
        return int(sent.offset)

    async def receive(self) -> Sequence[Received]:
        if self._consumer is None:
            raise Closed("the client is not connected")
        return await _next_records(self._consumer, self._broker)

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        consumer, self._consumer = self._consumer, None
        if producer is not None:
            await producer.stop()
        if consumer is not None:
            await consumer.stop()


class KafkaEvents:
    """:class:`client.transport.EventSource` over whole topics."""

    def __init__(self, broker: Broker, events: Sequence[Topic], start: Start) -> None:
        self._broker = broker
        self._topics = events
        self._start = start
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        try:
            self._consumer = await _reading(self._broker, self._topics, self._start)
        except (KafkaError, OSError) as error:
            raise _unreachable(self._broker, error) from error

    async def receive(self) -> Sequence[Received]:
        if self._consumer is None:
            raise Closed("the consumer is not connected")
        return await _next_records(self._consumer, self._broker)

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()


async def _reading(broker: Broker, wanted: Sequence[Topic], start: Start) -> AIOKafkaConsumer:
    """A consumer that stands where ``start`` says, with every position fixed before this returns."""
    consumer = AIOKafkaConsumer(
        **broker.options(),
        group_id=None,
        enable_auto_commit=False,
        # A stored position that the broker no longer has must not become a silent jump.
        auto_offset_reset="none",
        max_partition_fetch_bytes=MAX_REQUEST_BYTES,
    )
    partitions = [
        TopicPartition(topic.name, number) for topic in wanted for number in range(topic.partitions)
    ]
    try:
        await consumer.start()
        await _check_partitions(consumer._client, wanted)  # noqa: SLF001 - there is no public door
        consumer.assign(partitions)
        latest = start.otherwise == "latest"
        known = await (consumer.end_offsets if latest else consumer.beginning_offsets)(partitions)
        for partition in partitions:
            consumer.seek(
                partition, start.offsets.get((partition.topic, partition.partition), known[partition])
            )
    except BaseException:
        await consumer.stop()
        raise
    return consumer


async def _next_records(consumer: AIOKafkaConsumer, broker: Broker) -> Sequence[Received]:
    while True:
        try:
            batches: Mapping[TopicPartition, Sequence[Any]] = await consumer.getmany(timeout_ms=60_000)
        except ConsumerStoppedError as error:
            raise Closed("the client is closed") from error
        except (KafkaError, OSError) as error:
            raise _unreachable(broker, error) from error
        received = [
            Received(record.topic, record.partition, record.offset, record.headers, record.value, record.key)
            for records in batches.values()
            for record in records
        ]
        if received:
            return received


async def _check_partitions(client: Any, wanted: Sequence[Topic]) -> None:
    cluster = await client.fetch_all_metadata()
    for topic in wanted:
        found = len(cluster.partitions_for_topic(topic.name) or ())
        if found != topic.partitions:
            raise TopicsConflict(
                f"{topic.name} has {found} partitions, topics.yaml says {topic.partitions}; "
                f"compare them with: governance topics plan"
            )


def _unreachable(broker: Broker, error: BaseException) -> Unreachable:
    return Unreachable(f"Kafka at {broker.bootstrap}: {error}")
