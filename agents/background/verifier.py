"""Looks at the artifacts of submitted evidence, locks the right ones and reports by command.

Nothing is kept between starts: what is not decided is looked at again, and says the same.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final, Literal

from agents.background.ports import ArtifactStore, CommandOutlet, EvidenceKey, Unverified, UnverifiedSource
from agents.background.telemetry import ARTIFACTS
from agents.errors import Outage
from agents.lanes.patience import Patience
from schemas.envelope import timestamp
from schemas.identity import derived_command_id
from schemas.models import ReportArtifact

log = logging.getLogger(__name__)

ROUND: Final = 20
"""Artifacts a round: a stop of the process waits for none of them, and readiness is told after each."""

AT_ONCE: Final = 4
"""Artifacts read at the same time: small ones do not wait behind a large one."""

REPEAT_S: Final = 30.0
"""Seconds after which a report without effect is made again: far above a worker's restart."""

RETRY_S: Final = 5.0
"""Seconds for which an artifact that could not be read is left alone, so that others get their turn."""

MAX_WAITING: Final = 1000
"""Most artifacts that wait for their decision or for another try; beyond it nothing new is looked at."""

Fault = Literal["wrong_hash", "wrong_size", "missing_object", "oversize", "not_locked"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What artifacts are held to."""

    max_bytes: int
    retention: timedelta
    """From the submission on."""


async def examine(store: ArtifactStore, item: Unverified, rules: Rules, now: datetime) -> ReportArtifact:
    """The report on one artifact; raises :class:`Outage` where the bucket does not tell."""
    found = await store.read(item.object_key, item.version_id, rules.max_bytes)
    if found is None:
        return _quarantined(item, "missing_object")
    if found.size > rules.max_bytes:
        return _quarantined(item, "oversize", size=found.size)
    if found.size != item.size:
        return _quarantined(item, "wrong_size", found.sha256, found.size)
    if found.sha256 != item.sha256:
        return _quarantined(item, "wrong_hash", found.sha256, found.size)
    until = locked_until(item.submitted_at, rules.retention, now)
    locked = await store.lock(item.object_key, item.version_id, until)
    if locked is None:
        return _quarantined(item, "missing_object")
    if locked < until:
        return _quarantined(item, "not_locked", found.sha256, found.size)
    return ReportArtifact(
        evidence=item.evidence_id,
        outcome="verified",
        reason="",
        sha256=found.sha256,
        size=found.size,
        locked_until=timestamp(locked),
    )


def locked_until(submitted_at: datetime, retention: timedelta, now: datetime) -> datetime:
    """The end of the retention, in whole seconds; the same whenever it is asked, while it is to come."""
    until = submitted_at + retention
    return (until if until > now else now + retention).replace(microsecond=0) + timedelta(seconds=1)


class Verifier:
    """Looks for unverified evidence every ``poll_s`` seconds; ``clock`` gives an aware datetime."""

    def __init__(
        self,
        source: UnverifiedSource,
        store: ArtifactStore,
        outlet: CommandOutlet,
        rules: Rules,
        patience: Patience,
        clock: Callable[[], datetime],
        poll_s: float,
    ) -> None:
        self._source = source
        self._store = store
        self._outlet = outlet
        self._rules = rules
        self._patience = patience
        self._clock = clock
        self._poll_s = poll_s
        self._not_before: dict[EvidenceKey, float] = {}
        """Reported or unreadable artifacts, and when (monotonic seconds) they are looked at again."""
        self.looked = False
        """Whether a round has ended well since the start."""

    async def run(self) -> None:
        """Looks and reports, for ever, waiting out what is away."""
        while True:
            if await self._patience.through(self.look) < ROUND:
                await asyncio.sleep(self._poll_s)

    async def look(self) -> int:
        """One round; returns how many artifacts were looked at.

        Raises an :class:`Outage` after the round where one got in the way.
        """
        due = await self._due()
        limit = asyncio.Semaphore(AT_ONCE)
        outages = await asyncio.gather(*(self._settle(item, limit) for item in due))
        for outage in outages:
            if outage is not None:
                raise outage
        self.looked = True
        return len(due)

    async def _due(self) -> list[Unverified]:
        waiting, now = len(self._not_before), monotonic()
        found = await self._source.unverified(waiting + ROUND)
        open_ = {item.key for item in found}
        self._not_before = {key: at for key, at in self._not_before.items() if key in open_ and at > now}
        room = min(ROUND, MAX_WAITING - len(self._not_before))
        return [item for item in found if item.key not in self._not_before][: max(0, room)]

    async def _settle(self, item: Unverified, limit: asyncio.Semaphore) -> Outage | None:
        async with limit:
            try:
                report = await examine(self._store, item, self._rules, self._clock())
                command_id = derived_command_id("artifact", *item.key)
                await self._outlet.send(item.tenant, report, command_id)
            except Outage as outage:
                self._not_before[item.key] = monotonic() + RETRY_S
                return outage
        self._not_before[item.key] = monotonic() + REPEAT_S
        ARTIFACTS.labels(report.reason or report.outcome).inc()
        log.info("evidence %s is %s", item.evidence_id, report.reason or report.outcome)
        return None


def _quarantined(item: Unverified, fault: Fault, sha256: str = "", size: int = 0) -> ReportArtifact:
    return ReportArtifact(
        evidence=item.evidence_id,
        outcome="quarantined",
        reason=fault,
        sha256=sha256,
        size=size,
        locked_until=None,
    )
