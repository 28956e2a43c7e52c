"""Await points of one simulated process: what happens at the k-th of them."""

import asyncio
from collections.abc import Mapping
from enum import Enum

from agents.errors import Conflict, Outage, Undeliverable


class Fault(Enum):
    """What can happen where a process waits for a server."""

    DIE = "the process is killed"
    OUTAGE = "the server does not answer; whether it did the work is unknown after a commit"
    CONFLICT = "another transaction was in the way"
    STOP = "the process is paused until it is resumed"


class Died(BaseException):
    """The process is gone. No Exception: nothing in a process survives its death."""


BROKER_SAYS_NO = frozenset({"publish", "published"})
"""Points where an outage means that a committed event could not be delivered."""


class Points:
    """The ``pause`` hook of one process."""

    def __init__(self, plan: Mapping[int, Fault] | None = None) -> None:
        self.plan = dict(plan or {})
        self.trace: list[str] = []
        """The points that were passed, in order."""
        self.dead = False
        self.stopped: asyncio.Event | None = None
        """Set to resume; None while the process runs."""
        self._by_name: dict[str, Fault] = {}
        self._slow: dict[str, asyncio.Event] = {}

    async def __call__(self, point: str) -> None:
        await asyncio.sleep(0)
        await self._alive()
        self.trace.append(point)
        fault = self.plan.pop(len(self.trace), None) or self._by_name.pop(point, None)
        if fault is Fault.DIE:
            self.dead = True
        elif fault is Fault.STOP:
            self.stopped = asyncio.Event()
        await self._alive()
        if point in self._slow:
            await self._slow.pop(point).wait()
            await self._alive()
        if fault is Fault.OUTAGE and point in BROKER_SAYS_NO:
            raise Undeliverable(point)
        if fault is Fault.OUTAGE:
            raise Outage(point)
        if fault is Fault.CONFLICT and point not in BROKER_SAYS_NO:
            raise Conflict(point)

    def next_is(self, fault: Fault, after: int = 1) -> None:
        """Plans a fault for the ``after``-th point from now."""
        self.plan[len(self.trace) + after] = fault

    def at(self, point: str, fault: Fault) -> None:
        """Plans a fault for the next point of that name."""
        self._by_name[point] = fault

    def slow(self, point: str) -> asyncio.Event:
        """Lets the next point of that name wait until the event is set; the process goes on meanwhile."""
        self._slow[point] = asyncio.Event()
        return self._slow[point]

    def resume(self) -> None:
        """Lets a stopped process go on."""
        if self.stopped:
            self.stopped.set()
            self.stopped = None

    async def _alive(self) -> None:
        while self.stopped and not self.dead:
            await self.stopped.wait()
        if self.dead:
            raise Died
