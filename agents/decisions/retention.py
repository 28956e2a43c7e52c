"""Retention: a range of the log may be pruned, on the word of two operators."""

from collections.abc import Iterable
from typing import Final

from agents.decisions.outcome import EventDraft, Outcome, Rejection
from projections.apply.happened import Happened
from schemas.identity import OPERATOR_TENANT
from schemas.models import ApprovePruning, PruneEntries

RETENTION: Final = "audit.retention"
REQUESTED: Final = "governance.compliance.pruning_requested"


def propose_pruning(command: PruneEntries, tenant: str, actor: str) -> Outcome:
    """The proposal. Whether the range is one, and its root, is the wall's to check before it prunes."""
    if tenant != OPERATOR_TENANT:
        return Rejection("wrong_tenant", "the log is pruned by its operator")
    body = {**command.model_dump(), "requester": actor}
    return (EventDraft(REQUESTED, about(command.first_index, command.end_index), body),)


def approve_pruning(
    command: ApprovePruning, actor: str, request: Happened | None, earlier: Iterable[Happened]
) -> Outcome:
    """The entry on which the owner may prune; ``earlier`` is what was decided about the same range."""
    if request is None or request.type != REQUESTED:
        return Rejection("unknown_request", f"no pruning was proposed by event {command.request}")
    if actor == request.body["requester"]:
        return Rejection("needs_second_actor", "who proposed a pruning cannot approve it")
    if any(event.body["request"] == request.event_id for event in earlier):
        return Rejection("already_approved", f"the pruning that {request.event_id} proposed is approved")
    body = {**request.body, "approver": actor, "request": request.event_id}
    return (EventDraft(RETENTION, request.resource, body, request.event_id),)


def about(first: int, end: int) -> str:
    """``ce_subject`` of what is said about a range."""
    return f"log/{first}-{end}"
