"""One leader's way from polls to committed batches.

Two batches are in hand at a time: while the wall takes one, the next is made in a thread. Nothing is
retried here: whatever fails, the leader drops this object and reads the wall again.
"""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Final

from audit_sink.append import Run, prepare, tenants_of
from audit_sink.errors import Corrupt, LeaseLost
from audit_sink.lanes import LaneRun, LogRecord, sort_records
from audit_sink.ledger.frontier import Frontier
from audit_sink.log import Poll
from audit_sink.notices import Notice, entry_of
from audit_sink.receipts import is_event_lane
from audit_sink.telemetry import Telemetry
from audit_sink.wall import (
    LOG_TREE,
    NOTARY_LANE,
    SINK_LANE,
    BatchRow,
    Lane,
    LogState,
    PreparedBatch,
    WallStore,
)
from schemas.leaf import EventRecord, encode_entry, leaf_hash

Prepare = Callable[[LogState, Sequence[Run], Mapping[bytes, Frontier]], Awaitable[PreparedBatch]]
Publish = Callable[[Sequence[BatchRow]], Coroutine[object, object, None]]
"""Sends the receipts of committed rows; returns when they are acknowledged."""


TREES_KEPT: Final = 4_096
"""Trees of tenants held in memory: some 10 KB each, so at most 40 MB."""

SWITCH_S: Final = 0.000_5
"""How long the thread that makes a batch may keep the interpreter from the event loop. At Python's own
5 ms the loop feeds the COPY too slowly, and making and storing take as long as one after the other."""


def share_interpreter() -> None:
    """Sets :data:`SWITCH_S` for this process; for programs that append."""
    sys.setswitchinterval(SWITCH_S)


async def prepare_in_thread(
    state: LogState, runs: Sequence[Run], trees: Mapping[bytes, Frontier]
) -> PreparedBatch:
    """:func:`~audit_sink.append.prepare` beside the event loop."""
    return await asyncio.to_thread(prepare, state, runs, trees)


async def no_receipts(_: Sequence[BatchRow]) -> None:
    """Tells nobody."""


async def append_polls(
    wall: WallStore, polls: Iterable[Poll], telemetry: Telemetry, publish: Publish = no_receipts
) -> LogState:
    """Appends records that did not come from Kafka; returns the state after.

    The caller has the lead. For benches and rebuilds; each poll is one transaction.
    """
    appender = Appender(wall, publish, await wall.read_state(), lambda: True, telemetry)
    for poll in polls:
        await appender.append(poll)
    await appender.drain()
    return appender.state


class Appender:
    """Appends polls in order. After an error of any method it is not to be used again."""

    def __init__(
        self,
        wall: WallStore,
        publish: Publish,
        state: LogState,
        leads: Callable[[], bool],
        telemetry: Telemetry,
        make: Prepare = prepare_in_thread,
    ) -> None:
        """``state`` is what the wall has just said; ``leads`` tells whether the lead is still held."""
        self._wall = wall
        self._publish = publish
        self._leads = leads
        self._telemetry = telemetry
        self._make = make
        self._trees: OrderedDict[bytes, Frontier] = OrderedDict()
        """Those used last, at most :data:`TREES_KEPT`; each stands where ``state`` does."""
        self._commit: asyncio.Task[None] | None = None
        self._receipts: asyncio.Task[None] | None = None
        self.state = state
        """Where the log goes on once everything handed over is committed."""
        self.committed_no = state.batch_no
        """Number of the newest batch row known to be committed."""

    async def append(self, poll: Poll, statements: Sequence[EventRecord] = ()) -> None:
        """Takes one poll and the notary's next statements, in their order.

        Returns when its commit is under way and the previous one is done.
        """
        sorted_runs = []
        for lane, records in poll.items():
            sorted_runs.append(sort_records(lane, self.state.lane(lane), records))
            await asyncio.sleep(0)  # the commit under way goes on
        notices = [notice for run in sorted_runs for notice in await self._notices(run)]
        for run in sorted_runs:
            self._telemetry.sorted(run)
        for notice in notices:
            self._telemetry.kept_aside(notice)
        runs = _runs(self.state, sorted_runs, notices)
        if statements:
            runs.append(Run(NOTARY_LANE, 0, statements, [dict(each.headers) for each in statements]))
        if not runs:
            return
        names = await self._learn_trees(runs)
        batch = await self._make(self.state, runs, {name: self._trees[name] for name in names})
        await self._committed()
        self.state = batch.after
        for name, tree in batch.trees.items():
            self._trees[name] = tree
            self._trees.move_to_end(name)
        while len(self._trees) > TREES_KEPT:
            self._trees.popitem(last=False)
        self._commit = asyncio.create_task(self._append(batch))

    async def drain(self) -> None:
        """Waits until everything handed over is committed and confirmed."""
        await self._committed()
        if self._receipts is not None:
            await self._receipts
            self._receipts = None

    async def abandon(self) -> None:
        """Ends what is under way, with unknown outcome; never raises what that ends with."""
        tasks = [task for task in (self._commit, self._receipts) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _committed(self) -> None:
        if self._commit is not None:
            await self._commit
            self._commit = None

    async def _append(self, batch: PreparedBatch) -> None:
        if not self._leads():
            raise LeaseLost("the lead was lost before the commit")
        await self._wall.append(batch)
        self.committed_no = batch.after.batch_no
        self._telemetry.committed(batch)
        # In order, and never two groups behind: what fails here is sent again by the next leader.
        if self._receipts is not None:
            await self._receipts
        rows = [row for row in batch.rows if is_event_lane(row.lane)]
        self._receipts = asyncio.create_task(self._publish(rows))

    async def _learn_trees(self, runs: Sequence[Run]) -> set[bytes]:
        """Makes sure of the trees that the runs extend, and returns their names."""
        names = {LOG_TREE}.union(*(tenants_of(run.attributes) for run in runs))
        if unknown := sorted(names - self._trees.keys()):
            # One that was given up may be in the batch under way.
            await self._committed()
            self._trees.update(await self._wall.trees(unknown))
            if LOG_TREE in unknown:
                self._check(self._trees[LOG_TREE])
        return names

    def _check(self, stored: Frontier) -> None:
        if stored.size != self.state.edge.size:
            raise LeaseLost("another sink has gone on")
        if stored.edge() != self.state.edge:
            raise Corrupt("the log's tiles and entries give another tree than its newest batch row")

    async def _notices(self, run: LaneRun) -> list[Notice]:
        notices = [Notice("audit.unparsed", record) for record in run.unparsed]
        fresh = {each.lane_seq: each for each in run.accepted} if run.repeats else {}
        stored = [each for each in run.repeats if each.lane_seq not in fresh]
        hashes = {
            each.lane_seq: _leaf(fresh[each.lane_seq]) for each in run.repeats if each.lane_seq in fresh
        }
        if stored:
            await self._committed()
            for first, last in _ranges(sorted({each.lane_seq for each in stored})):
                hashes.update(await self._wall.leaf_hashes(run.lane, first, last))
        for repeat in run.repeats:
            if repeat.lane_seq not in hashes:
                raise Corrupt(
                    f"{run.lane.topic}/{run.lane.partition}: sequence {repeat.lane_seq} is not in the wall"
                )
            if _leaf(_event(run.lane, *repeat)) != hashes[repeat.lane_seq]:
                notices.append(Notice("audit.conflict", repeat.record, repeat.lane_seq))
        return sorted(notices, key=lambda notice: notice.record.offset)


def _runs(state: LogState, sorted_runs: Iterable[LaneRun], notices: Sequence[Notice]) -> list[Run]:
    kept_until: dict[Lane, int] = {}
    for notice in notices:
        kept_until[Lane(notice.record.topic, notice.record.partition)] = notice.record.offset + 1
    runs = [
        Run(run.lane, max(run.next_offset, kept_until.get(run.lane, 0)), run.accepted, run.attributes)
        for run in sorted_runs
        if run.accepted or run.lane in kept_until
    ]
    if notices:
        first = state.lane(SINK_LANE).next_lane_seq
        entries = [entry_of(notice, first + place) for place, notice in enumerate(notices)]
        runs.append(Run(SINK_LANE, 0, entries, [dict(entry.headers) for entry in entries]))
    return runs


def _event(lane: Lane, lane_seq: int, record: LogRecord) -> EventRecord:
    return EventRecord(*lane, lane_seq, record.key, tuple(record.headers), record.value)


def _leaf(event: EventRecord) -> bytes:
    return leaf_hash(encode_entry(event)[0])


def _ranges(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Contiguous ranges, both ends inclusive, of ascending numbers."""
    start = 0
    for place in range(1, len(numbers) + 1):
        if place == len(numbers) or numbers[place] != numbers[place - 1] + 1:
            yield numbers[start], numbers[place - 1]
            start = place
