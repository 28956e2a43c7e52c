"""Lanes that count and time what they do."""

from collections.abc import Sequence

from agents.errors import Outage
from agents.lanes.batch import Committed
from agents.lanes.entries import Prepared
from agents.lanes.lane import LaneRuntime, Lanes
from agents.records import Item, LaneId
from agents.telemetry import BATCH_SIZE, EVENTS, LAG, stage
from schemas.topics import Family


class MeteredLanes(Lanes):
    """The lanes of one family, with the worker's metrics."""

    def __init__(self, family: Family, runtime: LaneRuntime) -> None:
        super().__init__(runtime)
        self._family = family
        self._commands = runtime.commands
        self._next_offsets: dict[LaneId, int] = {}

    async def prepare(self, items: Sequence[Item], poison: bool = False) -> Prepared:
        BATCH_SIZE.labels(self._family).observe(len(items))
        with stage(self._family, "prepare"):
            return await super().prepare(items, poison)

    async def decide(self, prepared: Prepared) -> Committed:
        with stage(self._family, "commit"):
            committed = await super().decide(prepared)
        for lane, advance in committed.advances.items():
            self._next_offsets[lane] = advance.next_offset
        for events in committed.events.values():
            for event in events:
                EVENTS.labels(event.happened.type).inc()
        return committed

    async def publish(self, committed: Committed) -> None:
        with stage(self._family, "publish"):
            await super().publish(committed)

    async def measure_lag(self) -> None:
        """Sets the lag of every lane that this process has decided something in."""
        for lane in list(self.opened):
            if (next_offset := self._next_offsets.get(lane)) is not None:
                try:
                    end = await self._commands.end(lane)
                except Outage:
                    return
                LAG.labels(lane.topic, lane.partition).set(max(0, end - next_offset))
