"""Every fault at every await point of one scenario, to exhaustion: nothing lost, nothing doubled.

The points are those of the ports in memory: wherever the real adapters wait for a server.
"""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from agents.errors import Undeliverable
from tests.agents.simulation.points import Fault
from tests.agents.simulation.scenario import everything
from tests.agents.simulation.worker import Worker
from tests.agents.simulation.world import World, simulation


def at_every_point(fault: Fault) -> Iterator[tuple[World, Worker]]:
    """The scenario with a fault at its first point, its second, and so on until it has no more."""
    for point in count(1):
        with simulation() as world:
            worker = everything(world, {point: fault})
            if worker.points.plan:
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


@pytest.mark.parametrize("late", [nothing_late, half_late_before, all_late_before, half_late_after])
def test_a_worker_killed_at_any_point_loses_and_doubles_nothing(
    late: Callable[[World, Worker], None],
) -> None:
    kills = 0
    for world, worker in at_every_point(Fault.DIE):
        assert not worker.alive
        late(world, worker)
        kills += 1
    assert kills > 100


def test_an_outage_or_unknown_commit_outcome_at_any_point_is_waited_out() -> None:
    for world, worker in at_every_point(Fault.OUTAGE):
        if worker.alive:
            world.run(20.0)
            world.check()
        else:
            assert isinstance(worker.ended_by, Undeliverable)
            world.recover()


def test_a_lost_race_at_any_point_is_tried_again() -> None:
    for world, worker in at_every_point(Fault.CONFLICT):
        assert worker.alive, worker.ended_by
        world.run(20.0)
        world.check()


def test_a_paused_worker_resumes_harmlessly_after_another_took_its_lanes() -> None:
    for world, worker in at_every_point(Fault.STOP):
        world.servers.tables.end_idle_transactions()
        world.start()
        world.run(5.0)
        worker.points.resume()
        world.run(1.0)
        worker.assigned.clear()
        world.run(5.0)
        assert worker.alive, worker.ended_by
        world.check()


def test_a_paused_worker_resumes_harmlessly_beside_another_on_the_same_lanes() -> None:
    for world, worker in at_every_point(Fault.STOP):
        world.servers.tables.end_idle_transactions()
        other = world.start()
        for lane in world.sent_to:
            world.deliver(other, lane)
        worker.points.resume()
        world.run(20.0)
        assert worker.alive, worker.ended_by
        assert other.alive, other.ended_by
        world.check()


def test_a_worker_told_to_stop_at_any_point_leaves_no_attempt_behind() -> None:
    for world, worker in at_every_point(Fault.STOP):
        worker.points.stopped = None
        world.loop.run_until_complete(worker.terminate())
        assert not any(world.servers.tables.attempts.values())
        world.recover()
