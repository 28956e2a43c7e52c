"""The two things that the bundle service does by itself: read, and announce."""

import asyncio
import logging
import random
from time import monotonic
from typing import Final

from agents.bundles.activations import Activations
from agents.bundles.distribution import Distribution
from agents.bundles.ports import CommandOutlet, VersionSource
from agents.bundles.telemetry import Telemetry
from agents.errors import Outage

log = logging.getLogger(__name__)

LONGEST_PAUSE_S: Final = 5.0
"""Longest pause between attempts at a server that is away, in seconds."""

FIRST_PAUSE_S: Final = 0.1
"""Pause after the first failed attempt, in seconds; it doubles from there."""

ANNOUNCE_TICK_S: Final = 0.25
"""Seconds between looks at overdue activations; confirmations are seen at once."""


class Outages:
    """Pauses between attempts at one server, and one log line per outage rather than per attempt."""

    def __init__(self, server: str, telemetry: Telemetry) -> None:
        self._server = server
        self._telemetry = telemetry
        self._failed = 0

    @property
    def lasting(self) -> bool:
        """Whether the last attempt failed."""
        return self._failed > 0

    async def pause(self, error: Outage) -> None:
        """After a failed attempt."""
        if not self._failed:
            log.warning("%s is away: %s", self._server, error)
        self._telemetry.outages.labels(self._server).inc()
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failed, 10))
        self._failed += 1
        await asyncio.sleep(longest * random.uniform(0.5, 1.0))

    def over(self) -> None:
        """After an attempt that worked."""
        if self._failed:
            log.info("%s is back after %d attempts", self._server, self._failed)
        self._failed = 0


async def read_versions(
    source: VersionSource,
    distribution: Distribution,
    activations: Activations,
    outages: Outages,
    poll_s: float,
    coalesce_s: float,
) -> None:
    """Keeps the bundles equal to the database, for ever."""
    while True:
        try:
            activating = await distribution.refresh()
        except Outage as error:
            await outages.pause(error)
            continue
        outages.over()
        activations.observe(activating, monotonic())
        await source.wait_for_change(poll_s)
        await asyncio.sleep(coalesce_s)


async def announce(
    outlet: CommandOutlet,
    distribution: Distribution,
    activations: Activations,
    outages: Outages,
    telemetry: Telemetry,
) -> None:
    """Publishes the verdicts on activations as they become due, for ever."""
    while True:
        try:
            await outlet.connect()
            for pending, record in activations.due(distribution.shards, monotonic()):
                await outlet.publish(record)
                pending.sent_at = monotonic()
                kind = dict(record.headers)["ce_type"].decode()
                telemetry.verdicts.labels(kind).inc()
                log.info("%s: version %d of %s", kind, pending.version.version, pending.version.policy_id)
        except Outage as error:
            await outages.pause(error)
            continue
        outages.over()
        await distribution.changed(ANNOUNCE_TICK_S)
