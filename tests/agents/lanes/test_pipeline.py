"""The pipeline: order, room, acknowledgement, shutdown, progress, and lanes that come and go."""

import pytest

from agents.lanes.memory_log import PIECE_RECORDS
from agents.lanes.pipeline import IN_FLIGHT, OVERDUE_LOOKS
from schemas.models import RetirePolicy, UpdatePolicy
from tests.agents.commands import activate, confirm, create, evaluate, resources_in
from tests.agents.simulation.points import Fault
from tests.agents.simulation.scenario import FIRST, POLICY, SECOND, with_active_policy
from tests.agents.simulation.worker import BAD_SOURCE, Worker
from tests.agents.simulation.world import World


def send(world: World, count: int) -> None:
    for number, resource in enumerate(resources_in(FIRST, count)):
        world.send(evaluate(resource), f"e-{number}")


def stuck_for(world: World, worker: Worker) -> float:
    async def ask() -> float:
        return worker.pipelines["evaluation"].stuck_for()

    return world.loop.run_until_complete(ask())


def test_the_next_batch_is_prepared_but_not_committed_while_one_commits(world: World) -> None:
    with_active_policy(world)
    send(world, 4)
    worker = world.start()
    commit = worker.points.slow("before commit")
    world.deliver(worker, FIRST, 0, 2)
    world.deliver(worker, FIRST, 2, 2)
    world.run(0.1)
    assert worker.points.trace.count("ask") == 2
    assert worker.points.trace.count("begin") == 1
    commit.set()
    world.run(0.1)
    commands = [event.happened.command_id for event in world.servers.tables.events[FIRST]]
    assert commands == ["e-0", "e-1", "e-2", "e-3"]


def test_a_batch_commits_while_the_one_before_awaits_its_acknowledgement(world: World) -> None:
    send(world, 4)
    worker = world.start()
    acknowledgement = worker.points.slow("published")
    world.deliver(worker, FIRST, 0, 2)
    world.deliver(worker, FIRST, 2, 2)
    world.run(0.1)
    assert world.servers.tables.lane(FIRST).next_offset == 4
    assert worker.acknowledged == {}, "in order: not the second before the first"
    acknowledgement.set()
    world.run(0.1)
    assert worker.acknowledged[FIRST] == 4


def test_no_more_than_a_few_batches_are_under_way(world: World) -> None:
    with_active_policy(world)
    send(world, 2 * IN_FLIGHT)
    worker = world.start()
    acknowledgement = worker.points.slow("publish")
    for offset in range(2 * IN_FLIGHT):
        world.deliver(worker, FIRST, offset, 1)
        world.run(0.1)
    assert worker.points.trace.count("ask") == IN_FLIGHT
    acknowledgement.set()
    world.run(0.5)
    assert worker.acknowledged[FIRST] == 2 * IN_FLIGHT


def test_draining_waits_until_everything_submitted_is_acknowledged(world: World) -> None:
    send(world, 4)
    worker = world.start()
    acknowledgement = worker.points.slow("publish")
    world.deliver(worker, FIRST, 0, 2)
    world.deliver(worker, FIRST, 2, 2)
    world.run(0.1)
    draining = world.loop.create_task(worker.pipelines["evaluation"].drain())
    world.run(5.0)
    assert not draining.done()
    acknowledgement.set()
    world.run(0.1)
    assert draining.done()
    assert worker.acknowledged[FIRST] == 4


def test_a_batch_that_does_not_move_is_noticed_and_an_idle_pipeline_is_not(world: World) -> None:
    send(world, 1)
    worker = world.start()
    world.run(20.0)
    assert stuck_for(world, worker) == 0
    commit = worker.points.slow("before commit")
    world.send(evaluate(resources_in(FIRST, 2)[1]), "stuck")
    world.deliver(worker, FIRST, 1)
    world.run(20.0)
    assert stuck_for(world, worker) == pytest.approx(20.0)
    commit.set()
    world.run(0.1)
    assert stuck_for(world, worker) == 0


def test_a_long_backfill_is_progress(world: World) -> None:
    """The watchdog must not end a process that reads a long way back."""
    pieces = 9
    send(world, pieces * PIECE_RECORDS + 1)
    worker = world.start()
    world.deliver(worker, FIRST, pieces * PIECE_RECORDS)
    for _ in range(pieces):
        reading = worker.points.slow("read")
        world.run(10.0)
        assert stuck_for(world, worker) <= 10.0
        reading.set()
        world.run(0.0)
    world.run(1.0)
    assert worker.acknowledged[FIRST] == pieces * PIECE_RECORDS + 1
    assert worker.points.trace.count("read") == pieces


def test_what_the_group_consumer_is_about_to_deliver_is_not_read_beside_it(world: World) -> None:
    send(world, 2)
    worker = world.start()
    world.run(1.5)
    assert "read" not in worker.points.trace, "the first quiet look"
    world.deliver(worker, FIRST)
    world.run(5.0)
    assert "read" not in worker.points.trace


def test_a_lane_that_a_busy_family_never_gets_delivered_is_read_at_last(world: World) -> None:
    send(world, 2)
    (far,) = resources_in(SECOND, 1)
    world.send(evaluate(far), "far")
    worker = world.start([FIRST, SECOND])
    busy = worker.points.slow("publish")
    world.deliver(worker, FIRST, 0, 1)
    world.run(OVERDUE_LOOKS - 1.0)
    assert SECOND not in world.servers.tables.events
    world.run(3.0)
    assert SECOND in world.servers.tables.events
    busy.set()
    world.run(3.0)
    world.check()


def test_a_lane_that_was_lost_is_given_up_and_checked_again_when_it_comes_back(world: World) -> None:
    send(world, 1)
    worker = world.process_all()
    lanes = worker.lanes["evaluation"]
    assert FIRST in lanes.opened
    worker.assigned.clear()
    world.run(3.0)
    assert FIRST not in lanes.opened
    checks = worker.points.trace.count("last sequence")
    worker.assigned.add(FIRST)
    world.run(3.0)
    assert worker.points.trace.count("last sequence") == checks + 1


def test_a_policy_that_moves_between_asking_and_the_lock_is_asked_again(world: World) -> None:
    with_active_policy(world)
    send(world, 1)
    slow = world.start([FIRST])
    slow.points.at("begin", Fault.STOP)
    world.deliver(slow, FIRST)
    world.run(0.1)
    for number, command in enumerate(
        (create("gate", BAD_SOURCE), update_of("gate"), activate(version=2), confirm(version=2, revision=2))
    ):
        world.send(command, f"v2-{number}")
    quick = world.start([POLICY])
    world.deliver(quick, POLICY, 3)
    world.run(0.1)
    activated = world.servers.tables.events[POLICY][-1].happened
    assert activated.type == "governance.policy.activated"
    slow.points.resume()
    world.run(0.1)
    (decision,) = (event.happened for event in world.servers.tables.events[FIRST])
    assert decision.body["version"] == 2
    assert decision.causation == activated.event_id
    assert slow.points.trace.count("ask") == 2


def test_a_policy_retired_between_asking_and_the_lock_decides_nothing(world: World) -> None:
    with_active_policy(world)
    send(world, 1)
    slow = world.start([FIRST])
    slow.points.at("begin", Fault.STOP)
    world.deliver(slow, FIRST)
    world.run(0.1)
    world.send(RetirePolicy(policy="gate"), "gone")
    quick = world.start([POLICY])
    world.deliver(quick, POLICY, 3)
    world.run(0.1)
    slow.points.resume()
    world.run(0.1)
    assert world.reasons(FIRST) == ["policy_not_active"]


def update_of(name: str) -> UpdatePolicy:
    return UpdatePolicy(policy=name, description="second")
