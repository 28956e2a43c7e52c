"""One scenario with everything in it, short enough to be repeated with a fault at every await point."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from agents.records import LaneId
from schemas.models import UpdatePolicy
from tests.agents.commands import (
    activate,
    confirm,
    create,
    evaluate,
    lane_of,
    record,
    republish,
    resources_in,
)
from tests.agents.simulation.points import Fault
from tests.agents.simulation.worker import BAD_SOURCE, Worker
from tests.agents.simulation.world import World

EVALUATION: Final = "governance.evaluation.commands.v1"
FIRST: Final = LaneId(EVALUATION, 1)
SECOND: Final = LaneId(EVALUATION, 4)
POLICY: Final = lane_of(create())
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
