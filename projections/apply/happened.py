"""An event as the folds see it."""

from dataclasses import dataclass
from datetime import datetime

from schemas.codec import Body, decode
from schemas.envelope import envelope_of, moment_of
from schemas.leaf import EventRecord


@dataclass(frozen=True, slots=True)
class Happened:
    """One event, decoded, with its place."""

    event_id: str
    type: str
    tenant: str
    actor: str
    resource: str
    command_id: str
    causation: str
    occurred_at: datetime
    topic: str
    partition: int
    lane_seq: int
    body: Body


def happened(record: EventRecord) -> Happened:
    """The event of a stored or published record; raises :class:`schemas.errors.Unreadable`."""
    envelope = envelope_of(record.headers)
    return Happened(
        event_id=envelope.id,
        type=envelope.type,
        tenant=envelope.tenant,
        actor=envelope.actor,
        resource=envelope.subject,
        command_id=envelope.command_id,
        causation=envelope.causation,
        occurred_at=moment_of(envelope.time),
        topic=record.topic,
        partition=record.partition,
        lane_seq=record.lane_seq,
        body=decode(envelope.type, record.value),
    )
