"""Events as agents would publish them, made from a few numbers."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

from aiokafka import AIOKafkaProducer

from audit_sink.memory import MemoryRecord
from audit_sink.wall import Lane
from schemas.codec import encode
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.identity import message_key
from schemas.leaf import EventRecord, encode_entry

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
TYPE = "governance.policy.retired"


def event(lane: Lane, lane_seq: int, tenant: str = "acme", body: str = "policy") -> EventRecord:
    """The one event of a lane with that sequence; the same arguments give the same bytes."""
    subject = f"policy/{body}-{lane_seq % 7}"
    envelope = Envelope(
        id=str(uuid5(NAMESPACE_OID, f"{lane}/{lane_seq}/{body}")),
        type=TYPE,
        source="aumos-governance-engine",
        subject=subject,
        time=timestamp(START + timedelta(milliseconds=lane_seq)),
        tenant=tenant,
        actor="svc-policies",
        sequence=lane_seq,
    )
    value = encode(TYPE, {"policy_id": subject, "version": lane_seq, "reason": body})
    return EventRecord(*lane, lane_seq, message_key(tenant, subject), headers_of(envelope), value)


def events(lane: Lane, first: int, last: int, tenants: Sequence[str] = ("acme",)) -> list[EventRecord]:
    """Events ``first`` to ``last`` of a lane, the tenants taking turns."""
    return [event(lane, number, tenants[number % len(tenants)]) for number in range(first, last + 1)]


def entries(records: Iterable[EventRecord]) -> list[bytes]:
    """What the wall must hold of them."""
    return [encode_entry(record)[0] for record in records]


def at(record: EventRecord, offset: int) -> MemoryRecord:
    """The event as the log gives it."""
    return MemoryRecord(record.topic, record.partition, offset, 0, record.key, record.headers, record.value)


def poll_of(records: Iterable[EventRecord], first_offset: int = 0) -> list[MemoryRecord]:
    """Events at consecutive offsets."""
    return [at(record, offset) for offset, record in enumerate(records, start=first_offset)]


async def publish(producer: AIOKafkaProducer, records: Iterable[EventRecord]) -> None:
    """Puts events on their partitions, in order."""
    sent = [
        await producer.send(
            record.topic,
            key=record.key,
            value=record.value,
            headers=list(record.headers),
            partition=record.partition,
        )
        for record in records
    ]
    for each in sent:
        await each
