"""What the leader takes over from the notary: its statements into the log, its checkpoints onto the topic.

The notary's word is checked like any record: a statement that is none, or is not the next one, is left
where it is, and an alarm says so; the log never stops for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from audit_sink.log import ReceiptLog
from audit_sink.telemetry import Telemetry
from audit_sink.wall import NOTARY_LANE, Lane, WallStore
from schemas.errors import Unreadable
from schemas.leaf import MAX_ENTRY_BYTES, EventRecord, decode_entry

LOOK_S: Final = 0.25
"""Seconds between two looks: part of the way from an event to its signed checkpoint."""

TAKEN_AT_ONCE: Final = 1_000


@dataclass(slots=True)
class Takeover:
    """One leader's looks at the notary's tables."""

    wall: WallStore
    receipts: ReceiptLog
    telemetry: Telemetry
    announced: int = -1
    """Size of the newest checkpoint that went to the receipts topic."""
    _looked: float = 0.0

    async def look(self, next_seq: int) -> Sequence[EventRecord]:
        """The next statements, from sequence ``next_seq`` on, if it is time to look again."""
        if monotonic() - self._looked < LOOK_S:
            return ()
        self._looked = monotonic()
        checkpoint = await self.wall.newest_checkpoint()
        if checkpoint is not None and checkpoint.size > self.announced:
            await self.receipts.announce(checkpoint)
            self.announced = checkpoint.size
        found: list[EventRecord] = []
        for data in await self.wall.statements(next_seq, TAKEN_AT_ONCE):
            record = _statement(data, next_seq + len(found))
            if record is None:
                self.telemetry.bad_statement(next_seq + len(found))
                break
            found.append(record)
        return found


def _statement(data: bytes, number: int) -> EventRecord | None:
    try:
        record, _ = decode_entry(data)
    except Unreadable:
        return None
    right = (Lane(record.topic, record.partition), record.lane_seq) == (NOTARY_LANE, number)
    kind = dict(record.headers).get("ce_type", b"")
    return record if right and kind.startswith(b"audit.") and len(data) <= MAX_ENTRY_BYTES else None
