"""An event is corrected by a later one in its lane, which two persons make; it stays as it is."""

import pytest

from agents.decisions.correction import CORRECTION
from agents.lanes.memory import MemoryStore
from agents.lanes.ports import EventRow
from agents.records import CommandRecord
from schemas.leaf import encode_entry, leaf_hash
from schemas.models import ApproveCorrection, Command, CorrectEvent
from schemas.topics import event_topic_of
from tests.agents.commands import create, lane_of, record
from tests.agents.ports.desk import Desk

LANE = lane_of(create())
DETAILS = b'{"name":"the other gate"}'


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def desk(store: MemoryStore) -> Desk:
    return Desk(store)


def sent(
    desk: Desk, command: Command, command_id: str, actor: str = "ann", tenant: str = "acme"
) -> CommandRecord:
    return desk.broker.append(record(command, command_id, tenant=tenant, actor=actor))


async def said(desk: Desk, *records: CommandRecord) -> list[EventRow]:
    committed = await desk.decide(list(records))
    return [event for events in committed.events.values() for event in events]


def correct(event_id: str, partition: int = LANE.partition) -> CorrectEvent:
    return CorrectEvent(
        topic=LANE.topic, partition=partition, event_id=event_id, reason="wrong name", details=DETAILS
    )


def approve(request: str) -> ApproveCorrection:
    return ApproveCorrection(topic=LANE.topic, partition=LANE.partition, request=request)


async def original(desk: Desk) -> EventRow:
    (event,) = await said(desk, sent(desk, create(), "original"))
    return event


def reason(event: EventRow) -> object:
    assert event.happened.type == "governance.policy.command_rejected"
    return event.happened.body["reason"]


async def test_a_correction_names_leaf_and_place_of_the_original_and_has_its_key(
    desk: Desk, store: MemoryStore
) -> None:
    wrong = await original(desk)
    (request,) = await said(desk, sent(desk, correct(wrong.happened.event_id), "c-1", "ann"))
    assert request.happened.type == "governance.policy.correction_requested"
    (correction,) = await said(desk, sent(desk, approve(request.happened.event_id), "c-2", "bob"))
    assert correction.happened.type == CORRECTION
    assert correction.happened.body == {
        "event_id": wrong.happened.event_id,
        "topic": event_topic_of(LANE.topic),
        "partition": LANE.partition,
        "lane_seq": 1,
        "leaf_hash": leaf_hash(encode_entry(wrong.record)[0]).hex(),
        "reason": "wrong name",
        "details": DETAILS,
        "requester": "ann",
        "approver": "bob",
        "request": request.happened.event_id,
    }
    assert (correction.happened.lane_seq, correction.record.key) == (3, wrong.record.key)
    assert correction.happened.causation == request.happened.event_id
    assert correction.happened.resource == f"event/{wrong.happened.event_id}"
    assert await store.stored(LANE, 1, 1) == [wrong.record]


async def test_original_proposal_and_approval_may_stand_in_one_batch(desk: Desk) -> None:
    trial = Desk(MemoryStore())
    wrong = await original(trial)
    (request,) = await said(trial, sent(trial, correct(wrong.happened.event_id), "c-1", "ann"))
    batch = [
        sent(desk, create(), "original"),
        sent(desk, correct(wrong.happened.event_id), "c-1", "ann"),
        sent(desk, approve(request.happened.event_id), "c-2", "bob"),
        sent(desk, approve(request.happened.event_id), "c-3", "bob"),
    ]
    events = await said(desk, *batch)
    assert [event.happened.type.rpartition(".")[2] for event in events] == [
        "created",
        "correction_requested",
        "correction",
        "command_rejected",
    ]
    assert reason(events[-1]) == "already_approved"


async def test_who_proposed_cannot_approve_and_nobody_approves_twice(desk: Desk) -> None:
    wrong = await original(desk)
    (request,) = await said(desk, sent(desk, correct(wrong.happened.event_id), "c-1", "ann"))
    again = approve(request.happened.event_id)
    (alone,) = await said(desk, sent(desk, again, "c-2", "ann"))
    assert reason(alone) == "needs_second_actor"
    await said(desk, sent(desk, again, "c-3", "bob"))
    (twice,) = await said(desk, sent(desk, again, "c-4", "cid"))
    assert reason(twice) == "already_approved"


async def test_what_cannot_be_corrected_is_refused_with_its_reason(desk: Desk) -> None:
    wrong = await original(desk)
    event_id = wrong.happened.event_id
    (foreign,) = await said(desk, sent(desk, correct(event_id), "x-1", tenant="other"))
    assert reason(foreign) == "unknown_event"
    (elsewhere,) = await said(desk, sent(desk, correct(event_id, (LANE.partition + 1) % 4), "x-2"))
    assert reason(elsewhere) == "wrong_lane"
    (nothing,) = await said(desk, sent(desk, approve(event_id), "x-3"))
    assert reason(nothing) == "unknown_request"
    (request,) = await said(desk, sent(desk, correct(event_id), "x-4", "ann"))
    (theirs,) = await said(desk, sent(desk, approve(request.happened.event_id), "x-5", "bob", "other"))
    assert reason(theirs) == "unknown_request"


async def test_a_correction_is_corrected_as_any_event(desk: Desk) -> None:
    wrong = await original(desk)
    event_id = wrong.happened.event_id
    for number, (proposer, approver) in enumerate((("ann", "bob"), ("bob", "ann"))):
        (request,) = await said(desk, sent(desk, correct(event_id), f"p-{number}", proposer))
        (made,) = await said(desk, sent(desk, approve(request.happened.event_id), f"a-{number}", approver))
        assert made.happened.body["event_id"] == event_id
        event_id = made.happened.event_id


async def test_a_correction_in_another_family_is_refused(desk: Desk) -> None:
    wrong = await original(desk)
    elsewhere = "governance.evaluation.commands.v1"
    command = correct(wrong.happened.event_id).model_copy(update={"topic": elsewhere})
    (refused,) = await said(desk, sent(desk, command, "c-1"))
    assert refused.happened.type == "governance.evaluation.command_rejected"
    assert refused.happened.body["reason"] == "wrong_lane"
