"""A workflow's life with a fault at every point where its process waits: one life, whatever happens."""

from collections.abc import Iterator
from itertools import count
from typing import Final

import pytest

from agents.errors import Undeliverable
from projections.apply.workflow_state import WorkflowState
from tests.agents.simulation.points import Fault
from tests.agents.simulation.scenario import COMPLIANCE, assessed
from tests.agents.simulation.worker import Worker
from tests.agents.simulation.world import World, simulation

pytestmark = pytest.mark.untraced  # one life some hundred times; tests/agents/lanes are traced

LEAST_POINTS: Final = 20
"""A life with fewer await points has lost something that it was written for."""

EVENTS: Final = [
    "compliance.workflow.created",
    "compliance.command_rejected",
    "compliance.workflow.applicability_decided",
    "compliance.command_rejected",
    "compliance.workflow.applicability_decided",
    "compliance.workflow.status_changed",
    "compliance.workflow.assigned",
    "compliance.workflow.status_changed",
    "compliance.workflow.applicability_decided",
    "compliance.workflow.status_changed",
    "compliance.command_rejected",
    "compliance.timer.fired",
    "compliance.workflow.status_changed",
]


def the_workflow(world: World) -> WorkflowState:
    (state,) = world.servers.tables.workflows.values()
    return state


def check(world: World) -> None:
    world.check()
    assert world.types(COMPLIANCE) == EVENTS
    reasons = [each for each in world.reasons(COMPLIANCE) if each in REFUSED]
    assert reasons == REFUSED
    state = the_workflow(world)
    assert (state.state, state.excluded, state.applicable, state.version) == ("cancelled", 1, 69, 10)
    assert state.period_ended
    assert [timer.state for timer in state.timers] == ["fired"]


REFUSED: Final = ["already_exists", "same_person", "guard_not_available"]


def at_every_point(fault: Fault) -> Iterator[tuple[World, Worker]]:
    for point in count(1):
        with simulation() as world:
            worker = assessed(world, {point: fault})
            if worker.points.plan:
                assert point > LEAST_POINTS
                return
            yield world, worker


def test_the_life_without_a_fault() -> None:
    with simulation() as world:
        assessed(world, {})
        check(world)


@pytest.mark.parametrize("late", [0.0, 0.5, 1.0], ids=["nothing late", "half late", "all late"])
def test_a_worker_killed_at_any_point_loses_and_doubles_nothing(late: float) -> None:
    for world, worker in at_every_point(Fault.DIE):
        worker.log.flush(int(worker.log.handed_over * late))
        world.recover()
        check(world)


@pytest.mark.parametrize("fault", [Fault.OUTAGE, Fault.CONFLICT])
def test_an_outage_or_a_lost_race_at_any_point_changes_nothing(fault: Fault) -> None:
    for world, worker in at_every_point(fault):
        if worker.alive:
            world.run(20.0)
        else:
            assert isinstance(worker.ended_by, Undeliverable)
            world.recover()
        check(world)
