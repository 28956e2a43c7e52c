"""Reading whole topics for the checker."""

from collections.abc import AsyncIterator
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from projections.invariants.evidence import Evidence, Identity, PublishedEvent, SentCommand
from schemas.codec import CONFLUENT, decode
from schemas.envelope import STRUCTURED_CONTENT, envelope_of
from schemas.errors import Unreadable
from schemas.leaf import EventRecord, encode_entry, leaf_hash
from schemas.structured import read_structured
from schemas.topics import FAMILIES, Topic, topics

FETCH_WAIT_MS: Final = 50
"""How long the broker may hold a fetch that finds nothing, in ms. Every topic begins by waiting for the
fetches of the topic before: Kafka's 500 ms make a check of an idle system take 8 s instead of 1 s."""


async def read_topics(bootstrap: str, evidence: Evidence) -> None:
    """Fills in every command record and every published event up to the topics' present ends."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=4_194_304,
    )
    await consumer.start()
    try:
        for family in FAMILIES:
            async for record in _records(consumer, topics().commands(family)):
                evidence.commands.append(_command(record))
        published: dict[tuple[str, int], list[PublishedEvent]] = {}
        for family in FAMILIES:
            async for record in _records(consumer, topics().events(family)):
                published.setdefault((record.topic, record.partition), []).append(_event(record))
        evidence.published = published
    finally:
        await consumer.stop()


async def _records(consumer: AIOKafkaConsumer, topic: Topic) -> "AsyncIterator[ConsumerRecord[bytes, bytes]]":
    partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    ends = await consumer.end_offsets(partitions)
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    for partition in partitions:
        while await consumer.position(partition) < ends[partition]:
            for record in (await consumer.getmany(partition, timeout_ms=1000)).get(partition, []):
                if record.offset < ends[partition]:
                    yield record


def _command(record: "ConsumerRecord[bytes, bytes]") -> SentCommand:
    return SentCommand((record.topic, record.partition, record.offset), _identity(record))


def _identity(record: "ConsumerRecord[bytes, bytes]") -> Identity | None:
    """What identifies the command, or None where the engine must have quarantined it."""
    try:
        if dict(record.headers).get("content-type", b"").startswith(STRUCTURED_CONTENT.encode()):
            envelope, _ = read_structured(record.value)
        else:
            envelope = envelope_of(record.headers)
            # Whether a body in Confluent framing can be read, only the engine's schema registry knows.
            if not (record.value or b"").startswith(bytes((CONFLUENT,))):
                decode(envelope.type, record.value)
    except Unreadable:
        return None
    return envelope.tenant, envelope.source, envelope.id


def _event(record: "ConsumerRecord[bytes, bytes]") -> PublishedEvent:
    sequence = envelope_of(record.headers).sequence or 0
    event = EventRecord(
        record.topic, record.partition, sequence, record.key, tuple(record.headers), record.value
    )
    return PublishedEvent(sequence, leaf_hash(encode_entry(event)[0]))
