"""Publication: contiguous runs, tails, republication, and acknowledgement that waits for the broker."""

from collections import Counter
from collections.abc import Sequence

import pytest

from agents.errors import Undeliverable
from agents.records import LaneId
from schemas.topics import event_topic_of
from tests.agents.commands import evaluate, republish, resources_in
from tests.agents.simulation.points import Fault
from tests.agents.simulation.scenario import FIRST
from tests.agents.simulation.worker import Worker
from tests.agents.simulation.world import World


def sequences(world: World) -> list[int]:
    """What stands on the event partition, in its order."""
    topic = event_topic_of(FIRST.topic)
    return [e.lane_seq for e in world.servers.broker.events.get((topic, FIRST.partition), [])]


def send(world: World, count: int, start: int = 0) -> None:
    for number, resource in enumerate(resources_in(FIRST, start + count)[start:], start):
        world.send(evaluate(resource), f"e-{number}")


def decide(world: World, worker: Worker, offsets: Sequence[int]) -> None:
    """One batch, without an idle tick."""
    world.deliver(worker, FIRST, offsets[0], len(offsets))
    world.run(0.05)


def test_a_lone_owner_sends_every_event_once_and_reads_none_back(world: World) -> None:
    send(world, 6)
    worker = world.start()
    for first in (0, 2, 4):
        decide(world, worker, (first, first + 1))
    assert sequences(world) == [1, 2, 3, 4, 5, 6]
    assert worker.points.trace.count("stored") == 1, "the look for a tail when the lane was opened"


def test_events_of_another_owner_are_sent_first_where_they_are_not_known_to_be_published(
    world: World,
) -> None:
    send(world, 6)
    first = world.start()
    decide(world, first, (0, 1))
    other = world.start()
    other.points.at("hand over", Fault.STOP)
    decide(world, other, (2, 3))
    other.kill()
    world.run()
    assert sequences(world) == [1, 2]
    decide(world, first, (4, 5))
    assert sequences(world) == [1, 2, 3, 4, 5, 6]


def test_events_after_an_unknown_commit_outcome_are_published_at_once(world: World) -> None:
    send(world, 4)
    worker = world.start()
    decide(world, worker, (0, 1))
    worker.points.at("after commit", Fault.OUTAGE)
    world.deliver(worker, FIRST, 2, 2)
    world.run(0.2)
    assert worker.points.trace.count("after commit") == 3, "committed, unknown, found to be committed"
    assert sequences(world) == [1, 2, 3, 4]
    assert worker.acknowledged[FIRST] == 4


def test_the_unpublished_tail_is_published_when_a_lane_is_opened(world: World) -> None:
    send(world, 3)
    unlucky = world.start()
    unlucky.points.at("hand over", Fault.STOP)
    decide(world, unlucky, (0, 1, 2))
    unlucky.kill()
    world.run()
    assert sequences(world) == []
    world.start()
    world.run(1.1)
    assert sequences(world) == [1, 2, 3]


def test_an_idle_owner_publishes_what_another_one_left(world: World) -> None:
    send(world, 4)
    owner = world.start()
    decide(world, owner, (0, 1))
    other = world.start()
    other.points.at("hand over", Fault.STOP)
    decide(world, other, (2, 3))
    other.kill()
    world.run(5.0)
    assert sequences(world) == [1, 2, 3, 4]
    world.check()


def test_a_lane_counts_as_published_only_as_far_as_the_broker_acknowledged(world: World) -> None:
    send(world, 4)
    worker = world.start()
    worker.points.at("publish", Fault.STOP)
    decide(world, worker, (0, 1))
    assert worker.acknowledged == {}
    worker.points.resume()
    world.run(2.5)
    assert worker.acknowledged[FIRST] == 2
    assert world.servers.tables.lane(FIRST).published_seq == 2, "raised on an idle tick"
    decide(world, worker, (2, 3))
    assert world.servers.tables.lane(FIRST).published_seq == 2
    world.run(2.5)
    assert world.servers.tables.lane(FIRST).published_seq == 4


def test_the_next_transaction_raises_what_is_published_too(world: World) -> None:
    send(world, 4)
    worker = world.start()
    decide(world, worker, (0, 1))
    decide(world, worker, (2, 3))
    assert world.servers.tables.lane(FIRST).published_seq == 2
    assert "acknowledge" not in worker.points.trace


def test_a_send_that_fails_ends_the_process_and_acknowledges_nothing(world: World) -> None:
    send(world, 2)
    worker = world.start()
    worker.points.at("publish", Fault.OUTAGE)
    decide(world, worker, (0, 1))
    assert isinstance(worker.ended_by, Undeliverable)
    assert worker.acknowledged == {}
    world.recover()
    assert sequences(world) == [1, 2]


@pytest.mark.parametrize("wanted", [1, 2, 3])
def test_an_operator_gets_events_published_again_from_a_sequence_to_the_head(
    world: World, wanted: int
) -> None:
    send(world, 3)
    worker = world.start()
    decide(world, worker, (0, 1, 2))
    world.send(republish(FIRST, wanted), "operator")
    decide(world, worker, (3,))
    assert sequences(world) == [1, 2, 3, *range(wanted, 5)]
    said = world.servers.tables.events[FIRST][-1].happened
    assert said.type == "governance.evaluation.lane_republished"
    assert (said.body["from_sequence"], said.body["to_sequence"]) == (wanted, 3)
    send(world, 1, start=3)
    decide(world, worker, (4,))
    assert sequences(world)[-2:] == [4, 5], "the run goes on"
    world.run(3.0)
    world.check()


def test_of_several_wishes_in_one_batch_the_lowest_sequence_counts(world: World) -> None:
    send(world, 4)
    worker = world.start()
    decide(world, worker, (0, 1, 2, 3))
    for number, wanted in enumerate((3, 2, 4)):
        world.send(republish(FIRST, wanted), f"operator-{number}")
    decide(world, worker, (4, 5, 6))
    assert sequences(world) == [1, 2, 3, 4, 2, 3, 4, 5, 6, 7]


def test_events_that_do_not_exist_cannot_be_published_again(world: World) -> None:
    send(world, 1)
    world.send(republish(FIRST, 2), "operator")
    world.process_all()
    assert world.reasons(FIRST)[-1] == "nothing_to_republish"
    assert sequences(world) == [1, 2]


@pytest.mark.parametrize("point", ["after commit", "stored", "hand over"])
def test_a_republication_survives_the_death_of_the_process_that_decided_it(world: World, point: str) -> None:
    send(world, 3)
    worker = world.process_all()
    world.send(republish(FIRST, 1), "operator")
    worker.points.at(point, Fault.DIE)
    decide(world, worker, (3,))
    assert not worker.alive
    successor = world.start()
    world.deliver(successor, FIRST, 3)
    world.run(0.1)
    assert Counter(sequences(world))[1] == 2
    world.recover()


def test_a_republication_survives_an_outage_in_the_middle_of_a_batch(world: World) -> None:
    second = LaneId(FIRST.topic, FIRST.partition + 1)
    send(world, 2)
    world.send(evaluate(resources_in(second, 1)[0]), "other")
    worker = world.process_all()
    world.send(republish(FIRST, 1), "again-1")
    world.send(republish(second, 1), "again-2")
    worker.points.at("stored", Fault.OUTAGE)
    log = world.servers.broker.commands
    worker.deliver([r for r in (log[FIRST][2], log[second][1]) if r is not None])
    world.run(0.3)
    assert Counter(sequences(world))[1] == 2
    topic = event_topic_of(second.topic)
    assert [e.lane_seq for e in world.servers.broker.events[topic, second.partition]] == [1, 1, 2]
    world.check()


def test_what_was_acknowledged_before_a_republication_does_not_count_for_it(world: World) -> None:
    send(world, 3)
    worker = world.process_all()
    publication = worker.lanes["evaluation"]._with.publication
    assert publication.acked == {FIRST: 3}
    publication.rewind(FIRST, 2)
    assert publication.acked == {}
    assert publication.sent(FIRST) == 1
    publication.rewind(FIRST, 3)
    assert publication.sent(FIRST) == 1, "a run never begins above where the last one stood"
