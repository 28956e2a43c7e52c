"""One run on servers that work: policies, commands, rest, and everything read back."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

from rich.console import Console

from devstack.demo import samples
from devstack.demo.assessment import Assessed, assess
from devstack.demo.facts import Facts, Plan
from devstack.demo.gates import GATES
from devstack.demo.kafka import send
from devstack.demo.postgres import Primary
from devstack.demo.records import Run
from devstack.demo.rest import Progress, Standing, Watch, rest
from devstack.demo.scenario import TENANTS, Scenario, records
from devstack.demo.servers import Servers
from devstack.demo.setup import Setup, activate_policies
from devstack.demo.shown import Bars
from devstack.demo.wall.postgres import read_wall, try_to_change
from projections.invariants import Report, check
from schemas.envelope import timestamp
from schemas.identity import ENGINE_SOURCE, new_command_id


@dataclass(slots=True)
class Clock:
    """How long each part took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Times one part, also when it fails."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - began


@dataclass(frozen=True, slots=True)
class Moments:
    """Where the lanes stood when it mattered; each time everything was at rest."""

    start: Standing
    sending: Standing
    """All policies are active, and no command of the plan is sent."""
    end: Standing


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What one run needs all along."""

    servers: Servers
    run: Run
    scenario: Scenario
    console: Console
    clock: Clock

    @classmethod
    def new(cls, servers: Servers, scenario: Scenario, console: Console, clock: Clock) -> Self:
        """A run of its own, under a new id."""
        run = Run(new_command_id(), timestamp(datetime.now(UTC)))
        return cls(servers, run, scenario, console, clock)

    async def carry_out(self) -> Facts:
        """Everything, in order; raises the errors of :mod:`devstack.demo.errors` and of what it calls."""
        async with AsyncExitStack() as resources:
            primary = await resources.enter_async_context(Primary.connect(self.servers.database))
            watch = await Watch.open(self.servers, primary, resources)
            with self._part("policies", "activating policies"):
                # What an earlier run left must be done before this one is counted.
                start = await rest(watch.look, await watch.look(), None, _unseen)
                setup = await activate_policies(self.servers, self.run, TENANTS)
                self._say(f"{setup.active} policies active for {len(TENANTS)} tenants")
            with self._part("workflow", "driving a compliance workflow"):
                assessed = await assess(self.servers, self.run)
                self._say(f"workflow {assessed.workflow['name']!r} is {assessed.workflow['state']}")
            with self.clock.part("commands"):
                before = await rest(watch.look, start, None, _unseen)
                end = await self._send(watch, before)
            with self._part("invariants", "comparing Kafka, both databases and the wall"):
                invariants = await check(self.servers.sources, setup.seen)
            with self._part("reading back", "reading databases and API"):
                moments = Moments(start, before, end)
                return await self._read_back(primary, moments, setup, assessed, invariants)

    async def _send(self, watch: Watch, before: Standing) -> Standing:
        expected = self.scenario.expected
        entries = expected.sent - expected.repeated
        with Bars(self.console, expected.sent, entries) as bars:

            def show(progress: Progress) -> None:
                bars.done(progress.decided, progress.audited)

            sending = asyncio.create_task(
                send(self.servers.kafka, records(self.scenario.steps, self.run), bars.sent)
            )
            try:
                return await rest(watch.look, before, sending, show)
            finally:
                sending.cancel()
                await asyncio.wait([sending])

    async def _read_back(
        self, primary: Primary, at: Moments, setup: Setup, assessed: Assessed, invariants: Report
    ) -> Facts:
        servers, start = self.servers, at.start.decided
        stored = await primary.stored(start)
        shown = await samples.decisions(servers, await primary.candidates(start), self.scenario.models)
        entry = await samples.entry(servers, shown[0].tenant, shown[0].decision_id)
        attempts = await try_to_change(servers.wall_writer, servers.wall_superuser, entry.index)
        return Facts(
            plan=self._plan(setup, assessed),
            received=sum(at.end.ends[lane] - at.sending.ends[lane] for lane in at.end.ends),
            remembered=sum((await primary.inbox(at.sending.decided)).values()),
            engine_commands=(await primary.inbox(start)).get(ENGINE_SOURCE, 0),
            active_policies=setup.active,
            assessed=assessed,
            stored=stored,
            wall=await read_wall(servers.wall_writer, start),
            samples=tuple(shown),
            refusals=tuple(await samples.refusals(servers, self.run, self.scenario.steps)),
            entry=entry,
            after=await samples.entry(servers, shown[0].tenant, shown[0].decision_id),
            attempts=attempts,
            invariants=invariants,
        )

    def _plan(self, setup: Setup, assessed: Assessed) -> Plan:
        return Plan(
            run=self.run,
            seed=self.scenario.seed,
            models=len(self.scenario.models),
            tenants=len(TENANTS),
            policies=len(TENANTS) * len(GATES),
            setup_commands=setup.sent + assessed.commands,
            expected=self.scenario.expected,
        )

    @contextmanager
    def _part(self, name: str, doing: str) -> Iterator[None]:
        """Times a part; on a terminal a person sees what is being done."""
        with self.clock.part(name), self.console.status(f"  {doing}"):
            yield

    def _say(self, text: str) -> None:
        self.console.print(f"  ✓ {text}", style="green", highlight=False)


def _unseen(_progress: Progress) -> None:
    """Nobody watches the rest before the run."""
