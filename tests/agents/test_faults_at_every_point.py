"""Every fault at every await point of a scenario, to exhaustion: nothing lost, nothing doubled.

The points are those of the ports in memory: wherever the real adapters wait for a server.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Final

import pytest

from agents.errors import Undeliverable
from tests.agents.simulation.points import Fault
from tests.agents.simulation.scenario import everything, held_up, taking_turns
from tests.agents.simulation.worker import Worker
from tests.agents.simulation.world import World, simulation

pytestmark = pytest.mark.untraced  # one life some hundred times; tests/agents/lanes are traced

Scenario = Callable[[World, Mapping[int, Fault]], Worker]
SCENARIOS: Final = pytest.mark.parametrize("scenario", [everything, held_up])

LEAST_POINTS: Final = 70
"""A scenario with fewer await points than this has lost something that it was written for."""


def at_every_point(scenario: Scenario, fault: Fault) -> Iterator[tuple[World, Worker]]:
    """The scenario with a fault at its first point, its second, and so on until it has no more."""
    for point in count(1):
        with simulation() as world:
            worker = scenario(world, {point: fault})
            if worker.points.plan:
                assert point > LEAST_POINTS
                return
            yield world, worker


def nothing_late(world: World, worker: Worker) -> None:
    """What the dead process had handed over never arrives."""
    world.recover()


def half_late_before(world: World, worker: Worker) -> None:
    """Half of it arrives before another process starts."""
    worker.log.flush(worker.log.handed_over // 2)
    world.recover()


def all_late_before(world: World, worker: Worker) -> None:
    """All of it arrives before another process starts."""
    worker.log.flush(worker.log.handed_over)
    world.recover()


def half_late_after(world: World, worker: Worker) -> None:
    """Half of it arrives when another process has published the same events."""
    world.recover()
    worker.log.flush(worker.log.handed_over // 2)
    world.check()


@SCENARIOS
@pytest.mark.parametrize("late", [nothing_late, half_late_before, all_late_before, half_late_after])
def test_a_worker_killed_at_any_point_loses_and_doubles_nothing(
    scenario: Scenario, late: Callable[[World, Worker], None]
) -> None:
    for world, worker in at_every_point(scenario, Fault.DIE):
        assert not worker.alive
        if late is nothing_late or worker.log.handed_over:
            late(world, worker)


@SCENARIOS
def test_an_outage_or_unknown_commit_outcome_at_any_point_is_waited_out(scenario: Scenario) -> None:
    for world, worker in at_every_point(scenario, Fault.OUTAGE):
        if worker.alive:
            world.run(20.0)
            world.check()
        else:
            assert isinstance(worker.ended_by, Undeliverable)
            world.recover()


@SCENARIOS
def test_a_lost_race_at_any_point_is_tried_again(scenario: Scenario) -> None:
    for world, worker in at_every_point(scenario, Fault.CONFLICT):
        assert worker.alive, worker.ended_by
        world.run(5.0)
        world.check()


@SCENARIOS
def test_a_paused_worker_resumes_harmlessly_after_another_took_its_lanes(scenario: Scenario) -> None:
    for world, worker in at_every_point(scenario, Fault.STOP):
        world.servers.tables.end_idle_transactions()
        world.start()
        world.run(5.0)
        worker.points.resume()
        world.run(1.0)
        worker.assigned.clear()
        world.run(5.0)
        assert worker.alive, worker.ended_by
        world.check()


@SCENARIOS
def test_a_paused_worker_resumes_harmlessly_beside_another_on_the_same_lanes(scenario: Scenario) -> None:
    for world, worker in at_every_point(scenario, Fault.STOP):
        world.servers.tables.end_idle_transactions()
        other = world.start()
        for lane in world.sent_to:
            world.deliver(other, lane)
        worker.points.resume()
        world.run(10.0)
        assert worker.alive, worker.ended_by
        assert other.alive, other.ended_by
        world.check()


@SCENARIOS
def test_a_worker_told_to_stop_at_any_point_leaves_no_attempt_behind(scenario: Scenario) -> None:
    for world, worker in at_every_point(scenario, Fault.STOP):
        worker.points.stopped = None
        world.loop.run_until_complete(worker.terminate())
        undecided = {
            where: n
            for where, n in world.servers.tables.attempts.items()
            if n and where[1] >= world.servers.tables.lane(where[0]).next_offset
        }
        assert not undecided
        world.recover()


@pytest.mark.parametrize("fault", [Fault.DIE, Fault.STOP, Fault.OUTAGE])
def test_owners_that_decide_a_lane_in_turn_leave_no_hole_when_one_fails_at_any_point(fault: Fault) -> None:
    for point in count(1):
        with simulation() as world:
            first, second = taking_turns(world, {point: fault})
            if second.points.plan:
                assert point > 20
                break
            second.log.flush(second.log.handed_over // 2)
            second.points.resume()
            world.run(20.0)
            assert first.alive, first.ended_by
            world.check()
