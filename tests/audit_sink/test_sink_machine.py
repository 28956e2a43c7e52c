"""Any order of publications, starts, crashes, pauses and takeovers leaves a prefix; rest completes it."""

import asyncio
from collections.abc import Coroutine

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from audit_sink.memory import MemoryTables
from audit_sink.wall import Lane
from tests.audit_sink.world import LANES, Gate, RunningSink, World

lanes = st.sampled_from(LANES)
points = st.integers(1, 80)


class SinkMachine(RuleBasedStateMachine):
    """Sinks of one wall; a model of what was decided and published."""

    sinks: Bundle[RunningSink] = Bundle("sinks")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        # Without ended sessions only the batch number stands between two sinks.
        self.world = World(MemoryTables(ends_sessions=False))
        self.published: dict[Lane, int] = dict.fromkeys(LANES, 0)
        self.aside: list[tuple[str, int]] = []
        self.running: list[RunningSink] = []

    def run(self, work: Coroutine[object, object, None]) -> None:
        self.loop.run_until_complete(work)

    @rule(lane=lanes, count=st.integers(1, 8))
    def decide_and_publish(self, lane: Lane, count: int) -> None:
        self.world.decide(lane, count)
        self.publish_tail(lane, self.published[lane] + 1)

    @rule(lane=lanes, count=st.integers(1, 3))
    def decide_and_lose_the_publication(self, lane: Lane, count: int) -> None:
        self.world.decide(lane, count)

    @rule(lane=lanes, first=st.integers(1, 40))
    def publish_tail(self, lane: Lane, first: int) -> None:
        """A contiguous run up to the head, from wherever: repeats, gaps and their filling."""
        last = self.world.written[lane]
        self.world.publish([self.world.event(lane, number) for number in range(first, last + 1)])
        if first <= self.published[lane] + 1:
            self.published[lane] = max(self.published[lane], last)

    @rule(lane=lanes)
    def publish_unusable(self, lane: Lane) -> None:
        self.world.publish_unparsed(lane)
        self.aside.append(("audit.unparsed", 0))

    @rule(lane=lanes, number=st.integers(1, 40))
    def publish_forged(self, lane: Lane, number: int) -> None:
        if number <= self.published[lane]:
            self.world.publish_conflict(lane, number)
            self.aside.append(("audit.conflict", number))

    @rule(target=sinks, crash_at=st.none() | points, fail_at=st.none() | points, pause_at=st.none() | points)
    def start(self, crash_at: int | None, fail_at: int | None, pause_at: int | None) -> RunningSink:
        async def begin() -> RunningSink:
            return self.world.start(Gate(crash_at, fail_at, pause_at))

        running = self.loop.run_until_complete(begin())
        self.running.append(running)
        return running

    @rule(turns=st.integers(1, 200))
    def let_run(self, turns: int) -> None:
        async def turn() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.run(turn())

    @rule()
    def silence_the_leader(self) -> None:
        self.world.tables.leader = None

    @rule(running=sinks)
    def resume(self, running: RunningSink) -> None:
        running.gate.pause_at = None
        running.gate.paused.clear()
        running.gate.resumed.set()

    @rule(running=consumes(sinks))
    def kill(self, running: RunningSink) -> None:
        running.gate.crashed = True
        running.gate.resumed.set()
        self.run(running.at_rest())

    @invariant()
    def the_wall_is_a_prefix(self) -> None:
        self.world.check(complete=False)

    def teardown(self) -> None:
        async def come_to_rest() -> None:
            for running in self.running:
                running.gate.fail_at = running.gate.crash_at = running.gate.pause_at = None
                await running.stopped()
            self.world.tables.leader = None
            for lane in LANES:
                self.publish_tail(lane, 1)
            await self.world.settle()

        self.run(come_to_rest())
        self.loop.close()
        self.world.check()
        said = [(kind, record.lane_seq) for kind, record in self.world.kept_aside()]
        assert sorted(said) == sorted(self.aside)


TestSinkMachine = SinkMachine.TestCase
TestSinkMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
