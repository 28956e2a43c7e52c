"""Fires timers when they are due, by command.

Nothing is kept between starts: a timer stays armed until its lane has decided the command, whose id follows
from the timer alone. However often it is sent, and by however many schedulers, it is decided once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from agents.background.ports import FIRST_PLACE, ArmedTimer, CommandOutlet, TimerSource
from agents.background.telemetry import LATENESS
from agents.lanes.patience import Patience
from schemas.envelope import timestamp
from schemas.identity import derived_command_id
from schemas.models import FireTimer

log = logging.getLogger(__name__)

POLL_S: Final = 0.5
"""Longest pause between two looks, in seconds: a timer that was just armed is never later than that."""

PAGE: Final = 500
"""Timers read at once."""

AT_ONCE: Final = 100
"""Commands on their way at the same time: most periods end at the same midnight."""

REPEAT: Final = timedelta(seconds=10)
"""After which a command without effect is sent again: above a worker's restart."""

WORKFLOW: Final = "workflow/"
"""How the subjects begin that have timers."""

Sleep = Callable[[float], Awaitable[None]]


class Scheduler:
    """Looks for due timers at least every :data:`POLL_S` seconds; ``clock`` gives an aware datetime."""

    def __init__(
        self,
        source: TimerSource,
        outlet: CommandOutlet,
        patience: Patience,
        clock: Callable[[], datetime],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._source = source
        self._outlet = outlet
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._sent: dict[ArmedTimer, datetime] = {}
        """Due timers whose command was sent, and when; they stay armed until it is decided."""

    async def run(self) -> None:
        """Looks and fires, for ever, waiting out what is away."""
        while True:
            await self._sleep(await self._patience.through(self.look))

    async def look(self) -> float:
        """Fires everything that is due; returns the seconds until the next look.

        Raises :class:`agents.errors.Outage`; what was not sent then is sent by the next look.
        """
        still_due: set[ArmedTimer] = set()
        place, horizon = FIRST_PLACE, timedelta(seconds=POLL_S)
        upcoming: datetime | None = None
        while upcoming is None:
            now = self._clock()
            found = await self._source.timers(place, now + horizon, PAGE)
            due = [timer for timer in found if timer.place.due_at <= now]
            still_due.update(due)
            await self._fire([timer for timer in due if self._unsent(timer, now)])
            if len(due) < len(found):
                upcoming = found[len(due)].place.due_at
            elif len(found) < PAGE:
                upcoming = now + horizon
            else:
                place = found[-1].place
        self._sent = {timer: at for timer, at in self._sent.items() if timer in still_due}
        return min(POLL_S, max(0.0, (upcoming - self._clock()).total_seconds()))

    def _unsent(self, timer: ArmedTimer, now: datetime) -> bool:
        sent = self._sent.get(timer)
        # A clock that was set back must not keep a command from being sent again.
        return sent is None or abs(now - sent) >= REPEAT

    async def _fire(self, timers: Sequence[ArmedTimer]) -> None:
        """Sends the commands, the earliest due first; raises the first outage once all have ended."""
        room = asyncio.Semaphore(AT_ONCE)

        async def fire(timer: ArmedTimer) -> None:
            async with room:
                await self._send(timer)

        for outcome in await asyncio.gather(*map(fire, timers), return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def _send(self, timer: ArmedTimer) -> None:
        due_at, tenant, aggregate, name = timer.place
        command = FireTimer(
            workflow=aggregate.removeprefix(WORKFLOW),
            name=name,
            generation=timer.generation,
            due_at=timestamp(due_at),
        )
        command_id = derived_command_id("timer", tenant, aggregate, name, str(timer.generation))
        await self._outlet.send(tenant, command, command_id)
        self._sent[timer] = now = self._clock()
        LATENESS.observe(max(0.0, (now - due_at).total_seconds()))
        log.info("timer %s of %s was due at %s", name, aggregate, command.due_at)
