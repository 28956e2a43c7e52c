"""Rows of the primary database as values, and back."""

import re
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import asyncpg

from agents.lanes.ports import EventRow, InboxRow, LaneAdvance, LaneRow, QuarantineRow
from agents.records import CommandRecord, LaneId
from projections.apply.decision import DecisionPartRow, DecisionRow, OverrideRow

EVENT_COLUMNS: Final = (
    "topic",
    "partition",
    "lane_seq",
    "event_id",
    "tenant_id",
    "event_type",
    "resource",
    "actor",
    "causation",
    "occurred_at",
    "record",
)

DECISION_COLUMNS: Final = (
    "tenant_id",
    "decision_id",
    "policy_id",
    "policy_version",
    "resource",
    "actor",
    "outcome",
    "basis",
    "occurred_at",
    "topic",
    "partition",
    "lane_seq",
    "answer",
    "decision_point",
)

DECISION_PART_COLUMNS: Final = (
    "tenant_id",
    "decision_id",
    "place",
    "policy_id",
    "policy_version",
    "resource",
    "answer",
    "outcome",
    "basis",
    "occurred_at",
)


OVERRIDE_COLUMNS: Final = (
    "tenant_id",
    "decision_id",
    "decided_at",
    "reason",
    "overridden_by",
    "overridden_at",
    "event_id",
    "topic",
    "partition",
    "lane_seq",
)


def lane_row(row: asyncpg.Record, parked: Collection[bytes | None] = ()) -> LaneRow:
    """A row of ``lane``."""
    return LaneRow(
        lane=LaneId(row["topic"], row["partition"]),
        next_offset=row["next_offset"],
        next_seq=row["next_seq"],
        published_seq=row["published_seq"],
        last_event_time=row["last_event_time"],
        attempt_to=row["attempt_to"],
        parked_keys=frozenset(parked),
    )


def new_lane(lane: LaneId) -> LaneRow:
    """A lane that has no row yet stands at its beginning."""
    return LaneRow(lane, 0, 1, 0, datetime.fromtimestamp(0, UTC), 0, frozenset())


def event_values(row: EventRow) -> tuple[object, ...]:
    """Values of :data:`EVENT_COLUMNS`."""
    event = row.happened
    return (
        event.topic,
        event.partition,
        event.lane_seq,
        event.event_id,
        event.tenant,
        event.type,
        event.resource,
        event.actor,
        event.causation,
        event.occurred_at,
        row.leaf,
    )


def decision_values(row: DecisionRow) -> tuple[object, ...]:
    """Values of :data:`DECISION_COLUMNS`."""
    return (
        row.tenant_id,
        row.decision_id,
        row.policy_id,
        row.policy_version,
        row.resource,
        row.actor,
        row.outcome,
        row.basis,
        row.occurred_at,
        row.topic,
        row.partition,
        row.lane_seq,
        row.answer,
        row.decision_point,
    )


def decision_part_values(row: DecisionPartRow) -> tuple[object, ...]:
    """Values of :data:`DECISION_PART_COLUMNS`."""
    return (
        row.tenant_id,
        row.decision_id,
        row.place,
        row.policy_id,
        row.policy_version,
        row.resource,
        row.answer,
        row.outcome,
        row.basis,
        row.occurred_at,
    )


def override_values(row: OverrideRow) -> tuple[object, ...]:
    """Values of :data:`OVERRIDE_COLUMNS`."""
    return (
        row.tenant_id,
        row.decision_id,
        row.decided_at,
        row.reason,
        row.overridden_by,
        row.overridden_at,
        row.event_id,
        row.topic,
        row.partition,
        row.lane_seq,
    )


def inbox_columns(inbox: Sequence[InboxRow]) -> list[list[object]]:
    """Inbox rows as columns, in key order."""
    values = [
        (*row.key, row.digest, *row.lane, row.offset, row.state, row.first_event, row.received_at)
        for row in sorted(inbox, key=lambda row: row.key)
    ]
    return [list(column) for column in zip(*values, strict=True)]


def advance_columns(lanes: Mapping[LaneId, LaneAdvance]) -> list[list[object]]:
    """Lane advances as columns."""
    values = [
        (*lane, to.next_offset, to.next_seq, to.published_seq, to.last_event_time)
        for lane, to in sorted(lanes.items())
    ]
    return [list(column) for column in zip(*values, strict=True)]


def quarantine_values(row: QuarantineRow) -> tuple[object, ...]:
    """Values of one quarantine row."""
    record = row.record
    headers = [[escaped(name), b64encode(value).decode()] for name, value in record.headers]
    return (
        record.topic,
        record.partition,
        record.offset,
        row.state,
        row.tenant,
        row.command_id,
        row.source,
        record.key,
        headers,
        record.value,
        row.reason,
        row.detail,
        row.recorded_at,
    )


def quarantine_row(row: asyncpg.Record) -> QuarantineRow:
    """A row of ``quarantine``."""
    record = CommandRecord(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["record_offset"],
        key=row["key"],
        headers=tuple((unescaped(name), b64decode(value)) for name, value in row["headers"]),
        value=row["value"],
    )
    return QuarantineRow(
        record=record,
        state=row["state"],
        tenant=row["tenant_id"],
        command_id=row["command_id"],
        source=row["source"],
        reason=row["reason"],
        detail=row["detail"],
        recorded_at=row["recorded_at"],
    )


def escaped(name: str) -> str:
    """A header's name as jsonb can hold it: without NUL characters."""
    return name.replace("\\", "\\\\").replace("\0", "\\0")


def unescaped(name: str) -> str:
    """What :func:`escaped` was given."""
    return _ESCAPE.sub(lambda match: "\0" if match[1] == "0" else match[1], name)


_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
