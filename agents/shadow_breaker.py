"""A shadow that is late or fails too often is stopped by the engine; decisions never depended on it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agents.bundles.ports import CommandOutlet
from agents.engine_commands import EngineCommand, Seal
from agents.lanes.patience import Patience
from agents.opa.isolation import VersionKey
from schemas.identity import new_command_id
from schemas.models import UnshadowPolicy


@dataclass(frozen=True, slots=True)
class TrippedShadow:
    """A shadow that is to be stopped."""

    tenant: str
    policy_id: str
    version: int


@dataclass(slots=True)
class _Seen:
    since: float
    bad: int = 0
    good: int = 0


class ShadowBreaker:
    """Trips a shadow with which ``failures`` batches went badly within ``window_s`` seconds, and at least as
    many as went well. ``clock`` gives monotonic seconds."""

    def __init__(self, failures: int, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._needed = failures
        self._window_s = window_s
        self._clock = clock
        self._seen: dict[VersionKey, _Seen] = {}
        self.tripped: asyncio.Queue[TrippedShadow] = asyncio.Queue()

    @property
    def reason(self) -> str:
        """Why a shadow is stopped."""
        return f"late or failing in {self._needed} batches within {self._window_s:g} s, at least half of all"

    def count(self, version: VersionKey, well: bool) -> None:
        """Takes in how a batch went."""
        now = self._clock()
        seen = self._seen.get(version)
        if seen is None or now - seen.since > self._window_s:
            if well:
                self._seen.pop(version, None)
                return
            seen = self._seen[version] = _Seen(now)
        seen.good += well
        seen.bad += not well
        if seen.bad >= max(self._needed, seen.good):
            del self._seen[version]
            self.tripped.put_nowait(TrippedShadow(*version))


def stop(tripped: TrippedShadow, reason: str, seal: Seal, now: datetime) -> EngineCommand:
    """The command's record. It names the shadow, so that a second one changes nothing."""
    command = UnshadowPolicy(
        policy=tripped.policy_id, version=tripped.version, reason=reason, cause="breaker"
    )
    return seal.put_on(tripped.tenant, command, new_command_id(), now)


async def publish_stops(
    breaker: ShadowBreaker,
    outlet: CommandOutlet,
    patience: Patience,
    seal: Seal,
    clock: Callable[[], datetime],
) -> None:
    """Publishes what trips, for ever; waits out an outage of Kafka while decisions go on."""
    while True:
        record = stop(await breaker.tripped.get(), breaker.reason, seal, clock())
        await patience.through(lambda record=record: outlet.publish(record))  # type: ignore[misc]
