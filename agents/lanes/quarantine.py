"""One lane's quarantine inside one transaction: what goes in, who waits behind it, what comes out.

Commands of one key form a queue: a *quarantined* one holds up those after it, which are *parked*.
Unreadable records hold nothing up, and in ``evaluation`` every command stands alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import takewhile

from agents.errors import Conflict
from agents.lanes.drafting import Cause, offset_reached, record_kept
from agents.lanes.entries import about_lane
from agents.lanes.journal import Journal
from agents.lanes.ports import LaneTransaction, QuarantineRow, QuarantineState
from agents.reading import Identified, Reading, Received, Refused, Unread
from agents.records import CommandRecord
from schemas.identity import OPERATOR_TENANT


@dataclass(frozen=True, slots=True)
class Held:
    """A record in quarantine and what it reads as now."""

    row: QuarantineRow
    reading: Reading

    @property
    def offset(self) -> int:
        """Its offset."""
        return self.row.record.offset


@dataclass(slots=True)
class Quarantine:
    """The lane's held records, as they move through the transaction."""

    transaction: LaneTransaction
    journal: Journal
    _blocked: set[bytes | None] = field(init=False)
    _kept: list[Held] = field(default_factory=list)
    _resolved: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._blocked = set(self.journal.row.parked_keys)

    def holds_up(self, reading: Received | Refused) -> bool:
        """Whether an earlier command of its key is held, so that it must wait."""
        return (
            self.journal.family != "evaluation"
            and not about_lane(reading)
            and reading.record.key in self._blocked
        )

    def keep_unread(self, unread: Unread) -> None:
        """Keeps a record that nobody can read."""
        cause = offset_reached(unread.record, unread.tenant or OPERATOR_TENANT)
        self._write(unread, "quarantined", unread.reason, unread.detail, cause)

    def keep(self, reading: Received | Refused, state: QuarantineState, reason: str, detail: str) -> None:
        """Keeps a readable command; later ones of its key wait behind it."""
        self._blocked.add(reading.record.key)
        row = self._write(reading, state, reason, detail, record_kept(reading))
        self._kept.append(Held(row, reading))

    async def queue(self, offset: int, known: Sequence[Reading]) -> list[Held]:
        """What is held of the key of the record at ``offset``, in order; empty when that is not held.

        ``known`` are the readings from before the lock; raises Conflict when more is held by now.
        """
        rows = await self.transaction.held(self.journal.lane, offset)
        if [row.record.offset for row in rows] != [reading.record.offset for reading in known]:
            raise Conflict("what is held in quarantine changed since the batch was prepared")
        stored = [Held(row, reading) for row, reading in zip(rows, known, strict=True)]
        target = next((held for held in stored if held.offset == offset), None)
        if target is None or offset in self._resolved:
            return []
        if self.journal.family == "evaluation" or target.row.command_id is None:
            return [target]
        key = target.row.record.key
        every = [*stored, *(held for held in self._kept if held.row.record.key == key)]
        return [held for held in every if held.offset not in self._resolved]

    def release(self, queue: Sequence[Held], offset: int) -> list[Held]:
        """Takes the record at ``offset`` out and, at the front of its queue, what waits only for it."""
        taken = [held for held in queue if held.offset == offset]
        if queue[0].offset == offset:
            taken += takewhile(lambda held: held.row.state == "parked", queue[1:])
        if len(taken) == len(queue) and taken[0].row.command_id is not None:
            self._blocked.discard(taken[0].row.record.key)
        self._resolved.update(held.offset for held in taken)
        return taken

    def _write(
        self, reading: Reading, state: QuarantineState, reason: str, detail: str, cause: Cause
    ) -> QuarantineRow:
        record = reading.record
        self.journal.emit(
            (self.journal.about_lane("command_quarantined", _body(record, reason, detail)),), cause
        )
        identified = reading if isinstance(reading, Identified) else None
        row = QuarantineRow(
            record=record,
            state=state,
            tenant=cause.tenant,
            command_id=identified.envelope.id if identified else None,
            source=identified.envelope.source if identified else None,
            reason=reason,
            detail=detail,
            recorded_at=self.journal.now,
        )
        self.journal.changes.quarantine.append(row)
        return row


def _body(record: CommandRecord, reason: str, detail: str) -> dict[str, object]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "digest": sha256(record.value or b"").hexdigest(),
        "size": len(record.value or b""),
        "reason": reason,
        "detail": detail,
    }
