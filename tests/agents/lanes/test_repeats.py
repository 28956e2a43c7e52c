"""One outcome a command: repeats, other bodies under a used id, versions, and limits of events."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agents.lanes.drafting import MAX_EVENT_BYTES
from agents.lanes.journal import MAX_DETAIL_CHARS, MAX_FINDINGS
from agents.lanes.ports import EventRow
from agents.reading import InboxKey
from agents.records import CommandRecord, LaneId
from schemas.identity import event_id, position_event_id
from schemas.models import UpdatePolicy
from tests.agents.commands import SOURCE, TENANT, activate, create, evaluate, record, resources_in
from tests.agents.simulation.points import Fault
from tests.agents.simulation.scenario import FIRST, POLICY, with_active_policy
from tests.agents.simulation.worker import HUGE, MANY
from tests.agents.simulation.world import World


def last_event(world: World, lane: LaneId) -> EventRow:
    return world.servers.tables.events[lane][-1]


def sent_to(lane: LaneId, made: CommandRecord) -> CommandRecord:
    return replace(made, topic=lane.topic, partition=lane.partition)


@pytest.mark.parametrize("batches", [1, 2])
def test_an_identical_repeat_emits_nothing(world: World, batches: int) -> None:
    (resource,) = resources_in(FIRST, 1)
    for _ in range(3):
        world.send(evaluate(resource), "e-1")
    worker = world.start()
    for batch in range(batches):
        world.deliver(worker, FIRST, batch, 3 - batches + 1)
        world.run(0.1)
    world.run(5.0)
    assert len(world.servers.tables.events[FIRST]) == 1
    world.check()


def test_the_repeat_of_a_rejected_command_emits_nothing_either(world: World) -> None:
    world.send(activate("nobody"), "c-1")
    world.send(activate("nobody"), "c-1")
    world.process_all()
    (lane,) = world.sent_to
    assert world.reasons(lane) == ["unknown_policy"]
    world.check()


def test_another_body_under_a_used_id_is_rejected_under_an_id_of_its_own(world: World) -> None:
    with_active_policy(world)
    one, two = resources_in(FIRST, 2)
    first, other = world.send(evaluate(one), "e-1"), world.send(evaluate(two), "e-1")
    world.process_all()
    decided, refused = world.servers.tables.events[FIRST]
    assert decided.happened.event_id == event_id(TENANT, SOURCE, "e-1", 0)
    assert refused.happened.event_id == position_event_id(FIRST.topic, FIRST.partition, other.offset, 1)
    assert refused.happened.body["reason"] == "id_reused"
    assert (refused.happened.command_id, refused.happened.tenant) == ("e-1", TENANT)
    row = world.servers.tables.inbox[InboxKey(TENANT, SOURCE, "e-1")]
    assert (row.offset, row.first_event) == (first.offset, decided.happened.event_id)
    world.check()


def test_the_same_id_of_another_source_or_tenant_is_another_command(world: World) -> None:
    with_active_policy(world)
    (resource,) = resources_in(FIRST, 1)
    world.send(evaluate(resource), "e-1")
    world.send(record(evaluate(resource), "e-1", source="another"))
    world.process_all()
    assert world.types(FIRST) == ["policy.evaluated", "policy.evaluated"]
    world.check()


@pytest.mark.parametrize("together", [True, False])
def test_two_lanes_that_share_an_inbox_key_decide_it_once(world: World, together: bool) -> None:
    """The same bytes in the right lane and, by a careless producer, in a wrong one."""
    (resource,) = resources_in(FIRST, 1)
    right = world.send(evaluate(resource), "e-1")
    second = FIRST._replace(partition=FIRST.partition + 1)
    wrong = world.send(sent_to(second, right))
    worker = world.start([])
    if together:
        worker.deliver([right, wrong])
    else:
        worker.deliver([wrong])
        worker.deliver([right])
    world.run(1.0)
    events = [e for lane in (FIRST, second) for e in world.servers.tables.events.get(lane, [])]
    assert len(events) == 1
    assert len(world.servers.tables.inbox) == 1
    world.check()


def test_two_lanes_that_share_an_inbox_key_race_for_it_and_the_loser_sees_a_repeat(world: World) -> None:
    (resource,) = resources_in(FIRST, 1)
    right = world.send(evaluate(resource), "e-1")
    second = FIRST._replace(partition=FIRST.partition + 1)
    wrong = world.send(sent_to(second, right))
    slow, quick = world.start([]), world.start([])
    slow.points.at("before commit", Fault.STOP)
    slow.deliver([right])
    world.run(0.1)
    quick.deliver([wrong])
    world.run(0.1)
    slow.points.resume()
    world.run(1.0)
    assert world.reasons(second) == ["wrong_lane"]
    assert world.types(FIRST) == []
    assert slow.acknowledged[FIRST] == 1
    world.check()


@pytest.mark.parametrize(("expected", "reason"), [(0, "stale_version"), (2, "stale_version"), (1, None)])
def test_the_expected_version_must_be_the_aggregates(world: World, expected: int, reason: str | None) -> None:
    world.send(create(), "c-1")
    update = UpdatePolicy(policy="gate", description="d")
    world.send(record(update, "c-2", expected_version=expected))
    world.process_all()
    assert world.reasons(POLICY) == ([reason] if reason else [])


def test_what_is_not_there_yet_has_version_0(world: World) -> None:
    world.send(record(create(), "c-1", expected_version=1))
    world.send(record(create(), "c-2", expected_version=0))
    (resource,) = resources_in(FIRST, 1)
    world.send(record(evaluate(resource), "e-1", expected_version=1))
    world.process_all()
    assert world.types(POLICY) == ["policy.command_rejected", "policy.created"]
    assert world.reasons(FIRST) == ["stale_version"]


def test_versions_move_inside_one_batch(world: World) -> None:
    world.send(create(), "c-1")
    for number, expected in enumerate((1, 2, 2)):
        update = UpdatePolicy(policy="gate", description=f"number {number}")
        world.send(record(update, f"u-{number}", expected_version=expected))
    world.process_all()
    updated = "policy.updated"
    assert world.types(POLICY) == ["policy.created", updated, updated, "policy.command_rejected"]


def test_a_decision_too_large_for_an_event_becomes_a_rejection(world: World) -> None:
    with_active_policy(world)
    (resource,) = resources_in(FIRST, 1)
    world.send(evaluate(resource, document={"id": HUGE.decode()}), "e-1")
    world.send(evaluate(resource), "e-2")
    world.process_all()
    assert world.types(FIRST) == ["evaluation.command_rejected", "policy.evaluated"]
    assert world.reasons(FIRST) == ["event_too_large"]
    assert world.servers.tables.inbox[InboxKey(TENANT, SOURCE, "e-1")].state == "rejected"
    assert len(world.servers.tables.decisions) == 1, "the oversize decision left no projection"
    world.check()


def test_a_rejection_holds_a_bounded_part_of_endless_findings(world: World) -> None:
    world.send(create(source=MANY.decode()), "c-1")
    world.process_all()
    body = last_event(world, POLICY).happened.body
    findings = body["findings"]
    assert isinstance(findings, list)
    assert len(findings) == MAX_FINDINGS
    assert all(len(finding["message"]) <= MAX_DETAIL_CHARS for finding in findings)
    assert len(last_event(world, POLICY).leaf) < MAX_EVENT_BYTES
    world.check()


def test_event_time_never_goes_back_when_the_clock_does(world: World) -> None:
    resources = resources_in(FIRST, 3)
    for number, jump in enumerate((0, -3600, 60)):
        world.clock_error = timedelta(seconds=jump)
        world.send(evaluate(resources[number]), f"e-{number}")
        world.process_all().kill()
    times = [event.happened.occurred_at for event in world.servers.tables.events[FIRST]]
    assert times[0] == times[1] < times[2]
    assert world.servers.tables.lanes[FIRST].last_event_time == times[2]
