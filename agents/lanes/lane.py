"""The lanes of one family in one process: open, decide, publish, keep up."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agents.errors import LaneBehind, LaneRewound
from agents.lanes.batch import Committed, commit
from agents.lanes.entries import Entry, Prepared, by_lane
from agents.lanes.fence import Gap
from agents.lanes.handlers.port import Handler
from agents.lanes.patience import Patience
from agents.lanes.ports import CommandLog, EventLog, LaneRow, LaneStore
from agents.lanes.publication import Publication
from agents.reading import Reader, Received
from agents.records import CommandRecord, Item, LaneId, Skip
from schemas.models import DiscardQuarantined, RetryQuarantined
from schemas.topics import event_topic_of

MAX_ATTEMPTS: Final = 3
"""Single attempts at a record before it counts as poison."""


@dataclass(slots=True)
class LaneRuntime:
    """Everything a family's lanes need, wired once."""

    reader: Reader
    handler: Handler
    store: LaneStore
    commands: CommandLog
    events: EventLog
    publication: Publication
    patience: Patience
    clock: Callable[[], datetime]


class Lanes:
    """The lanes of one family. Not safe for concurrent commits: the pipeline serialises them."""

    def __init__(self, runtime: LaneRuntime) -> None:
        self._with = runtime
        self._open: set[LaneId] = set()
        """Lanes with their checks done and their tail published."""
        self._decided: dict[LaneId, int] = {}
        """Next offsets as they were seen last; by now they may be higher."""
        self._suspect: dict[LaneId, range] = {}
        """Offsets that an earlier start was processing when it ended, until they are decided."""
        self._announced: set[LaneId] = set()
        self._opening = asyncio.Lock()

    @property
    def opened(self) -> Collection[LaneId]:
        """Lanes that this process works on."""
        return self._open

    @property
    def suspicious(self) -> bool:
        """Whether some records must still be processed singly."""
        return bool(self._suspect)

    async def open(self, lane: LaneId) -> None:
        """Checks a lane against broker and event topic and publishes its tail; once.

        Raises :class:`LaneRewound` or :class:`LaneBehind`.
        """
        async with self._opening:
            if lane not in self._open:
                row = await self._checked(lane)
                self._with.publication.adopt(row)
                await self._with.publication.publish_tail(lane)
                self._decided[lane] = row.next_offset
                if row.attempt_to > row.next_offset:
                    self._suspect[lane] = range(row.next_offset, row.attempt_to)
                self._open.add(lane)

    async def _checked(self, lane: LaneId) -> LaneRow:
        """The lane's row, where neither partition contradicts it.

        Another owner may be at work: the row is read after the last event and before the end, so
        that what it commits in between cannot look like a fault.
        """
        ports = self._with
        last = await ports.events.last_sequence(event_topic_of(lane.topic), lane.partition)
        row = await ports.store.row(lane)
        _check_not_behind(row, last)
        await self._end(row)
        return row

    async def _end(self, row: LaneRow) -> int:
        """The end of the lane's command partition."""
        lane = row.lane
        if (end := await self._with.commands.end(lane)) < row.next_offset:
            raise LaneRewound(
                f"{lane.topic}/{lane.partition} ends at {end}, below the decided offset {row.next_offset}"
            )
        return end

    def close(self, lane: LaneId) -> None:
        """Forgets a lane that another process owns now."""
        self._open.discard(lane)
        self._decided.pop(lane, None)
        self._suspect.pop(lane, None)
        self._announced.discard(lane)
        self._with.publication.forget(lane)

    def suspects(self, records: Sequence[CommandRecord]) -> list[CommandRecord]:
        """Those records that an earlier start was processing when it ended."""
        return [r for r in records if r.offset in self._suspect.get(r.lane, ())]

    async def announce(self, records: Sequence[CommandRecord]) -> None:
        """Commits, before a lane's first batch since it was opened, how far that batch goes."""
        for lane in sorted({r.lane for r in records} - self._announced):
            await self._with.store.announce(lane, max(r.next_offset for r in records if r.lane == lane))
            self._announced.add(lane)

    async def prepare(self, items: Sequence[Item], poison: bool = False) -> Prepared:
        """Reads, asks and checks everything about a batch that needs no lock.

        Nothing is asked about what is decided: among it may be what killed earlier starts.
        """
        entries = [await self._entry(item, poison) for item in items]
        new = [e for e in entries if e.item.next_offset > self._decided.get(e.item.lane, 0)]
        asking = [command for entry in new for command in entry.commands]
        return Prepared(by_lane(entries), await self._with.handler.prepare(asking))

    async def decide(self, prepared: Prepared) -> Committed:
        """Commits a batch; raises what :func:`agents.lanes.batch.commit` raises, and LaneBehind."""
        ports = self._with
        async with ports.store.transaction(prepared.lanes) as transaction:
            for lane, row in transaction.lanes.items():
                _check_not_behind(row, ports.publication.sent(lane))
            committed = await commit(transaction, prepared, ports.publication.acked, ports.clock())
        for lane, advance in committed.advances.items():
            self._decided[lane] = advance.next_offset
            if lane in self._suspect and advance.next_offset >= self._suspect[lane].stop:
                del self._suspect[lane]
        return committed

    async def publish(self, committed: Committed) -> None:
        """Hands a committed batch's events to the producer, each lane as one contiguous run."""
        publication = self._with.publication
        for lane, row in committed.rows.items():
            publication.adopt(row)
            if first := committed.republish.get(lane):
                publication.rewind(lane, first)
        for lane, events in committed.events.items():
            await publication.publish(lane, [event.record for event in events])

    async def missing(self, lane: LaneId, first: int, end: int) -> list[Item]:
        """A bounded piece of what was not delivered, from ``first`` on, leaving no offset out."""
        return _covering(lane, first, await self._with.commands.read(lane, first, end), end)

    async def catch_up(self, lane: LaneId) -> Gap | None:
        """Publishes what an idle lane has not; returns the commands nobody delivered, if any.

        Raises :class:`LaneRewound`.
        """
        row = await self._with.store.row(lane)
        await self._with.publication.publish_tail(lane)
        end = await self._end(row)
        return Gap(lane, row.next_offset, end) if end > row.next_offset else None

    async def record_published(self) -> None:
        """Raises ``published_seq`` of idle lanes to what the broker has acknowledged."""
        if acked := self._with.publication.acked:
            await self._with.store.acknowledge(acked)

    async def attempt(self, record: CommandRecord) -> bool:
        """Commits a single attempt at a suspect; False when it had its attempts already."""
        return await self._with.store.attempts((record.lane, record.offset)) <= MAX_ATTEMPTS

    async def take_back_attempt(self, record: CommandRecord) -> None:
        """Takes back an attempt that ended without the process dying of it."""
        await self._with.store.take_back_attempt((record.lane, record.offset))

    async def _entry(self, item: Item, poison: bool) -> Entry:
        if isinstance(item, Skip):
            return Entry(item, None)
        reading = self._with.reader.read(item)
        if isinstance(reading, Received) and isinstance(
            reading.command, RetryQuarantined | DiscardQuarantined
        ):
            rows = await self._with.store.held(item.lane, reading.command.offset)
            return Entry(item, reading, tuple(self._with.reader.read(row.record) for row in rows), poison)
        return Entry(item, reading, poison=poison)


def _check_not_behind(row: LaneRow, last: int) -> None:
    if last >= row.next_seq:
        raise LaneBehind(
            f"{row.lane.topic}/{row.lane.partition}: sequence {last} is published, the database is at "
            f"{row.next_seq - 1}; was it restored from an older backup?"
        )


def _covering(lane: LaneId, first: int, records: Sequence[CommandRecord], end: int) -> list[Item]:
    """Records with skips for the offsets between them; without records, one skip to ``end``."""
    items: list[Item] = []
    for record in records:
        if record.offset > first:
            items.append(Skip(*lane, first, record.offset))
        items.append(record)
        first = record.next_offset
    if not records:
        items.append(Skip(*lane, first, end))
    return items
