"""What one lane writes in one transaction: its events in sequence, and its commands' inbox rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from agents.decisions.outcome import EventDraft, Rejection
from agents.lanes.drafting import Cause, LaneClock
from agents.lanes.ports import Changes, EventRow, InboxRow, InboxState, LaneRow
from agents.reading import Identified
from agents.records import LaneId
from schemas.topics import Family, family_of

MAX_FINDINGS: Final = 100
"""Findings in one rejection; with the bound of a finding's text the event stays far below its limit."""

MAX_DETAIL_CHARS: Final = 1000
"""Text of a rejection, or of one finding, for people."""


@dataclass(slots=True)
class Journal:
    """One lane's events and inbox rows, on top of where its row stands."""

    row: LaneRow
    changes: Changes
    now: datetime
    events: list[EventRow] = field(default_factory=list)
    clock: LaneClock = field(init=False)
    family: Family = field(init=False)

    def __post_init__(self) -> None:
        self.clock = LaneClock(self.row.lane, self.row.next_seq, self.row.last_event_time)
        self.family = family_of(self.row.lane.topic)

    @property
    def lane(self) -> LaneId:
        """The lane it belongs to."""
        return self.row.lane

    def emit(self, drafts: Sequence[EventDraft], cause: Cause) -> list[EventRow]:
        """Adds events; raises :class:`agents.lanes.drafting.TooLarge` and then adds none."""
        rows = self.clock.draft(drafts, cause, self.now)
        self.clock.advance(rows)
        self.events.extend(rows)
        self.changes.events.extend(rows)
        return rows

    def reject(self, reading: Identified, rejection: Rejection, cause: Cause) -> list[EventRow]:
        """Adds the event that a command changes nothing."""
        envelope = reading.envelope
        body = {
            "command_id": envelope.id,
            "command_type": envelope.type,
            "command_source": envelope.source,
            "reason": rejection.reason,
            "detail": rejection.detail[:MAX_DETAIL_CHARS],
            "findings": [_bounded(finding.body()) for finding in rejection.findings[:MAX_FINDINGS]],
        }
        resource = envelope.subject or f"command/{envelope.id}"
        return self.emit((EventDraft(f"governance.{self.family}.command_rejected", resource, body),), cause)

    def about_lane(self, name: str, body: Mapping[str, object]) -> EventDraft:
        """The draft of an event about the lane itself."""
        resource = f"lane/{self.lane.topic}/{self.lane.partition}"
        return EventDraft(f"governance.{self.family}.{name}", resource, body)

    def settle(self, reading: Identified, state: InboxState, events: Sequence[EventRow]) -> None:
        """Adds the inbox row of a command that has its outcome."""
        record = reading.record
        self.changes.inbox.append(
            InboxRow(
                key=reading.key,
                digest=reading.digest,
                lane=record.lane,
                offset=record.offset,
                state=state,
                first_event=events[0].happened.event_id if events else None,
                received_at=self.now,
            )
        )


def _bounded(finding: Mapping[str, object]) -> Mapping[str, object]:
    return {k: v[:MAX_DETAIL_CHARS] if isinstance(v, str) else v for k, v in finding.items()}
