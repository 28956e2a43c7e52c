"""Deciding an evaluation: what is asked, and the decision event that its answers come to.

An evaluation asks a gate: one policy, or every policy that a decision point binds. Each policy of it is one
question; what the answers come to is one event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256

from agents.decisions.answering import KnownAnswer, Pointer, Verdict, answered
from agents.decisions.combining import Combining, Said, combine, said
from agents.decisions.masking import stored_input
from agents.decisions.outcome import EventDraft, Outcome, Rejection
from schemas.models import Evaluate
from schemas.personal import SubjectKey, keyed_digest, seal


@dataclass(frozen=True, slots=True)
class Gate:
    """What an evaluation asks, as it stood at one moment."""

    policies: tuple[str, ...]
    """As they are named, at least one."""
    pointers: tuple[Pointer, ...]
    """What each points to."""
    combining: Combining | None = None
    """None: one policy, asked by itself."""
    binding: str = ""
    """Event that bound the decision point."""


def decide_evaluation(
    command: Evaluate,
    gate: Gate | None,
    verdicts: Sequence[Verdict | None],
    decision_id: str,
    known: Sequence[KnownAnswer | None],
    subject: SubjectKey | None = None,
) -> Outcome:
    """The decision event, or a rejection where nothing could be asked.

    Personal fields are sealed under the key of ``subject``; without one, or once it is destroyed, masked.

    ``verdicts`` and ``known`` have an item for each policy of the gate; a verdict is None where the policy
    has no active version.
    """
    if gate is None:
        if not command.policy:
            return Rejection("unknown_decision_point", f"nothing is bound to {command.decision_point!r}")
        return Rejection("unknown_policy", f"no policy {command.policy!r}")
    if gate.combining is not None:
        parts = [
            said(policy, pointer, verdict, last)
            for policy, pointer, verdict, last in zip(
                gate.policies, gate.pointers, verdicts, known, strict=True
            )
        ]
        return _combined(command, gate, gate.combining, parts, decision_id, subject)
    (pointer,), (verdict,), (last,) = gate.pointers, verdicts, known
    if pointer.version is None or verdict is None:
        return Rejection("policy_not_active", f"policy {command.policy!r} is {pointer.state}")
    spoken = Said(command.policy, pointer, verdict, answered(pointer, verdict, last), last)
    body = {
        **_body(command, decision_id, spoken),
        **_stored(command.input, pointer.personal_fields, pointer.input_storage, decision_id, subject),
    }
    return (EventDraft("governance.policy.evaluated", command.resource, body, pointer.activation_event),)


def _combined(
    command: Evaluate,
    gate: Gate,
    combining: Combining,
    parts: Sequence[Said],
    decision_id: str,
    subject: SubjectKey | None,
) -> Outcome:
    combined = combine(combining, parts)
    # What one of the policies does not want stored is not stored.
    personal = dict.fromkeys(field for pointer in gate.pointers for field in pointer.personal_fields)
    storage = "digest" if any(pointer.input_storage == "digest" for pointer in gate.pointers) else "full"
    body = {
        **_body(command, decision_id, replace(combined.leading, comes_to=combined.comes_to)),
        **_stored(command.input, tuple(personal), storage, decision_id, subject),
        "combining": combining,
        "parts": [part.body(effect) for part, effect in zip(parts, combined.effects, strict=True)],
        "binding": gate.binding,
    }
    return (EventDraft("governance.policy.evaluated", command.resource, body, gate.binding),)


def _body(command: Evaluate, decision_id: str, said: Said) -> Mapping[str, object]:
    pointer, verdict, comes_to = said.pointer, said.verdict, said.comes_to
    return {
        "decision_id": decision_id,
        "policy_id": pointer.policy_id,
        "policy": said.policy,
        "version": pointer.version,
        "module_digest": pointer.module_digest,
        "resource": command.resource,
        "decision_point": command.decision_point,
        "outcome": comes_to.outcome,
        "basis": comes_to.basis,
        "error": comes_to.error,
        "reasons": comes_to.reasons,
        "result": verdict.result,
        "enforcement": pointer.enforcement,
        "fail_mode": pointer.fail_mode,
        "duration_us": verdict.duration_us,
        "opa": verdict.opa,
        "bundle_revision": verdict.revision,
        "answer": comes_to.answer,
        "obligations": comes_to.obligations,
        "known_decision": said.known_decision,
        "combining": "",
        "parts": [],
        "binding": "",
        "shadows": [],
    }


def _stored(
    document: bytes, personal: Sequence[str], storage: str, decision_id: str, subject: SubjectKey | None
) -> Mapping[str, object]:
    """What is kept of the input.

    A digest of sealed values is keyed, too: it would tell whoever guesses them.
    """
    digest = sha256(document).hexdigest()
    if subject is None or subject.key is None:
        kept = stored_input(document, personal, storage)
    else:
        kept = stored_input(document, personal, storage, partial(seal, subject, decision_id))
        if kept.masked:
            digest = keyed_digest(subject.key, document)
    return {
        "input": kept.document,
        "masked": kept.masked,
        "input_storage": storage,
        "input_digest": digest,
    }
