"""Erasure: a subject's key is destroyed, on the word of two persons."""

from collections.abc import Iterable
from typing import Final

from agents.decisions.holds import in_force
from agents.decisions.outcome import EventDraft, Outcome, Rejection
from projections.apply.happened import Happened
from schemas.models import ApproveErasure, EraseSubject
from schemas.personal import SubjectKey

ERASURE: Final = "audit.erasure"
REQUESTED: Final = "governance.compliance.erasure_requested"


def erased(events: Iterable[Happened]) -> list[tuple[str, str]]:
    """Tenant and pseudonym of the subjects whose keys events destroy."""
    return [(event.tenant, str(event.body["pseudonym"])) for event in events if event.type == ERASURE]


def propose_erasure(command: EraseSubject, actor: str, key: SubjectKey | None) -> Outcome:
    """The proposal; names the subject by pseudonym only."""
    if key is None:
        return Rejection("unknown_subject", "nothing is encrypted for that person")
    if key.key is None:
        return Rejection("already_erased", f"the key of {key.pseudonym} is destroyed")
    body = {
        "pseudonym": key.pseudonym,
        "commitment": key.commitment.hex(),
        "authority": command.authority,
        "reason": command.reason,
        "requester": actor,
    }
    return (EventDraft(REQUESTED, f"subject/{key.pseudonym}", body),)


def approve_erasure(
    command: ApproveErasure,
    actor: str,
    request: Happened | None,
    key: SubjectKey | None,
    holds: Iterable[Happened],
) -> Outcome:
    """The erasure; ``holds`` is what was said about the tenant's legal holds."""
    if request is None or request.type != REQUESTED or key is None:
        return Rejection("unknown_request", f"no erasure was proposed by event {command.request}")
    if actor == request.body["requester"]:
        return Rejection("needs_second_actor", "who proposed an erasure cannot approve it")
    if key.key is None:
        return Rejection("already_erased", f"the key of {key.pseudonym} is destroyed")
    if held := [name for name, hold in in_force(holds).items() if not hold.body["resource"]]:
        return Rejection("under_hold", f"everything of the tenant is held: {', '.join(held)}")
    body = {**request.body, "approver": actor, "request": request.event_id}
    return (EventDraft(ERASURE, request.resource, body, request.event_id),)
