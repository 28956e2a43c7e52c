"""The event history: the exact bytes of what happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from projections.api.freshness import Head
from projections.api.session import Session
from schemas.codec import Body, decode
from schemas.envelope import Envelope, envelope_of
from schemas.leaf import decode_entry

_RECORD: Final = """
SELECT record FROM governance.event WHERE topic = $1 AND partition = $2 AND lane_seq = $3"""

_BY_ID: Final = """
SELECT event_id, event_type, resource, actor, occurred_at, topic, partition, lane_seq
FROM governance.event
WHERE topic = $1 AND event_id = ANY($2)
ORDER BY lane_seq
LIMIT $3"""


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded event."""

    envelope: Envelope
    body: Body


@dataclass(frozen=True, slots=True)
class EventRow:
    """What lists show of an event."""

    type: str
    resource: str
    actor: str
    occurred_at: datetime
    head: Head


async def event(session: Session, head: Head) -> Event:
    """The event at a place that a projection names.

    Raises LookupError where the history lacks it and :class:`~schemas.errors.Unreadable` where its
    bytes are no event: both mean that the database is damaged.
    """
    row = await session.row(_RECORD, head.topic, head.partition, head.sequence)
    if row is None:
        raise LookupError(f"{head.topic}/{head.partition} has no event {head.sequence}")
    record, _ = decode_entry(row["record"])
    envelope = envelope_of(record.headers)
    return Event(envelope, decode(envelope.type, record.value))


async def events_with_ids(session: Session, topic: str, ids: Sequence[str], limit: int) -> list[EventRow]:
    """Those events of an event topic, in lane order where they are of one lane."""
    return [
        EventRow(
            type=row["event_type"],
            resource=row["resource"],
            actor=row["actor"],
            occurred_at=row["occurred_at"],
            head=Head(row["event_id"], row["topic"], row["partition"], row["lane_seq"]),
        )
        for row in await session.rows(_BY_ID, topic, list(ids), limit)
    ]
