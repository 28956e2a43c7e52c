"""A state machine over fakes: whatever happens in whatever order, nothing is lost or doubled.

Producers send good, bad, repeated, conflicting and deadly commands; several processes own the same
lanes; each is killed, paused, failed or told to stop at any await point; what the dead have handed
over arrives late or never. :meth:`World.check_always` holds after every step, :meth:`World.check` at
the end.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agents.records import LaneId
from schemas.models import Command, CreatePolicy, RetirePolicy, UpdatePolicy
from tests.agents.commands import (
    activate,
    confirm,
    discard,
    evaluate,
    policies_in,
    record,
    republish,
    resources_in,
    retry,
)
from tests.agents.decisions import workflows
from tests.agents.simulation.points import Fault
from tests.agents.simulation.scenario import (
    COMPLIANCE,
    EVIDENCE,
    FIRST,
    LANES,
    POLICY,
    SECOND,
    with_active_policy,
)
from tests.agents.simulation.worker import BAD_SOURCE, DEADLY, Worker
from tests.agents.simulation.world import World
from tests.agents.submissions import ONE, TWO, link, quarantined, refs, submit, verified

EXAMPLES: Final = 150
"""Runs of the machine: about 10 seconds. Raise it for a long hunt."""

STEPS: Final = 40
"""Rules a run."""

MAX_WORKERS: Final = 3
"""Processes alive at once: an owner, one that does not know that it lost its lanes, and a third."""

MAX_DEADLY: Final = 2
"""Deadly commands a run: each costs five starts."""

POLICIES: Final = ("gate", *policies_in(POLICY, 1))
RESOURCES: Final = {FIRST: resources_in(FIRST, 2), SECOND: resources_in(SECOND, 2)}
IDS: Final = st.integers(1, 30).map(lambda n: f"id-{n}")
"""Few enough that commands repeat one another's ids, many enough that most do not."""

ALL_LANES: Final = (*LANES, COMPLIANCE, EVIDENCE)
LANE: Final = st.sampled_from(ALL_LANES)
WHICH: Final = st.integers(0, 10)


def policy_commands() -> st.SearchStrategy[Command]:
    """Few policies and few versions, so that commands meet."""
    names, versions = st.sampled_from(POLICIES), st.integers(1, 3)
    return st.one_of(
        st.builds(lambda name, source: CreatePolicy(name=name, rego_content=source), names, sources()),
        st.builds(lambda name, source: UpdatePolicy(policy=name, rego_content=source), names, sources()),
        st.builds(activate, names, versions),
        st.builds(confirm, names, versions),
        st.builds(lambda name: RetirePolicy(policy=name), names.filter(lambda name: name != "gate")),
    )


def sources() -> st.SearchStrategy[str]:
    """Modules that the submission check accepts and refuses."""
    return st.sampled_from(["package a", "package b", BAD_SOURCE])


def evaluations() -> st.SearchStrategy[Command]:
    """Evaluations in two lanes, of policies that decide and that do not."""
    resources = st.sampled_from([name for names in RESOURCES.values() for name in names])
    documents = st.sampled_from([{"id": 1}, {"deny": True}])
    policies = st.sampled_from(["gate", "gate", "gate", *POLICIES, "absent"])
    return st.builds(evaluate, resources, policies, documents)


def workflow_commands() -> st.SearchStrategy[Command]:
    """Of one workflow, so that commands meet."""
    annex = workflows.ANNEX
    return st.sampled_from(
        [
            workflows.create(),
            workflows.create(),
            workflows.assign(annex, owner="bob"),
            workflows.include(annex),
            workflows.exclude(annex),
            workflows.advance("scope"),
            workflows.advance("begin"),
            workflows.fire(due_at="2027-01-02T00:00:00.000000Z"),
            workflows.cancel(),
        ]
    )


def evidence_commands() -> st.SearchStrategy[Command]:
    """Of two pieces of evidence in one lane, so that commands meet."""
    ids = st.sampled_from([ONE, TWO])
    return st.one_of(
        st.builds(submit, ids),
        st.builds(lambda each: submit(each, controls=refs(("soc2", "CC1.1"))), ids),
        st.builds(lambda each: link(("soc2", "CC1.1"), ("iso42001", "4.1"), evidence_id=each), ids),
        st.builds(lambda each: link(technical=["TC-001"], evidence_id=each), ids),
        st.builds(verified, ids),
        st.builds(quarantined, ids),
    )


def commands() -> st.SearchStrategy[Command]:
    """Of every family."""
    return st.one_of(evaluations(), policy_commands(), workflow_commands(), evidence_commands())


class DeliveryMachine(RuleBasedStateMachine):
    """The delivery contract under every fault that the ports know."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.deadly = 0

    def teardown(self) -> None:
        try:
            self.world.recover()
        finally:
            self.world.close()

    @initialize()
    def begin(self) -> None:
        with_active_policy(self.world)
        self.world.start(ALL_LANES)

    @rule(
        sent=st.lists(
            st.tuples(commands(), IDS),
            min_size=1,
            max_size=6,
        )
    )
    def send(self, sent: list[tuple[Command, str]]) -> None:
        for command, command_id in sent:
            self.world.send(command, command_id)

    @rule(
        command=commands(),
        command_id=IDS,
        value=st.sampled_from([b"", b"\xc3\x01", b"\x00\x00\x00\x00\x01x", b"{}"]),
    )
    def send_unreadable(self, command: Command, command_id: str, value: bytes) -> None:
        self.world.send(replace(record(command, command_id), value=value))

    @rule(command=evaluations(), command_id=IDS, lane=LANE)
    def send_to_the_wrong_lane(self, command: Command, command_id: str, lane: LaneId) -> None:
        self.world.send(replace(record(command, command_id), topic=lane.topic, partition=lane.partition))

    @precondition(lambda self: self.deadly < MAX_DEADLY)
    @rule(lane=st.sampled_from(LANES), command_id=IDS)
    def send_deadly(self, lane: LaneId, command_id: str) -> None:
        self.deadly += 1
        if lane == POLICY:
            self.world.send(UpdatePolicy(policy="gate", rego_content=DEADLY.decode()), command_id)
        else:
            document = {"id": DEADLY.decode()}
            self.world.send(evaluate(RESOURCES[lane][0], document=document), command_id)

    @rule(lane=LANE, sequence=st.integers(1, 8), command_id=IDS)
    def send_republish(self, lane: LaneId, sequence: int, command_id: str) -> None:
        self.world.send(republish(lane, sequence), f"operator-{command_id}")

    @rule(which=WHICH, give_up=st.booleans(), command_id=IDS, cured=st.booleans())
    def send_resolution(self, which: int, give_up: bool, command_id: str, cured: bool) -> None:
        """About what holds others up, else about any command that was kept, else about any record."""
        quarantine = self.world.servers.tables.quarantine
        readable = [where for where, row in quarantine.items() if row.command_id is not None]
        waiting = {row.record.key for row in quarantine.values() if row.state == "parked"}
        blocking = [where for where in readable if quarantine[where].record.key in waiting]
        if held := sorted(blocking or readable or quarantine):
            lane, offset = held[which % len(held)]
            command = discard(lane, offset) if give_up else retry(lane, offset)
            self.world.send(command, f"operator-{command_id}")
            self.world.servers.deadly &= not cured

    @rule(lane=LANE, which=WHICH)
    def lose_to_retention(self, lane: LaneId, which: int) -> None:
        log = self.world.servers.broker.commands.get(lane, [])
        undecided = range(self.world.servers.tables.lane(lane).next_offset, len(log))
        if undecided:
            self.world.servers.broker.remove(lane, undecided[which % len(undecided)])

    @precondition(lambda self: len(self.alive) < MAX_WORKERS)
    @rule(lanes=st.sets(LANE))
    def start(self, lanes: set[LaneId]) -> None:
        self.world.start(lanes)

    @precondition(lambda self: self.alive)
    @rule(which=WHICH, lane=LANE, back=st.integers(-2, 6), count=st.integers(1, 8))
    def deliver(self, which: int, lane: LaneId, back: int, count: int) -> None:
        """From anywhere around what is decided: delivered, delivered again, or too far ahead."""
        first = max(0, self.world.servers.tables.lane(lane).next_offset - back)
        self.world.deliver(self.worker(which), lane, first, count)

    @rule(seconds=st.sampled_from([0.0, 0.0, 0.05, 1.0, 3.0]))
    def run(self, seconds: float) -> None:
        self.world.run(seconds)

    @precondition(lambda self: self.alive)
    @rule(which=WHICH, fault=st.sampled_from(Fault), after=st.integers(1, 40))
    def fail(self, which: int, fault: Fault, after: int) -> None:
        self.worker(which).points.next_is(fault, after)

    @precondition(lambda self: self.alive)
    @rule(which=WHICH)
    def resume(self, which: int) -> None:
        self.worker(which).points.resume()

    @rule()
    def end_idle_transactions(self) -> None:
        self.world.servers.tables.end_idle_transactions()

    @precondition(lambda self: self.alive)
    @rule(which=WHICH, lanes=st.sets(LANE))
    def rebalance(self, which: int, lanes: set[LaneId]) -> None:
        self.worker(which).assigned = set(lanes)

    @precondition(lambda self: self.alive)
    @rule(which=WHICH)
    def kill(self, which: int) -> None:
        self.worker(which).kill()

    @precondition(lambda self: self.alive)
    @rule(which=WHICH)
    def terminate(self, which: int) -> None:
        worker = self.worker(which)
        worker.points.resume()
        self.world.loop.run_until_complete(worker.terminate())

    @rule()
    def restart_until_calm(self) -> None:
        """Every process is replaced until none dies any more: deadly commands end in quarantine."""
        for worker in self.alive:
            worker.kill()
        self.world.servers.tables.end_idle_transactions()
        self.world.restart_until_calm()

    @rule(which=WHICH, count=st.integers(1, 5))
    def arrive_late(self, which: int, count: int) -> None:
        """What a process handed over reaches the broker, whether it lives or not."""
        workers = self.world.workers
        if workers:
            workers[which % len(workers)].log.flush(count)

    @rule(seconds=st.integers(-100, 100))
    def clock_jumps(self, seconds: int) -> None:
        self.world.clock_error = timedelta(seconds=seconds)

    @invariant()
    def always(self) -> None:
        self.world.check_always()

    @property
    def alive(self) -> list[Worker]:
        return [worker for worker in self.world.workers if worker.alive and not worker.points.dead]

    def worker(self, which: int) -> Worker:
        return self.alive[which % len(self.alive)]


TestDelivery = DeliveryMachine.TestCase
TestDelivery.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
