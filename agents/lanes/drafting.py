"""Event drafts become events: sequence, time, identity and the final bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from agents.decisions.outcome import EventDraft
from agents.lanes.ports import EventRow
from agents.reading import Identified
from agents.records import CommandRecord, Item, LaneId
from projections.apply.happened import Happened
from schemas.codec import encode
from schemas.envelope import Envelope, headers_of, timestamp
from schemas.identity import ENGINE_SOURCE, OPERATOR_TENANT, event_id, message_key, position_event_id
from schemas.leaf import EventRecord, encode_leaf
from schemas.topics import event_topic_of

MAX_EVENT_BYTES: Final = 1_048_576
"""Bound of an event's canonical form. Topics and producers take 2 MiB: one record that the broker
refuses would poison an idempotent producer for good."""

MAX_KEY_BYTES: Final = 1024
"""Longer keys are no keys of ours; events about their records get another key."""

ENGINE_ACTOR: Final = "aumos-governance-engine"
"""``ce_actorid`` of events that answer no actor's command."""


class TooLarge(Exception):
    """An event of the decision is over :data:`MAX_EVENT_BYTES`."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What a run of events answers."""

    tenant: str
    actor: str
    key: bytes
    command_id: str
    command_source: str
    correlation: str
    traceparent: str
    tracestate: str
    position: tuple[str, int, int] | None = None
    """Topic, partition and offset, where the events have their ids from the record, not the command."""
    first_index: int = 0
    """Index of the run's first event among those of the same command or record."""

    def event_id(self, index: int) -> str:
        """The id of the run's ``index``-th event (from 0)."""
        index += self.first_index
        if self.position is not None:
            return position_event_id(*self.position, index)
        return event_id(self.tenant, self.command_source, self.command_id, index)


def answer(reading: Identified) -> Cause:
    """The cause of events that a command is answered with."""
    envelope = reading.envelope
    return Cause(
        tenant=envelope.tenant,
        actor=envelope.actor,
        key=_bounded(reading.record.key) or message_key(envelope.tenant, envelope.id),
        command_id=envelope.id,
        command_source=envelope.source,
        correlation=envelope.correlation,
        traceparent=envelope.traceparent,
        tracestate=envelope.tracestate,
    )


def record_kept(reading: Identified) -> Cause:
    """The cause of the event that a command went to quarantine: it may still get an answer of its own."""
    return replace(answer(reading), position=_position(reading.record))


def repeat_refused(reading: Identified) -> Cause:
    """The cause of refusing another body under a used id: that id's own events stay what they are.

    Index 1: the record may have been in quarantine before, and have that event.
    """
    return replace(answer(reading), position=_position(reading.record), first_index=1)


def offset_reached(item: Item, tenant: str = OPERATOR_TENANT) -> Cause:
    """The cause of events about an offset without a readable command."""
    key = _bounded(item.key) if isinstance(item, CommandRecord) else None
    return Cause(
        tenant=tenant,
        actor=ENGINE_ACTOR,
        key=key or message_key(OPERATOR_TENANT, f"{item.topic}/{item.partition}"),
        command_id="",
        command_source="",
        correlation=f"{item.topic}/{item.partition}/{item.offset}",
        traceparent="",
        tracestate="",
        position=_position(item),
    )


@dataclass(slots=True)
class LaneClock:
    """The next sequence and time of one lane inside one transaction."""

    lane: LaneId
    next_seq: int
    last_event_time: datetime

    def draft(self, drafts: Sequence[EventDraft], cause: Cause, now: datetime) -> list[EventRow]:
        """The events of one decision, without moving the clock; raises :class:`TooLarge`."""
        moment = max(self.last_event_time, now)
        text = timestamp(moment)
        topic = event_topic_of(self.lane.topic)
        rows: list[EventRow] = []
        for index, draft in enumerate(drafts):
            sequence = self.next_seq + index
            envelope = Envelope(
                id=cause.event_id(index),
                type=draft.type,
                source=ENGINE_SOURCE,
                subject=draft.resource,
                time=text,
                tenant=cause.tenant,
                actor=cause.actor,
                correlation=cause.correlation or cause.command_id,
                causation=draft.causation or cause.command_id,
                command_id=cause.command_id,
                command_source=cause.command_source,
                sequence=sequence,
                traceparent=cause.traceparent,
                tracestate=cause.tracestate,
            )
            value = encode(draft.type, draft.body)
            record = EventRecord(topic, self.lane.partition, sequence, cause.key, headers_of(envelope), value)
            leaf = encode_leaf(record)
            if len(leaf) > MAX_EVENT_BYTES:
                raise TooLarge
            rows.append(
                EventRow(
                    record,
                    leaf,
                    Happened(
                        event_id=envelope.id,
                        type=draft.type,
                        tenant=cause.tenant,
                        actor=cause.actor,
                        resource=draft.resource,
                        command_id=cause.command_id,
                        causation=envelope.causation,
                        occurred_at=moment,
                        topic=topic,
                        partition=self.lane.partition,
                        lane_seq=sequence,
                        body=draft.body,
                    ),
                )
            )
        return rows

    def advance(self, rows: Sequence[EventRow]) -> None:
        """Moves the clock past events that are kept."""
        if rows:
            self.next_seq += len(rows)
            self.last_event_time = rows[-1].happened.occurred_at


def _position(item: Item) -> tuple[str, int, int]:
    return item.topic, item.partition, item.offset


def _bounded(key: bytes | None) -> bytes | None:
    return key if key is not None and len(key) <= MAX_KEY_BYTES else None
