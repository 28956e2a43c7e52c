"""Commands that end the process: found by single attempts, quarantined, and nobody else with them."""

from dataclasses import replace

import pytest

from agents.lanes.lane import MAX_ATTEMPTS
from agents.records import LaneId
from schemas.models import Command, UpdatePolicy
from tests.agents.commands import create, evaluate, lane_of, resources_in
from tests.agents.simulation.points import Died, Fault
from tests.agents.simulation.scenario import FIRST, POLICY, SECOND, with_active_policy
from tests.agents.simulation.worker import DEADLY, Worker
from tests.agents.simulation.world import World

DEADLY_UPDATE = UpdatePolicy(policy="gate", rego_content=DEADLY.decode())


def deadly_evaluation(lane: LaneId) -> Command:
    return evaluate(resources_in(lane, 3)[2], document={"id": DEADLY.decode()})


def quarantined(world: World) -> list[tuple[LaneId, int, str]]:
    tables = world.servers.tables
    return [(*where, row.reason) for where, row in sorted(tables.quarantine.items())]


def deaths(world: World) -> int:
    return sum(isinstance(worker.ended_by, Died) for worker in world.workers)


@pytest.mark.parametrize("command", [DEADLY_UPDATE, deadly_evaluation(FIRST)], ids=["check", "OPA"])
@pytest.mark.parametrize("first_batch", [True, False])
def test_a_command_that_kills_every_worker_is_quarantined_and_the_rest_goes_on(
    world: World, command: Command, first_batch: bool
) -> None:
    """Only a start's first batch in a lane is announced, so a death in a later one costs one more."""
    with_active_policy(world)
    lane = lane_of(command)
    world.send(evaluate(resources_in(FIRST, 1)[0]) if lane == FIRST else create(), "good-0")
    worker = world.start()
    if not first_batch:
        world.deliver(worker, lane, world.servers.tables.lane(lane).next_offset)
        world.run(0.1)
    bad = world.send(command, "deadly")
    world.send(evaluate(resources_in(FIRST, 2)[1]) if lane == FIRST else create(), "good-1")
    before = deaths(world)
    world.deliver(worker, lane, world.servers.tables.lane(lane).next_offset)
    world.run(5.0)
    assert world.restart_until_calm().alive
    assert deaths(world) - before == MAX_ATTEMPTS + (1 if first_batch else 2)
    assert quarantined(world)[0] == (lane, bad.offset, "poison")
    assert world.servers.tables.lane(lane).next_offset == bad.offset + 2
    world.check()


def test_no_innocent_command_is_quarantined_with_the_deadly_one(world: World) -> None:
    with_active_policy(world)
    for number, resource in enumerate(resources_in(FIRST, 6)):
        world.send(evaluate(resource), f"e-{number}")
    bad = world.send(deadly_evaluation(FIRST), "deadly")
    world.restart_until_calm()
    assert quarantined(world) == [(FIRST, bad.offset, "poison")]
    world.check()


def test_a_command_that_kills_while_it_is_prepared_ahead_is_found_and_no_other_is_blamed(
    world: World,
) -> None:
    """The batch before it never gets to its end: its commands must not count as attempted."""
    with_active_policy(world)
    for number, resource in enumerate(resources_in(FIRST, 4)):
        world.send(evaluate(resource), f"e-{number}")
    bad = world.send(deadly_evaluation(FIRST), "deadly")
    for _ in range(20):
        worker = world.start([FIRST])
        done = world.servers.tables.lane(FIRST).next_offset
        for first in range(done - done % 2, bad.offset + 1, 2):
            world.deliver(worker, FIRST, first, 2)
        world.run(5.0)
        if worker.alive:
            break
    assert quarantined(world) == [(FIRST, bad.offset, "poison")]
    world.check()


def test_a_command_of_another_family_that_kills_meanwhile_blames_nobody(world: World) -> None:
    with_active_policy(world)
    for number, resource in enumerate(resources_in(FIRST, 3)):
        world.send(evaluate(resource), f"e-{number}")
    bad = world.send(DEADLY_UPDATE, "deadly")
    world.restart_until_calm()
    assert quarantined(world) == [(POLICY, bad.offset, "poison")]
    world.check()


def test_two_deadly_commands_in_two_lanes_are_both_found(world: World) -> None:
    with_active_policy(world)
    sent = [world.send(deadly_evaluation(lane), f"deadly-{n}") for n, lane in enumerate((FIRST, SECOND))]
    world.send(evaluate(resources_in(SECOND, 1)[0]), "good")
    world.restart_until_calm()
    assert quarantined(world) == [(made.lane, made.offset, "poison") for made in sent]
    world.check()


@pytest.mark.parametrize("command", [DEADLY_UPDATE, deadly_evaluation(FIRST)], ids=["check", "OPA"])
def test_a_quarantined_command_that_is_delivered_again_kills_nobody(world: World, command: Command) -> None:
    with_active_policy(world)
    bad = world.send(command, "deadly")
    world.restart_until_calm().kill()
    worker = world.process_all()
    assert worker.alive, worker.ended_by
    assert worker.acknowledged[bad.lane] == bad.offset + 1
    world.check()


def test_attempts_at_decided_records_are_dropped(world: World) -> None:
    with_active_policy(world)
    world.send(deadly_evaluation(FIRST), "deadly")
    world.restart_until_calm().kill()
    world.send(evaluate(resources_in(FIRST, 1)[0]), "good")
    world.process_all()
    assert world.servers.tables.attempts == {}


def suspect(world: World) -> None:
    """Leaves two commands of a lane that an earlier start was processing when it ended."""
    with_active_policy(world)
    for number, resource in enumerate(resources_in(FIRST, 2)):
        world.send(evaluate(resource), f"e-{number}")
    unlucky = world.start([FIRST])
    unlucky.points.at("write", Fault.STOP)
    world.deliver(unlucky, FIRST)
    world.run()
    unlucky.kill()
    world.run()


def attempting(world: World, fault: Fault) -> Worker:
    """A worker with a fault inside its first single attempt."""
    worker = world.start([FIRST])
    worker.points.at("before commit", fault)
    world.deliver(worker, FIRST)
    world.run(0.02)
    return worker


def test_suspects_run_singly_and_each_attempt_is_committed_first(world: World) -> None:
    suspect(world)
    worker = attempting(world, Fault.STOP)
    assert world.servers.tables.attempts == {(FIRST, 0): 1}
    worker.points.resume()
    world.run(0.1)
    assert worker.points.trace.count("after commit") == 2, "one transaction each"
    assert worker.points.trace.index("attempts") < worker.points.trace.index("ask")
    world.run(3.0)
    world.check()


def test_starts_that_end_during_an_outage_or_by_a_shutdown_do_not_count(world: World) -> None:
    suspect(world)
    for fault in (Fault.OUTAGE, Fault.STOP) * (MAX_ATTEMPTS + 1):
        worker = attempting(world, fault)
        worker.points.stopped = None
        world.loop.run_until_complete(worker.terminate())
        world.run()
        assert not any(world.servers.tables.attempts.values())
    world.recover()
    assert quarantined(world) == []


def test_a_lost_race_neither_counts_twice_nor_forgets_earlier_deaths(world: World) -> None:
    suspect(world)
    world.servers.tables.attempts[FIRST, 0] = 1
    worker = attempting(world, Fault.CONFLICT)
    world.run(0.5)
    assert worker.points.trace.count("attempts") == 2, "one for each of the two suspects"
    assert world.servers.tables.lane(FIRST).next_offset == 2


def test_an_outage_takes_back_its_own_attempt_and_no_earlier_one(world: World) -> None:
    suspect(world)
    world.servers.tables.attempts[FIRST, 0] = 2
    worker = world.start([FIRST])
    for _ in range(MAX_ATTEMPTS):
        worker.points.at("before commit", Fault.OUTAGE)
        world.deliver(worker, FIRST)
        world.run(0.01)
        assert world.servers.tables.attempts[FIRST, 0] in (2, 3)
    world.run(10.0)
    assert quarantined(world) == []
    world.check()


def test_a_repeat_of_a_decided_command_is_no_poison_however_often_it_was_attempted(world: World) -> None:
    """The same bytes stand in two lanes; the other one has decided them."""
    suspect(world)
    world.servers.tables.attempts[FIRST, 0] = MAX_ATTEMPTS
    twin = world.servers.broker.commands[FIRST][0]
    assert twin is not None
    world.send(replace(twin, partition=FIRST.partition + 1))
    world.start([twin.lane._replace(partition=FIRST.partition + 1)])
    world.run(4.0)
    world.start([FIRST])
    world.run(4.0)
    assert quarantined(world) == []
    world.check()


def test_a_record_is_attempted_again_by_every_start_until_the_third_attempt_has_failed(world: World) -> None:
    suspect(world)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        worker = world.start([FIRST])
        worker.points.at("ask", Fault.DIE)
        world.deliver(worker, FIRST)
        world.run(0.5)
        assert not worker.alive
        assert world.servers.tables.attempts == {(FIRST, 0): attempt}
    worker = world.start([FIRST])
    world.deliver(worker, FIRST)
    world.run(0.5)
    assert worker.points.trace.count("ask") == 1, "the other suspect; the poison is not asked about"
    assert quarantined(world) == [(FIRST, 0, "poison")]
    world.recover()
