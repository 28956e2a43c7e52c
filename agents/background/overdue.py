"""Gives up replays that nobody reports: an activation never waits for ever.

The replay process reports what it cannot do itself; this is for when it is not there to report.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from agents.background.ports import CommandOutlet, ReplayKey, ReplayTimes
from agents.lanes.patience import Patience
from schemas.identity import derived_command_id
from schemas.models import ReportReplay

log = logging.getLogger(__name__)

POLL_S: Final = 5.0
"""Pause between two looks, in seconds: a fraction of the shortest sensible limit."""

REPEAT: Final = timedelta(seconds=30)
"""After which a report without effect is sent again: above a worker's restart."""


class Overdue:
    """``limit``: how long after its request a replay is given up; ``clock`` gives an aware datetime."""

    def __init__(
        self,
        source: ReplayTimes,
        outlet: CommandOutlet,
        limit: timedelta,
        patience: Patience,
        clock: Callable[[], datetime],
    ) -> None:
        self._source = source
        self._outlet = outlet
        self._limit = limit
        self._patience = patience
        self._clock = clock
        self._sent: dict[ReplayKey, datetime] = {}

    async def run(self) -> None:
        """Looks and gives up, for ever, waiting out what is away."""
        while True:
            await self._patience.through(self.look)
            await asyncio.sleep(POLL_S)

    async def look(self) -> None:
        """One round; raises :class:`agents.errors.Outage`."""
        now = self._clock()
        overdue = await self._source.replays_before(now - self._limit)
        self._sent = {key: at for key, at in self._sent.items() if key in overdue}
        for key in overdue:
            # A clock that was set back must not keep a command from being sent again.
            if key not in self._sent or abs(now - self._sent[key]) >= REPEAT:
                await self._give_up(key)
                self._sent[key] = now

    async def _give_up(self, key: ReplayKey) -> None:
        tenant, policy, version, replay = key
        error = f"no report within {self._limit.total_seconds():g} s"
        command = ReportReplay(policy=policy, version=version, replay=replay, error=error, report=None)
        await self._outlet.send(tenant, command, derived_command_id("replay-overdue", tenant, policy, replay))
        log.warning("the replay of version %d of %s is given up: %s", version, policy, error)
