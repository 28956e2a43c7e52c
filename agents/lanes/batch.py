"""One batch, one transaction: fence, inbox, decisions, events, and how far each lane got."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.lanes.deciding import LaneWork
from agents.lanes.entries import Entry, Prepared
from agents.lanes.fence import below, fresh
from agents.lanes.history import History
from agents.lanes.journal import Journal
from agents.lanes.ports import Changes, EventRow, LaneAdvance, LaneRow, LaneTransaction
from agents.lanes.quarantine import Quarantine
from agents.reading import Received
from agents.records import LaneId
from schemas.models import RepublishLane


@dataclass(frozen=True, slots=True)
class Committed:
    """What a transaction left to publish."""

    rows: Mapping[LaneId, LaneRow]
    """Lanes as they were before."""
    advances: Mapping[LaneId, LaneAdvance]
    """How far they are now."""
    events: Mapping[LaneId, Sequence[EventRow]]
    republish: Mapping[LaneId, int]
    """Lanes whose events an operator wants again, from this sequence on."""


async def commit(
    transaction: LaneTransaction, prepared: Prepared, published: Mapping[LaneId, int], now: datetime
) -> Committed:
    """Decides everything of a batch that its lanes have not decided yet and writes it.

    ``published`` is what the broker has acknowledged of this process's events. Raises
    :class:`agents.lanes.fence.Gap`, :class:`agents.errors.LaneRewound` or
    :class:`agents.errors.Conflict`; the transaction must then roll back.
    """
    taken = {lane: await fresh(transaction, lane, prepared.entries[lane]) for lane in prepared.lanes}
    entries = [entry for lane in prepared.lanes for entry in taken[lane]]
    digests = dict(await transaction.inbox({reading.key for e in entries for reading in e.identified}))
    session = await prepared.advice.open(transaction, [command for e in entries for command in e.commands])
    changes = Changes()
    events: dict[LaneId, Sequence[EventRow]] = {}
    republish: dict[LaneId, int] = {}
    for lane in prepared.lanes:
        row = transaction.lanes[lane]
        journal = Journal(row, changes, now)
        history = History(transaction, changes)
        work = LaneWork(journal, Quarantine(transaction, journal), session, history, digests)
        for entry in taken[lane]:
            await work.take(entry)
        events[lane] = journal.events
        if wanted := _again(row, prepared.entries[lane], work.republish_from):
            republish[lane] = wanted
        changes.lanes[lane] = LaneAdvance(
            next_offset=taken[lane][-1].item.next_offset if taken[lane] else row.next_offset,
            next_seq=journal.clock.next_seq,
            published_seq=max(row.published_seq, published.get(lane, 0)),
            last_event_time=journal.clock.last_event_time,
        )
    session.collect(changes)
    await transaction.write(changes)
    return Committed(dict(transaction.lanes), changes.lanes, events, republish)


def _again(row: LaneRow, entries: Sequence[Entry], decided_now: int) -> int:
    """The lowest sequence to publish again, 0 for none.

    Commands below the next offset count too: who decided them may have died before it published.
    """
    wanted = [
        entry.reading.command.from_sequence
        for entry in below(row.next_offset, entries)
        if isinstance(entry.reading, Received) and isinstance(entry.reading.command, RepublishLane)
    ]
    return min([*wanted, *([decided_now] if decided_now else [])], default=0)
