"""Waiting out outages: capped exponential pauses with jitter, visible to readiness."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from agents.errors import Conflict, Outage

FIRST_PAUSE_S: Final = 0.05
"""First pause of an outage: most are over at the second try."""

LONGEST_PAUSE_S: Final = 5.0
"""Cap of a pause: how late the end of an outage is noticed at worst."""

CONFLICT_PAUSE_S: Final = 0.01
"""Upper bound of the random pause after a deadlock or lost race."""

Result = TypeVar("Result")
Report = Callable[[str], None]
"""Told of every failed try, for the log."""


class Patience:
    """Repeats work until it succeeds; several callers may wait at once."""

    def __init__(self, report: Report, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._report = report
        self._sleep = sleep
        self._waiting: dict[object, str] = {}

    @property
    def outage(self) -> str | None:
        """What the longest waiting caller waits for, None while nobody does."""
        return next(iter(self._waiting.values()), None)

    async def through(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """The result of ``work``, repeated while it raises :class:`agents.errors.Retry`."""
        pause, caller = FIRST_PAUSE_S, object()
        try:
            while True:
                try:
                    return await work()
                except Conflict as conflict:
                    self._report(f"conflict: {conflict}")
                    await self._sleep(random.uniform(0, CONFLICT_PAUSE_S))
                except Outage as outage:
                    self._waiting[caller] = str(outage)
                    self._report(f"outage: {outage}")
                    await self._sleep(random.uniform(pause / 2, pause))
                    pause = min(2 * pause, LONGEST_PAUSE_S)
        finally:
            self._waiting.pop(caller, None)
