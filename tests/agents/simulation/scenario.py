"""One scenario with everything in it, short enough to be repeated with a fault at every await point."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from agents.records import LaneId
from schemas.identity import derived_command_id
from schemas.models import UpdatePolicy
from tests.agents.commands import (
    TENANT,
    activate,
    confirm,
    create,
    evaluate,
    lane_of,
    policies_in,
    record,
    republish,
    resources_in,
    retry,
)
from tests.agents.decisions import workflows
from tests.agents.simulation.points import Fault
from tests.agents.simulation.worker import BAD_SOURCE, DEADLY, Worker
from tests.agents.simulation.world import EPOCH, World
from tests.agents.submissions import ONE, TWO, link, quarantined, refs, submit, verified

EVALUATION: Final = "governance.evaluation.commands.v1"
FIRST: Final = LaneId(EVALUATION, 1)
SECOND: Final = LaneId(EVALUATION, 4)
POLICY: Final = lane_of(create())
COMPLIANCE: Final = lane_of(workflows.create())
EVIDENCE: Final = lane_of(submit())
LANES: Final = (FIRST, SECOND, POLICY)


def with_active_policy(world: World) -> None:
    """The policy ``gate`` is created and decides."""
    for command, command_id in ((create(), "p-1"), (activate(), "p-2"), (confirm(), "p-3")):
        world.send(command, command_id)
    world.process_all().kill()
    world.run()


def everything(world: World, plan: Mapping[int, Fault]) -> Worker:
    """Good, bad, repeated, conflicting and lost commands in three lanes, in two batches each."""
    with_active_policy(world)
    one, two, three = resources_in(FIRST, 3)
    far, lost = resources_in(SECOND, 2)
    for resource, command_id in ((one, "e-1"), (two, "e-2"), (one, "e-1"), (three, "e-2")):
        world.send(evaluate(resource), command_id)
    world.send(replace(record(evaluate(one), "e-bad"), value=b"nonsense"))
    world.send(republish(FIRST, 1), "again")
    world.send(evaluate(three, document={"deny": True}), "e-3")
    world.send(evaluate(far), "e-1")
    world.servers.broker.remove(SECOND, world.send(evaluate(lost), "e-lost").offset)
    world.send(evaluate(far), "e-4")
    for policy, command_id in (
        (UpdatePolicy(policy="gate", description="second"), "p-4"),
        (UpdatePolicy(policy="gate", rego_content=BAD_SOURCE), "p-5"),
        (activate(version=2), "p-6"),
        (confirm(version=2, revision=2), "p-7"),
    ):
        world.send(policy, command_id)
    worker = world.start(LANES, plan)
    world.deliver(worker, FIRST, 0, 3)
    world.deliver(worker, POLICY, 3, 2)
    world.deliver(worker, SECOND)
    world.run()
    world.deliver(worker, FIRST, 3)
    world.deliver(worker, POLICY, 5)
    world.run(3.0)
    return worker


def held_up(world: World, plan: Mapping[int, Fault]) -> Worker:
    """A policy's command killed its workers and is retried now, with what was parked behind it.

    An evaluation lane was left unfinished besides, so that its commands are suspects.
    """
    with_active_policy(world)
    (name,) = policies_in(POLICY, 1)
    world.send(create(name), "q-1")
    deadly = world.send(UpdatePolicy(policy=name, rego_content=DEADLY.decode()), "q-2")
    world.send(UpdatePolicy(policy=name, description="third"), "q-3")
    world.send(UpdatePolicy(policy="gate", description="not held up"), "q-4")
    world.send(activate(name), "q-5")
    world.restart_until_calm().kill()
    for number, resource in enumerate(resources_in(FIRST, 3)):
        world.send(evaluate(resource), f"s-{number}")
    unlucky = world.start([FIRST])
    unlucky.points.at("write", Fault.STOP)
    world.deliver(unlucky, FIRST)
    world.run()
    unlucky.kill()
    world.servers.deadly = False
    world.send(UpdatePolicy(policy=name, description="fourth"), "q-6")
    world.send(retry(POLICY, deadly.offset), "operator")
    world.send(UpdatePolicy(policy=name, description="fifth"), "q-7")
    worker = world.start(LANES, plan)
    world.deliver(worker, FIRST)
    world.deliver(worker, POLICY, world.servers.tables.lane(POLICY).next_offset)
    world.run(3.0)
    return worker


def taking_turns(world: World, plan: Mapping[int, Fault]) -> tuple[Worker, Worker]:
    """Two owners of one lane decide its commands in turn: the first, the second, the first again.

    The plan is the second one's. Both believe that the lane is theirs.
    """
    with_active_policy(world)
    for number, resource in enumerate(resources_in(FIRST, 6)):
        world.send(evaluate(resource), f"turn-{number}")
    first = world.start([FIRST])
    world.deliver(first, FIRST, 0, 2)
    world.run(0.5)
    second = world.start([FIRST], plan)
    world.deliver(second, FIRST, 2, 2)
    world.run(0.4)
    world.servers.tables.end_idle_transactions()
    world.deliver(first, FIRST, 4, 2)
    world.run(0.05)
    return first, second


def assessed(world: World, plan: Mapping[int, Fault]) -> Worker:
    """A workflow from its creation to the end of its period, with refusals and repeats, in three batches.

    Its timer is sent twice, by schedulers that know nothing of each other.
    """
    timer_id = derived_command_id("timer", TENANT, workflows.fire().subject(TENANT), "period_end", "1")
    for actor, command, command_id in (
        ("ann", workflows.create(), "w-1"),
        ("ann", workflows.create("soc2"), "w-2"),
        ("ann", workflows.exclude(workflows.ANNEX), "w-3"),
        ("ann", workflows.exclude(workflows.ANNEX), "w-4"),
        ("bob", workflows.exclude(workflows.ANNEX), "w-5"),
        ("ann", workflows.create(), "w-1"),
        ("ann", workflows.advance("begin"), "w-6"),
        ("ann", workflows.advance("start_assessment"), "w-7"),
        ("engine", workflows.fire(due_at=f"{EPOCH.year + 1}-01-02T00:00:00.000000Z"), timer_id),
        ("engine", workflows.fire(due_at=f"{EPOCH.year + 1}-01-02T00:00:00.000000Z"), timer_id),
        ("ann", workflows.cancel(), "w-8"),
    ):
        world.send(record(command, command_id, actor=actor))
    worker = world.start([COMPLIANCE], plan)
    for first, count in ((0, 3), (3, 4), (7, 4)):
        world.deliver(worker, COMPLIANCE, first, count)
        world.run()
    world.run(3.0)
    return worker


def supported(world: World, plan: Mapping[int, Fault]) -> Worker:
    """Two files as evidence, one good and one not, with refusals and repeats, in three batches.

    Reports are sent twice, by verifiers that know nothing of each other.
    """
    reports = {each: derived_command_id("artifact", TENANT, each) for each in (ONE, TWO)}
    for command, command_id in (
        (submit(controls=refs(("soc2", "CC1.1"))), "s-1"),
        (submit(TWO), "s-2"),
        (submit(), "s-3"),
        (submit(controls=refs(("soc2", "CC1.1"))), "s-1"),
        (link(("soc2", "CC1.1"), ("iso42001", "4.1"), technical=["TC-001"]), "s-4"),
        (link(("soc2", "CC1.1")), "s-5"),
        (verified(), reports[ONE]),
        (quarantined(TWO), reports[TWO]),
        (verified(), reports[ONE]),
        (quarantined(TWO), "another"),
        (link(technical=["TC-001"], evidence_id=TWO), "s-6"),
        (link(technical=["TC-010"]), "s-7"),
    ):
        world.send(command, command_id)
    worker = world.start([EVIDENCE], plan)
    for first, count in ((0, 3), (3, 5), (8, 4)):
        world.deliver(worker, EVIDENCE, first, count)
        world.run()
    world.run(3.0)
    return worker
