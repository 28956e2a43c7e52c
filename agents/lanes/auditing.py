"""Commands about the history itself, which are decided in the same way whatever the family."""

from agents.decisions.correction import approve_correction, propose_correction
from agents.decisions.erasure import approve_erasure, propose_erasure
from agents.decisions.holds import place_hold, release_hold
from agents.decisions.outcome import Outcome
from agents.decisions.retention import approve_pruning, propose_pruning
from agents.lanes.history import History
from agents.reading import Received
from schemas.leaf import encode_entry, leaf_hash
from schemas.models import (
    ApproveCorrection,
    ApproveErasure,
    ApprovePruning,
    AuditCommand,
    CorrectEvent,
    EraseSubject,
    HoldEntries,
    PruneEntries,
    ReleaseHold,
)
from schemas.personal import subject_digest
from schemas.topics import family_of

AboutHistory = CorrectEvent | ApproveCorrection | AuditCommand

Answer = tuple[Outcome, bytes | None]
"""An outcome, and the key of its events, where it is not the command's."""


async def decide_about_history(received: Received, command: AboutHistory, history: History) -> Answer:
    """The outcome of a command on the history as it is now."""
    tenant, actor = received.envelope.tenant, received.envelope.actor
    match command:
        case CorrectEvent():
            return await _correct(tenant, actor, command, history)
        case ApproveCorrection():
            return await _approve_correction(tenant, actor, command, history)
        case EraseSubject():
            key = await history.subject(tenant, subject_digest(tenant, command.person))
            return propose_erasure(command, actor, key), None
        case ApproveErasure():
            return await _approve_erasure(tenant, actor, command, history), None
        case HoldEntries():
            said = await history.audit_events(tenant, f"hold/{command.hold}")
            return place_hold(command, actor, said), None
        case ReleaseHold():
            said = await history.audit_events(tenant, f"hold/{command.hold}")
            return release_hold(command, actor, said), None
        case PruneEntries():
            return propose_pruning(command, tenant, actor), None
        case ApprovePruning():
            request = await history.event(tenant, command.request)
            if request is None:
                return approve_pruning(command, actor, None, ()), None
            earlier = await history.audit_events(tenant, request.said.resource)
            return approve_pruning(command, actor, request.said, earlier), None
        case _:
            raise TypeError(f"{received.envelope.type} is not about the history")


async def _correct(tenant: str, actor: str, command: CorrectEvent, history: History) -> Answer:
    """The proposal has the original's key: who reads by key sees it after the original."""
    original = await history.event(tenant, command.event_id)
    family = family_of(command.topic)
    if original is None:
        return propose_correction(command, family, actor, None, b""), None
    leaf = leaf_hash(encode_entry(original.record)[0])
    return propose_correction(command, family, actor, original.said, leaf), original.record.key


async def _approve_correction(
    tenant: str, actor: str, command: ApproveCorrection, history: History
) -> Answer:
    """The correction has that key, too."""
    request = await history.event(tenant, command.request)
    if request is None:
        return approve_correction(command, actor, None, ()), None
    earlier = await history.audit_events(tenant, request.said.resource)
    return approve_correction(command, actor, request.said, earlier), request.record.key


async def _approve_erasure(tenant: str, actor: str, command: ApproveErasure, history: History) -> Outcome:
    found = await history.event(tenant, command.request)
    request = found.said if found else None
    pseudonym = str(request.body.get("pseudonym", "")) if request else ""
    key = await history.pseudonymous(tenant, pseudonym)
    return approve_erasure(command, actor, request, key, await history.holds(tenant))
