"""Runs the replays that were asked for, one after the other, and reports each once."""

import asyncio
import logging
from time import monotonic
from typing import Final

from agents.background.ports import CommandOutlet
from agents.errors import Outage
from agents.lanes.patience import Patience
from agents.replay.ports import Asked, ReplaySource
from agents.replay.telemetry import DECISIONS, REPLAYS, RUNNING
from rego import CheckUnavailable
from rego.replay.comparing import Comparison
from rego.replay.opa import TooSlow
from rego.replay.running import replay
from schemas.errors import Unreadable
from schemas.identity import derived_command_id
from schemas.models import ReplayReport, ReportReplay

log = logging.getLogger(__name__)

POLL_S: Final = 0.5
"""Pause between two looks, in seconds: somebody waits for an activation."""

SAMPLES: Final = 20
"""Differences that a report names; it is kept in an event and in the wall."""

TRIES: Final = 3
"""Times that a replay is begun whose OPA dies of it, or does not start."""

REPEAT_S: Final = 10.0
"""Seconds after which a report without effect is sent again: above a worker's restart."""

MAX_ERROR_CHARS: Final = 2_000
"""Bound of a text in commands."""

SAID_EVERY_S: Final = 5.0
"""Seconds between two log lines on the progress of one replay."""


class Replays:
    """``timeout_s``: seconds that one replay may take."""

    def __init__(
        self,
        source: ReplaySource,
        outlet: CommandOutlet,
        binary: str,
        timeout_s: float,
        patience: Patience,
    ) -> None:
        self._source = source
        self._outlet = outlet
        self._binary = binary
        self._timeout_s = timeout_s
        self._patience = patience
        self._tries: dict[str, int] = {}
        self._reports: dict[str, tuple[ReportReplay, float]] = {}
        """Reports by replay, and when they were sent: until its lane has decided one, the replay runs on."""
        self.looked = False
        """Whether a round has ended well since the start."""

    async def run(self) -> None:
        """Looks, replays and reports, for ever, waiting out what is away."""
        while True:
            await self._patience.through(self.look)
            await asyncio.sleep(POLL_S)

    async def look(self) -> None:
        """One round; raises :class:`agents.errors.Outage`."""
        running = await self._source.running()
        ids = {asked.replay_id for asked in running}
        self._tries = {name: tries for name, tries in self._tries.items() if name in ids}
        self._reports = {name: report for name, report in self._reports.items() if name in ids}
        self.looked = True
        for asked in running:
            await self._settle(asked)

    async def _settle(self, asked: Asked) -> None:
        known = self._reports.get(asked.replay_id)
        if known is not None and monotonic() - known[1] < REPEAT_S:
            return
        report = known[0] if known else await self._replayed(asked)
        cause = ("replay", asked.tenant, asked.policy_id, asked.replay_id)
        await self._outlet.send(asked.tenant, report, derived_command_id(*cause))
        self._reports[asked.replay_id] = report, monotonic()

    async def _replayed(self, asked: Asked) -> ReportReplay:
        try:
            async with asyncio.timeout(self._timeout_s):
                report = await self._replay(asked)
        except TimeoutError:
            return _failed(asked, f"not finished in {self._timeout_s:g} s")
        except (TooSlow, Unreadable) as error:
            return _failed(asked, str(error))
        except CheckUnavailable as error:
            tries = self._tries[asked.replay_id] = self._tries.get(asked.replay_id, 0) + 1
            if tries < TRIES:
                raise Outage(str(error)) from error
            return _failed(asked, str(error))
        REPLAYS.labels("reported").inc()
        log.info(
            "version %d of %s: %d decisions in %d ms, %d answers change",
            *(asked.version, asked.policy_id, report.decisions, report.duration_ms, report.flipped),
        )
        return _report(asked, "", report)

    async def _replay(self, asked: Asked) -> ReplayReport:
        versions = await self._source.versions(asked)
        comparison = Comparison(SAMPLES)
        said, counted = monotonic(), 0

        def progress(done: int) -> None:
            nonlocal said, counted
            RUNNING.set(done)
            DECISIONS.inc(done - counted)
            counted = done
            if monotonic() - said >= SAID_EVERY_S:
                said = monotonic()
                log.info("version %d of %s: %d decisions so far", asked.version, asked.policy_id, done)

        pages = self._source.cases(asked, comparison)
        return await replay(self._binary, versions.candidate, versions.deciding, pages, comparison, progress)


def _failed(asked: Asked, error: str) -> ReportReplay:
    REPLAYS.labels("failed").inc()
    log.warning("the replay of version %d of %s failed: %s", asked.version, asked.policy_id, error)
    return _report(asked, error.replace("\x00", "")[:MAX_ERROR_CHARS], None)


def _report(asked: Asked, error: str, report: ReplayReport | None) -> ReportReplay:
    return ReportReplay(
        policy=asked.policy_id,
        version=asked.version,
        replay=asked.replay_id,
        error=error,
        report=report,
    )
