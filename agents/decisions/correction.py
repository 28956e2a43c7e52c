"""Corrections: a wrong event stays, and a later one in its lane says what is right.

One actor proposes and another approves. Any event can be corrected, a correction too, and more than once.
"""

from collections.abc import Iterable
from typing import Final

from agents.decisions.outcome import EventDraft, Outcome, Rejection
from projections.apply.happened import Happened
from schemas.models import ApproveCorrection, CorrectEvent
from schemas.topics import Family, event_topic_of

CORRECTION: Final = "audit.correction"


def propose_correction(
    command: CorrectEvent, family: Family, actor: str, original: Happened | None, leaf_hash: bytes
) -> Outcome:
    """The proposal; ``original`` is the tenant's event of that id, ``leaf_hash`` that of its entry."""
    if original is None:
        return Rejection("unknown_event", f"no event {command.event_id}")
    lane = original.topic, original.partition
    if lane != (event_topic_of(command.topic), command.partition):
        return Rejection("wrong_lane", f"the event is of {original.topic}/{original.partition}")
    body = {
        "event_id": original.event_id,
        "topic": original.topic,
        "partition": original.partition,
        "lane_seq": original.lane_seq,
        "leaf_hash": leaf_hash.hex(),
        "reason": command.reason,
        "details": command.details,
        "requester": actor,
    }
    return (EventDraft(f"governance.{family}.correction_requested", about(original.event_id), body),)


def approve_correction(
    command: ApproveCorrection, actor: str, request: Happened | None, earlier: Iterable[Happened]
) -> Outcome:
    """The correction; ``earlier`` are those of the same event that stand already."""
    if request is None or not request.type.endswith(".correction_requested"):
        return Rejection("unknown_request", f"no correction was proposed by event {command.request}")
    if (request.topic, request.partition) != (event_topic_of(command.topic), command.partition):
        return Rejection("wrong_lane", f"the proposal is of {request.topic}/{request.partition}")
    if actor == request.body["requester"]:
        return Rejection("needs_second_actor", "who proposed a correction cannot approve it")
    if any(event.body["request"] == request.event_id for event in earlier):
        return Rejection("already_approved", f"the correction that {request.event_id} proposed is made")
    body = {**request.body, "approver": actor, "request": request.event_id}
    return (EventDraft(CORRECTION, request.resource, body, request.event_id),)


def about(event_id: str) -> str:
    """``ce_subject`` of what is said about an event."""
    return f"event/{event_id}"
