"""The breaker: a version whose evaluations keep failing is suspended by the engine.

Each worker counts the evaluations that it decides itself. Nothing is kept of a version whose evaluations
succeed: it costs one look into a dict.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, cast

from agents.bundles.ports import CommandOutlet
from agents.engine_commands import EngineCommand, Seal
from agents.lanes.patience import Patience
from projections.apply.happened import Happened
from schemas.codec import Body
from schemas.identity import derived_command_id
from schemas.models import SuspendPolicy

ACTOR: Final = "aumos-breaker"
"""``ce_actorid`` of its suspensions."""

FAILURES: Final = frozenset({"timeout", "evaluation_error"})
"""Errors that a version brings about itself; an OPA that is away is no fault of a version."""

MAX_WATCHED: Final = 1000
"""Versions with failures, beyond which those without a recent one are forgotten."""


@dataclass(frozen=True, slots=True)
class Tripped:
    """A version that is to be suspended."""

    tenant: str
    policy_id: str
    version: int
    activation_event: str


@dataclass(slots=True)
class _Watched:
    """The latest failures of a version, oldest first, at most as many as trip it."""

    failures: dict[str, tuple[float, int]] = field(default_factory=dict)
    """By decision: when, and how many other evaluations there had been."""
    others: int = 0


class Breaker:
    """Trips when ``failures`` of a version's evaluations failed within ``window_s`` seconds and no more
    than as many others came in between. ``clock`` gives monotonic seconds."""

    def __init__(self, failures: int, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._needed = failures
        self._window_s = window_s
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self.tripped: asyncio.Queue[Tripped] = asyncio.Queue()

    @property
    def reason(self) -> str:
        """Why a version is suspended; the same for every trip, so that a repeated command is a repeat."""
        return (
            f"{self._needed} evaluations within {self._window_s:g} s ended in timeout or evaluation_error, "
            "at least half of all"
        )

    def observe(self, decision: Happened) -> None:
        """Counts a ``governance.policy.evaluated`` event, for each policy that it asked; the same one again
        counts as a failure once."""
        if not decision.body["parts"]:
            self._count(decision, decision.body, decision.causation)
        for part in cast("Sequence[Body]", decision.body["parts"]):
            if part["version"] is not None:
                self._count(decision, part, str(part["activation_event"]))

    def _count(self, decision: Happened, said: Body, activation: str) -> None:
        watched = self._watched.get(activation)
        if said["error"] in FAILURES:
            version = Tripped(
                decision.tenant, str(said["policy_id"]), cast("int", said["version"]), activation
            )
            self._failed(decision.event_id, version, watched or self._watch(activation))
        elif watched is not None:
            watched.others += 1
            self._forget(activation, watched)

    def _failed(self, event_id: str, version: Tripped, watched: _Watched) -> None:
        now = self._clock()
        watched.failures.setdefault(event_id, (now, watched.others))
        if len(watched.failures) > self._needed:
            del watched.failures[next(iter(watched.failures))]
        since, others = next(iter(watched.failures.values()))
        if len(watched.failures) < self._needed or now - since > self._window_s:
            return
        if watched.others - others <= self._needed:
            del self._watched[version.activation_event]
            self.tripped.put_nowait(version)

    def _forget(self, activation: str, watched: _Watched) -> None:
        """A failure with more others behind it than trip can be the first of no trip any more."""
        while watched.failures:
            oldest, (_, others) = next(iter(watched.failures.items()))
            if watched.others - others <= self._needed:
                return
            del watched.failures[oldest]
        del self._watched[activation]

    def _watch(self, activation: str) -> _Watched:
        if len(self._watched) >= MAX_WATCHED:
            horizon = self._clock() - self._window_s
            self._watched = {
                known: watched
                for known, watched in self._watched.items()
                if next(reversed(watched.failures.values()))[0] >= horizon
            }
        return self._watched.setdefault(activation, _Watched())


def suspension(tripped: Tripped, reason: str, seal: Seal, now: datetime) -> EngineCommand:
    """The command's record; its id follows from the version and its activation, so that twice is once."""
    command = SuspendPolicy(policy=tripped.policy_id, version=tripped.version, reason=reason, cause="breaker")
    cause = (tripped.tenant, tripped.policy_id, str(tripped.version), tripped.activation_event)
    return seal.put_on(tripped.tenant, command, derived_command_id(command.TYPE, *cause), now)


async def publish_suspensions(
    breaker: Breaker, outlet: CommandOutlet, patience: Patience, seal: Seal, clock: Callable[[], datetime]
) -> None:
    """Publishes what trips, for ever; waits out an outage of Kafka while decisions go on."""
    while True:
        tripped = await breaker.tripped.get()
        record = suspension(tripped, breaker.reason, seal, clock())
        await patience.through(lambda record=record: outlet.publish(record))  # type: ignore[misc]
