"""Batches of one family: prepared ahead, decided and published in order, acknowledged in order.

Up to :data:`IN_FLIGHT` batches are under way, and one of them at most is ahead of its commit: what
arrives meanwhile makes the next batch larger. Transaction n+1 starts after publication n was handed to
the producer; acknowledgement waits for the broker's word. An exception that is no
:class:`agents.errors.Retry` ends ``run`` and must end the process: nothing after it is acknowledged.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from agents.errors import Outage, Retry
from agents.lanes.entries import Prepared
from agents.lanes.fence import Gap
from agents.lanes.lane import Lanes
from agents.lanes.patience import Patience
from agents.lanes.publication import Publication
from agents.lanes.solitude import Solitude
from agents.records import CommandRecord, Item, LaneId

IN_FLIGHT: Final = 3
"""Batches under way: one prepares, one commits, one awaits the broker. More adds only latency."""

KEEP_UP_S: Final = 1.0
"""How often lanes without a batch are looked after; bounds how late an undelivered command starts."""

OVERDUE_LOOKS: Final = 10
"""Looks without a batch after which a busy family reads a lane's partition itself: longer than the
group consumer keeps records in its buffers under full load."""


@dataclass(slots=True)
class Job:
    """One delivered batch."""

    records: Sequence[CommandRecord]
    acknowledge: Callable[[], None]
    prepared: "asyncio.Task[Prepared] | None"
    """Being prepared ahead; None while there are suspects: they must be alone."""


class Pipeline:
    """The way of one family's batches through its lanes."""

    def __init__(
        self,
        lanes: Lanes,
        publication: Publication,
        patience: Patience,
        assigned: Callable[[], Iterable[LaneId]],
        solitude: Solitude,
    ) -> None:
        self._lanes = lanes
        self._publication = publication
        self._patience = patience
        self._assigned = assigned
        self._solitude = solitude
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._turn = asyncio.Semaphore(1)
        """Held by the newest batch until it begins to commit."""
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self._handed_over: asyncio.Queue[tuple[int, Job | None]] = asyncio.Queue()
        self._touched: set[LaneId] = set()
        self._quiet_looks: Counter[LaneId] = Counter()
        self._ahead: set[asyncio.Task[Prepared]] = set()
        self._under_way = 0
        self._moved_at = 0.0

    def stuck_for(self) -> float:
        """Seconds without any progress while a batch is under way; else 0."""
        return asyncio.get_running_loop().time() - self._moved_at if self._under_way else 0.0

    async def vacancy(self) -> None:
        """Waits until there is room for a batch, so that its former may collect until then."""
        async with self._turn, self._room:
            pass

    async def submit(self, records: Sequence[CommandRecord], acknowledge: Callable[[], None]) -> None:
        """Takes a batch as soon as there is room; ``acknowledge`` is called when it is all done."""
        await self._turn.acquire()
        await self._room.acquire()
        if not self._under_way:
            self._moved()
        self._under_way += 1
        lanes = {r.lane for r in records}
        self._touched |= lanes
        for lane in sorted(lanes - set(self._lanes.opened)):
            await self._open(lane)
        prepared = None
        if not self._lanes.suspicious:
            await self._patience.through(lambda: self._lanes.announce(records))
            prepared = asyncio.create_task(self._patience.through(lambda: self._prepare(records)))
            self._ahead.add(prepared)
            prepared.add_done_callback(self._ahead.discard)
        await self._jobs.put(Job(records, acknowledge, prepared))

    async def run(self) -> None:
        """Works until cancelled; raises what must end the process."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._decide_in_order())
                group.create_task(self._acknowledge_in_order())
        finally:
            for task in self._ahead:
                task.cancel()

    async def drain(self) -> None:
        """Waits until every submitted batch is acknowledged (graceful shutdown)."""
        for _ in range(IN_FLIGHT):
            await self._room.acquire()

    async def _decide_in_order(self) -> None:
        clock = asyncio.get_running_loop()
        due = clock.time() + KEEP_UP_S
        while True:
            try:
                async with asyncio.timeout_at(due):
                    job = await self._jobs.get()
            except TimeoutError:
                job = None
            if job is not None:
                if job.prepared is not None:
                    await asyncio.wait([job.prepared])
                self._turn.release()
                await self._take(job.records, job.prepared)
                await self._handed_over.put((self._publication.handed_over, job))
            if clock.time() >= due:
                await self._keep_up()
                due = clock.time() + KEEP_UP_S

    async def _take(self, items: Sequence[Item], ahead: "asyncio.Task[Prepared] | None" = None) -> None:
        """Decides and publishes items in order; suspects singly, each attempt committed first."""
        records = [item for item in items if isinstance(item, CommandRecord)]
        suspects = [] if ahead else self._lanes.suspects(records)
        for record in suspects:
            await self._singly(record)
        rest = [item for item in items if item not in suspects] if suspects else items
        if rest:
            await self._patience.through(lambda: self._lanes.announce(records))
            await self._batch(rest, ahead)

    async def _batch(self, items: Sequence[Item], ahead: "asyncio.Task[Prepared] | None") -> None:
        """Decides and publishes one batch."""

        async def once() -> None:
            nonlocal ahead
            prepared, ahead = (await ahead if ahead else await self._prepare(items)), None
            async with self._solitude.together():
                await self._lanes.publish(await self._lanes.decide(prepared))

        await self._until_done(once)

    async def _singly(self, record: CommandRecord) -> None:
        """Decides and publishes a suspect with nothing beside it; ends that are not its own do not count."""
        attempted = poison = False

        async def once() -> None:
            nonlocal attempted, poison
            async with self._solitude.alone():
                if not attempted:
                    poison = not await self._lanes.attempt(record)
                    attempted = True
                try:
                    prepared = await self._lanes.prepare([record], poison)
                    await self._lanes.publish(await self._lanes.decide(prepared))
                except (Outage, Gap):
                    await self._lanes.take_back_attempt(record)
                    attempted = False
                    raise

        try:
            await self._until_done(once)
        except asyncio.CancelledError:
            if attempted:
                with suppress(Retry):
                    await self._lanes.take_back_attempt(record)
            raise

    async def _until_done(self, once: Callable[[], Awaitable[None]]) -> None:
        """Through outages, lost races and gaps."""
        while True:
            try:
                await self._patience.through(once)
            except Gap as gap:
                await self._fill(gap)
            else:
                self._moved()
                return

    async def _prepare(self, items: Sequence[Item]) -> Prepared:
        async with self._solitude.together():
            return await self._lanes.prepare(items)

    async def _fill(self, gap: Gap) -> None:
        first = gap.first
        while first < gap.end:
            items = await self._missing(gap.lane, first, gap.end)
            await self._take(items)
            first = items[-1].next_offset

    async def _missing(self, lane: LaneId, first: int, end: int) -> list[Item]:
        return await self._patience.through(lambda: self._lanes.missing(lane, first, end))

    async def _keep_up(self) -> None:
        """Looks after assigned lanes that had no batch for a while, and gives up lost ones.

        A lane's partition is read beside the group consumer only where that has nothing on the way:
        at the second look without a batch while no other batch is under way, else at look
        :data:`OVERDUE_LOOKS`.
        """
        assigned = set(self._assigned())
        quiet = assigned - self._touched
        for lane in set(self._lanes.opened) - assigned - self._touched:
            self._lanes.close(lane)
        for lane in sorted(quiet):
            await self._open(lane)
            overdue = self._quiet_looks[lane] >= (OVERDUE_LOOKS if self._under_way else 1)
            if overdue and (gap := await self._catch_up(lane)):
                await self._fill(gap)
        await self._handed_over.put((self._publication.handed_over, None))
        await self._patience.through(self._lanes.record_published)
        self._quiet_looks = Counter({lane: self._quiet_looks[lane] + 1 for lane in quiet})
        self._touched = set()

    async def _open(self, lane: LaneId) -> None:
        await self._patience.through(lambda: self._lanes.open(lane))

    async def _catch_up(self, lane: LaneId) -> Gap | None:
        return await self._patience.through(lambda: self._lanes.catch_up(lane))

    async def _acknowledge_in_order(self) -> None:
        while True:
            handed_over, job = await self._handed_over.get()
            await self._publication.settle(handed_over)
            if job is not None:
                job.acknowledge()
                self._moved()
                self._under_way -= 1
                self._room.release()

    def _moved(self) -> None:
        self._moved_at = asyncio.get_running_loop().time()
