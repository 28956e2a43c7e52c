"""Events as agents would publish them, made from a few numbers."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

from aiokafka import AIOKafkaProducer

from audit_sink.memory import MemoryRecord
from audit_sink.wall import Lane
from schemas.codec import encode
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.identity import OPERATOR_TENANT, message_key
from schemas.leaf import EventRecord, encode_entry, leaf_hash

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


def correction(lane_seq: int, of: EventRecord, /, **claims: object) -> EventRecord:
    """The correction of an event, in its lane; ``claims`` replace fields of the body."""
    headers = dict(of.headers)
    event_id, tenant = headers["ce_id"].decode(), headers["ce_tenantid"].decode()
    body = {
        "event_id": event_id,
        "topic": of.topic,
        "partition": of.partition,
        "lane_seq": of.lane_seq,
        "leaf_hash": leaf_hash(encode_entry(of)[0]).hex(),
        "reason": "wrong version",
        "details": b'{"version": 2.0}',
        "requester": "ann",
        "approver": "bob",
        "request": str(uuid5(NAMESPACE_OID, f"request/{event_id}")),
        **claims,
    }
    envelope = Envelope(
        id=str(uuid5(NAMESPACE_OID, f"correction/{event_id}/{lane_seq}")),
        type="audit.correction",
        source="aumos-governance-engine",
        subject=f"event/{event_id}",
        time=timestamp(START + timedelta(milliseconds=lane_seq)),
        tenant=tenant,
        actor="bob",
        sequence=lane_seq,
    )
    value = encode(envelope.type, body)
    return EventRecord(of.topic, of.partition, lane_seq, of.key, headers_of(envelope), value)


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


def retention(lane: Lane, lane_seq: int, first: int, end: int, root: bytes) -> EventRecord:
    """The log's word that a range may be pruned."""
    body = {
        "first_index": first,
        "end_index": end,
        "root": root.hex(),
        "export_digest": "ab" * 32,
        "authority": "retention schedule",
        "reason": "",
        "requester": "ann",
        "approver": "bob",
        "request": "r",
    }
    envelope = Envelope(
        id=f"retention-{lane_seq}",
        type="audit.retention",
        source="aumos-governance-engine",
        subject=f"log/{first}-{end}",
        time=timestamp(START),
        tenant=OPERATOR_TENANT,
        actor="bob",
        sequence=lane_seq,
    )
    return EventRecord(*lane, lane_seq, b"k", headers_of(envelope), encode(envelope.type, body))
