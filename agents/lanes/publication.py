"""Publication: what this process sends to a lane is one contiguous run.

A run begins after what is known to be published and goes on without a hole. What another owner
wrote in between, what an unknown commit outcome left, and what an operator wants again is filled in
from the stored rows first. A re-publication has the same bytes and sequence, so consumers drop it.
"""

from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final

from agents.lanes.ports import EventLog, LaneRow, LaneStore
from agents.records import LaneId
from schemas.leaf import EventRecord

PIECE: Final = 1000
"""Stored events read at once when a run is filled; bounds memory, about 1 MB."""


@dataclass(slots=True)
class Run:
    """What this process has sent to one lane without interruption."""

    sent: int
    """The last sequence handed to the producer."""
    acked: int = 0
    """The last sequence that the broker acknowledged with nothing missing before it; 0 for none yet."""


class Publication:
    """The publishing state of every lane this process owns."""

    def __init__(self, store: LaneStore, log: EventLog) -> None:
        self._store = store
        self._log = log
        self._runs: dict[LaneId, Run] = {}
        self._pending: deque[tuple[Run, int, Awaitable[None]]] = deque()
        self.handed_over = 0
        """How many pieces were handed to the producer so far."""
        self._settled = 0

    @property
    def acked(self) -> dict[LaneId, int]:
        """The last acknowledged sequence of each lane that this process has published to."""
        return {lane: run.acked for lane, run in self._runs.items() if run.acked}

    def sent(self, lane: LaneId) -> int:
        """The last sequence that this process sent to the lane, 0 for none."""
        run = self._runs.get(lane)
        return run.sent if run else 0

    def adopt(self, row: LaneRow) -> None:
        """Begins a lane's run after what is known to be published, unless one has begun."""
        if row.lane not in self._runs:
            self._runs[row.lane] = Run(row.published_seq)

    def forget(self, lane: LaneId) -> None:
        """Ends the run of a lane that is no longer owned."""
        self._runs.pop(lane, None)

    def rewind(self, lane: LaneId, first: int) -> None:
        """Lets a run begin again at sequence ``first``, or where the old one stood if that is lower."""
        self._runs[lane] = Run(min(self._runs[lane].sent, first - 1))

    async def publish(self, lane: LaneId, events: Sequence[EventRecord]) -> None:
        """Hands over committed events of one lane, after stored ones that the run still lacks."""
        run = self._runs[lane]
        if events and run.sent == events[0].lane_seq - 1:
            await self._hand_over(run, events)
        else:
            await self.publish_tail(lane)

    async def publish_tail(self, lane: LaneId) -> None:
        """Hands over the lane's stored events after the last one sent, up to the head."""
        run = self._runs[lane]
        while piece := await self._store.stored(lane, run.sent + 1, PIECE):
            await self._hand_over(run, piece)

    async def settle(self, handed_over: int) -> None:
        """Waits for the broker's acknowledgement of the first ``handed_over`` pieces, in order.

        One caller at a time. Raises :class:`agents.errors.Undeliverable`.
        """
        while self._settled < handed_over:
            run, last, acknowledged = self._pending.popleft()
            await acknowledged
            self._settled += 1
            run.acked = max(run.acked, last)

    async def _hand_over(self, run: Run, events: Sequence[EventRecord]) -> None:
        acknowledged = await self._log.publish(events)
        self._pending.append((run, events[-1].lane_seq, acknowledged))
        self.handed_over += 1
        run.sent = events[-1].lane_seq
