"""The fence: every offset is decided once, whatever the group consumer delivers."""

from dataclasses import replace

import pytest

from agents.errors import LaneBehind, LaneRewound
from schemas.leaf import EventRecord
from tests.agents.commands import create, evaluate, record, resources_in
from tests.agents.simulation.points import Fault
from tests.agents.simulation.scenario import FIRST, POLICY, with_active_policy
from tests.agents.simulation.world import World


def send_evaluations(world: World, count: int, prefix: str = "e") -> None:
    for number, resource in enumerate(resources_in(FIRST, count)):
        world.send(evaluate(resource), f"{prefix}-{number}")


def commands_of(world: World) -> list[str]:
    """Ids of the commands that the lane's events answer, in order."""
    return [event.happened.command_id for event in world.servers.tables.events[FIRST]]


def test_records_delivered_again_are_dropped_without_an_event(world: World) -> None:
    send_evaluations(world, 3)
    world.send(replace(record(evaluate(), "bad"), partition=FIRST.partition, value=b"junk"))
    worker = world.process_all()
    before = world.types(FIRST)
    for first in range(4):
        world.deliver(worker, FIRST, first)
        world.run(1.0)
    assert worker.alive, worker.ended_by
    assert world.types(FIRST) == before
    assert worker.acknowledged[FIRST] == 4
    world.check()


def test_a_batch_half_of_which_is_decided_adds_the_other_half(world: World) -> None:
    send_evaluations(world, 4)
    worker = world.start()
    world.deliver(worker, FIRST, 0, 2)
    world.run(0.1)
    world.deliver(worker, FIRST, 1, 3)
    world.run(0.1)
    assert commands_of(world) == ["e-0", "e-1", "e-2", "e-3"]
    world.check()


def test_a_record_below_the_decided_offset_that_was_never_decided_stops_the_worker(world: World) -> None:
    send_evaluations(world, 3)
    world.process_all().kill()
    log = world.servers.broker.commands[FIRST]
    other = record(evaluate(resources_in(FIRST, 9)[8]), "from another life")
    log[1] = replace(other, offset=1)
    worker = world.start()
    world.deliver(worker, FIRST)
    world.run(5.0)
    assert isinstance(worker.ended_by, LaneRewound)
    assert worker.acknowledged == {}


def test_a_partition_that_ends_below_the_decided_offset_stops_the_worker_on_assignment(world: World) -> None:
    send_evaluations(world, 3)
    world.process_all().kill()
    world.servers.broker.commands[FIRST].pop()
    worker = world.start()
    world.run(5.0)
    assert isinstance(worker.ended_by, LaneRewound)


def test_a_partition_that_is_recreated_under_an_idle_worker_stops_it(world: World) -> None:
    send_evaluations(world, 3)
    worker = world.process_all()
    world.servers.broker.commands[FIRST].clear()
    world.run(5.0)
    assert isinstance(worker.ended_by, LaneRewound)


def test_a_database_older_than_its_own_events_is_refused_on_assignment(world: World) -> None:
    send_evaluations(world, 3)
    world.process_all().kill()
    tables = world.servers.tables
    tables.lanes[FIRST] = replace(tables.lanes[FIRST], next_seq=3, published_seq=2)
    worker = world.start()
    world.deliver(worker, FIRST)
    world.loop.advance(5.0)
    assert isinstance(worker.ended_by, LaneBehind)
    assert len(tables.events[FIRST]) == 3, "nothing was decided on it"


def test_a_database_that_falls_behind_a_running_worker_is_refused_under_the_lock(world: World) -> None:
    send_evaluations(world, 4)
    worker = world.start()
    world.deliver(worker, FIRST, 0, 3)
    world.run(0.1)
    tables = world.servers.tables
    del tables.events[FIRST][2:]
    tables.lanes[FIRST] = replace(tables.lanes[FIRST], next_offset=2, next_seq=3, published_seq=2)
    world.deliver(worker, FIRST, 3)
    world.loop.advance(0.5)
    assert isinstance(worker.ended_by, LaneBehind)
    assert len(tables.events[FIRST]) == 2


def test_another_owner_at_work_is_not_mistaken_for_a_database_that_is_behind(world: World) -> None:
    send_evaluations(world, 8)
    owner = world.start([FIRST])
    for point in range(1, 5):
        opening = world.start([FIRST], {point: Fault.STOP})
        world.run(1.5)
        world.deliver(owner, FIRST, 2 * point - 2, 2)
        world.run(0.1)
        assert opening.points.stopped, "it stands between its checks"
        opening.points.resume()
        world.run(0.1)
        assert opening.alive, opening.ended_by
        opening.kill()
    world.check()


def test_an_event_of_an_owner_that_came_late_does_not_hide_the_newer_ones(world: World) -> None:
    send_evaluations(world, 3)
    world.process_all().kill()
    log = world.servers.broker.events["governance.evaluation.events.v1", FIRST.partition]
    log.append(log[0])
    world.recover()


@pytest.mark.parametrize("first", [1, 3, 5])
def test_a_delivery_above_the_decided_offset_is_filled_from_the_broker_first(
    world: World, first: int
) -> None:
    send_evaluations(world, 6)
    worker = world.start()
    world.deliver(worker, FIRST, first)
    world.run(0.1)
    assert commands_of(world) == [f"e-{n}" for n in range(6)]
    assert worker.acknowledged[FIRST] == 6
    world.check()


def test_a_hole_inside_a_delivery_is_filled_too(world: World) -> None:
    send_evaluations(world, 6)
    worker = world.start()
    log = world.servers.broker.commands[FIRST]
    worker.deliver([r for r in log if r is not None and r.offset not in (1, 2, 4)])
    world.run(0.1)
    assert commands_of(world) == [f"e-{n}" for n in range(6)]
    world.check()


def test_commands_that_nobody_delivers_are_decided_all_the_same(world: World) -> None:
    send_evaluations(world, 5)
    world.start()
    world.run(5.0)
    assert commands_of(world) == [f"e-{n}" for n in range(5)]
    world.check()


def test_what_the_broker_no_longer_has_becomes_recorded_skips(world: World) -> None:
    send_evaluations(world, 8)
    for offset in (0, 1, 4, 6, 7):
        world.servers.broker.remove(FIRST, offset)
    world.start()
    world.run(5.0)
    skips = [
        (e.happened.body["from_offset"], e.happened.body["next_offset"])
        for e in world.servers.tables.events[FIRST]
        if e.happened.type.endswith("records_skipped")
    ]
    assert skips == [(0, 2), (4, 5), (6, 8)]
    assert [c for c in commands_of(world) if c] == ["e-2", "e-3", "e-5"]
    world.check()


def test_a_skip_half_of_which_another_owner_recorded_is_recorded_for_the_rest_only(world: World) -> None:
    send_evaluations(world, 4)
    for offset in range(4):
        world.servers.broker.remove(FIRST, offset)
    slow = world.start([FIRST])
    slow.points.at("begin", Fault.STOP)
    world.run(3.0)
    assert slow.points.stopped
    tables = world.servers.tables
    assert tables.lane(FIRST).next_offset == 0
    other = world.start([])
    log = world.servers.broker.commands[FIRST]
    hidden, log[2:] = log[2:], []
    other.assigned = {FIRST}
    world.run(4.0)
    assert tables.lane(FIRST).next_offset == 2
    log.extend(hidden)
    slow.points.resume()
    world.run(4.0)
    skips = [e.happened.body for e in tables.events[FIRST]]
    assert [(b["from_offset"], b["next_offset"]) for b in skips] == [(0, 2), (2, 4)]
    world.check()


def test_lanes_of_one_batch_are_decided_in_one_transaction(world: World) -> None:
    with_active_policy(world)
    world.send(create("other"), "c-1")
    world.send(evaluate(resources_in(FIRST, 1)[0]), "e-1")
    partition = (FIRST.partition + 1) % 8
    second = FIRST._replace(partition=partition)
    world.send(evaluate(resources_in(second, 1)[0]), "e-2")
    worker = world.start([])
    log = world.servers.broker.commands
    worker.deliver([r for r in (*log[FIRST], *log[second]) if r is not None])
    world.run(0.1)
    assert worker.points.trace.count("after commit") == 1
    assert world.types(FIRST) == world.types(second) == ["policy.evaluated"]
    assert world.types(POLICY)[-1] == "policy.activated"


def test_an_empty_database_under_a_topic_with_events_is_refused(world: World) -> None:
    made = world.send(evaluate(resources_in(FIRST, 1)[0]), "e-1")
    topic = "governance.evaluation.events.v1"
    foreign = EventRecord(topic, FIRST.partition, 1, b"key", made.headers, b"value")
    world.servers.broker.events[topic, FIRST.partition] = [foreign]
    worker = world.start()
    world.loop.advance(5.0)
    assert isinstance(worker.ended_by, LaneBehind)
    assert not world.servers.tables.events
