"""Imports what a lane has published and its database does not know.

Events are the history: from them follow the event rows, state and projections, the outcome of each command,
and how far the command partition is decided. Records kept in quarantine and the digests of bodies come from
the command topic; where that no longer holds a record, its outcome is restored without them.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

from agents.errors import LaneBehind
from agents.lanes.ports import (
    Changes,
    CommandLog,
    EventRow,
    InboxRow,
    LaneAdvance,
    LaneStore,
    LaneTransaction,
    Position,
    QuarantineRow,
    QuarantineState,
)
from agents.reading import Identified, InboxKey, Reader
from agents.records import LaneId
from agents.restore.commands import SentCommands
from agents.restore.folding import fold
from agents.restore.history import History
from projections.apply.happened import Happened, happened
from schemas.envelope import envelope_of
from schemas.leaf import EventRecord, encode_leaf
from schemas.topics import event_topic_of, family_of

PIECE: Final = 500
"""Events restored in one transaction."""

UNKNOWN: Final = bytes(32)
"""Digest of a body that the broker no longer has: its repeats are refused as another body under its id."""


async def restore(
    lane: LaneId, store: LaneStore, commands: CommandLog, history: History, reader: Reader
) -> int:
    """Imports the lane's published events that the database lacks; returns how many.

    Workers refuse lanes that are behind; one that owns the lane all the same is waited for. Raises
    :class:`agents.errors.LaneBehind` where the topic itself lacks some of them, and Outage.
    """
    sent = SentCommands(lane, commands, reader)
    first = (await store.row(lane)).next_seq
    count = 0
    async for piece in _pieces(history, lane, first):
        async with store.transaction([lane]) as transaction:
            lacking = [event for event in piece if event.lane_seq >= transaction.lanes[lane].next_seq]
            if lacking:
                await transaction.write(await _Import(transaction, lane, sent).changes(lacking))
        count += len(lacking)
    return count


async def _pieces(history: History, lane: LaneId, first: int) -> AsyncIterator[list[EventRecord]]:
    expected, newest = first, 0
    piece: list[EventRecord] = []
    async for event in history.events(event_topic_of(lane.topic), lane.partition):
        newest = max(newest, event.lane_seq)
        if event.lane_seq != expected:
            continue
        expected += 1
        piece.append(event)
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece
    if newest >= expected:
        raise LaneBehind(
            f"{lane.topic}/{lane.partition}: sequences {expected} to {newest} are published, but the topic "
            "no longer holds them in one run"
        )


@dataclass(slots=True)
class _Import:
    """One piece on its way into one transaction."""

    transaction: LaneTransaction
    lane: LaneId
    sent: SentCommands

    async def changes(self, piece: Sequence[EventRecord]) -> Changes:
        row = self.transaction.lanes[self.lane]
        changes = Changes()
        next_offset = row.next_offset
        events = [EventRow(record, encode_leaf(record), happened(record)) for record in piece]
        keys = {key for event in events if (key := _key(event.record))}
        digests = dict(await self.transaction.inbox(keys))
        for event in events:
            next_offset = max(next_offset, await self._outcome(event, digests, next_offset, changes))
        changes.events.extend(events)
        await fold(self.transaction, [event.happened for event in events], changes)
        changes.lanes[self.lane] = LaneAdvance(
            next_offset, piece[-1].lane_seq + 1, piece[-1].lane_seq, events[-1].happened.occurred_at
        )
        return changes

    async def _outcome(
        self, event: EventRow, digests: dict[InboxKey, bytes], next_offset: int, changes: Changes
    ) -> int:
        """Adds inbox and quarantine rows of an event; returns the offset after what it is about."""
        body, said = event.happened.body, event.happened.type.removeprefix(f"governance.{self._family}.")
        if said == "command_quarantined":
            offset = cast("int", body["offset"])
            await self._keep(event.happened, offset, changes)
            return offset + 1
        if said == "records_skipped":
            return cast("int", body["next_offset"])
        if said == "quarantine_resolved":
            position = self.lane, cast("int", body["offset"])
            if await self._is_kept(position, changes):
                changes.resolved.append((position, cast("QuarantineState", body["action"])))
        if (key := _key(event.record)) is None:
            return 0
        rejected = said == "command_rejected"
        if rejected and body["reason"] == "id_reused":
            other = await self.sent.other(key, digests.get(key, UNKNOWN), next_offset)
            return other.offset + 1 if other else 0
        if key in digests:
            return 0
        place = await self.sent.first(key)
        digests[key] = place.digest if place else UNKNOWN
        changes.inbox.append(
            InboxRow(
                key=key,
                digest=digests[key],
                lane=self.lane,
                offset=place.offset if place else next_offset,
                state="rejected" if rejected else "decided",
                first_event=event.happened.event_id,
                received_at=event.happened.occurred_at,
            )
        )
        return place.offset + 1 if place else 0

    async def _keep(self, said: Happened, offset: int, changes: Changes) -> None:
        record = await self.sent.at(offset)
        if record is None:
            return
        reading = self.sent.reader.read(record)
        identified = reading if isinstance(reading, Identified) else None
        reason = str(said.body["reason"])
        changes.quarantine.append(
            QuarantineRow(
                record=record,
                state="parked" if reason == "parked" else "quarantined",
                tenant=said.tenant,
                command_id=identified.envelope.id if identified else None,
                source=identified.envelope.source if identified else None,
                reason=reason,
                detail=str(said.body["detail"]),
                recorded_at=said.occurred_at,
            )
        )

    async def _is_kept(self, position: Position, changes: Changes) -> bool:
        if any((row.record.lane, row.record.offset) == position for row in changes.quarantine):
            return True
        return bool(await self.transaction.quarantined([position]))

    @property
    def _family(self) -> str:
        return family_of(self.lane.topic)


def _key(record: EventRecord) -> InboxKey | None:
    envelope = envelope_of(record.headers)
    if not envelope.command_id:
        return None
    return InboxKey(envelope.tenant, envelope.command_source, envelope.command_id)
