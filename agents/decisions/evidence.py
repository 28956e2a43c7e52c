"""Deciding what becomes of evidence: a file in the bucket, and what it supports."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from agents.decisions.outcome import EventDraft, Outcome, Rejection
from projections.apply.evidence import EvidenceState
from schemas.envelope import moment_of, timestamp
from schemas.evidence_commands import ControlRef, LinkEvidence, ReportArtifact, SubmitEvidence
from schemas.identity import object_key

EvidenceCommand = SubmitEvidence | LinkEvidence | ReportArtifact

MAX_LINKS_EACH: Final = 1000
"""Most controls, and most technical controls, of one piece of evidence: they are loaded with it."""


@dataclass(frozen=True, slots=True)
class Linkable:
    """What evidence can support."""

    controls: Mapping[str, frozenset[str]]
    """Control ids by regulation code, finer ids too."""
    technical_controls: frozenset[str]


def decide_evidence(
    state: EvidenceState | None,
    tenant: str,
    command: EvidenceCommand,
    linkable: Linkable,
    max_bytes: int,
) -> Outcome:
    """The events of an evidence command, or a rejection; ``max_bytes`` bounds an artifact."""
    if isinstance(command, SubmitEvidence):
        return _submit(state, tenant, command, linkable, max_bytes)
    if state is None:
        return Rejection("unknown_evidence", f"no evidence {command.evidence}")
    match command:
        case LinkEvidence():
            return _link(state, command, linkable)
        case ReportArtifact():
            return _report(state, command)
    assert_never(command)


def _submit(
    state: EvidenceState | None, tenant: str, command: SubmitEvidence, linkable: Linkable, max_bytes: int
) -> Outcome:
    artifact = command.artifact
    if state is not None:
        return Rejection("already_exists", f"evidence {command.evidence_id} was submitted before")
    expected = object_key(tenant, command.evidence_id, artifact.sha256)
    if artifact.object_key != expected:
        return Rejection("foreign_object_key", f"the object's key must be {expected}")
    if artifact.size > max_bytes:
        return Rejection("artifact_too_large", f"{artifact.size} bytes, the limit is {max_bytes}")
    if refusal := _unlinkable(command.controls, command.technical_controls, linkable):
        return refusal
    collected = moment_of(command.collected_at)
    begins = collected if command.effective_from is None else moment_of(command.effective_from)
    ends = None if command.effective_to is None else moment_of(command.effective_to)
    expires = None if command.valid_until is None else moment_of(command.valid_until)
    if ends is not None and ends <= begins:
        return Rejection("invalid", "effective_to is not after effective_from")
    if expires is not None and expires <= collected:
        return Rejection("invalid", "valid_until is not after collected_at")
    body = {
        "evidence_id": command.evidence_id,
        "title": command.title,
        "kind": command.kind,
        "evidence_type": command.evidence_type,
        "description": command.description,
        "source": command.source,
        "artifact": artifact.model_dump(),
        "collected_at": timestamp(collected),
        "effective_from": timestamp(begins),
        "effective_to": ends and timestamp(ends),
        "valid_until": expires and timestamp(expires),
        "controls": [_ref_body(pair) for pair in _pairs(command.controls)],
        "technical_controls": sorted(set(command.technical_controls)),
    }
    return (_draft("submitted", command.evidence_id, body),)


def _link(state: EvidenceState, command: LinkEvidence, linkable: Linkable) -> Outcome:
    if state.state == "quarantined":
        return Rejection("evidence_quarantined", f"its artifact is quarantined: {state.reason}")
    if refusal := _unlinkable(command.controls, command.technical_controls, linkable):
        return refusal
    controls = [pair for pair in _pairs(command.controls) if pair not in state.controls]
    technical = sorted(set(command.technical_controls) - set(state.technical_controls))
    if not controls and not technical:
        return Rejection("nothing_changes", "it supports all of these already")
    most = max(len(state.controls) + len(controls), len(state.technical_controls) + len(technical))
    if most > MAX_LINKS_EACH:
        return Rejection("too_many_links", f"evidence supports at most {MAX_LINKS_EACH} controls of a kind")
    body = {
        "evidence_id": state.evidence_id,
        "controls": [_ref_body(pair) for pair in controls],
        "technical_controls": technical,
    }
    return (_draft("linked", state.evidence_id, body),)


def _report(state: EvidenceState, command: ReportArtifact) -> Outcome:
    if state.state != "collected":
        return Rejection("already_reported", f"its artifact is {state.state}")
    if command.locked_until is None:
        quarantined = {
            "evidence_id": state.evidence_id,
            "reason": command.reason,
            "expected_sha256": state.sha256,
            "actual_sha256": command.sha256,
            "expected_size": state.size,
            "actual_size": command.size,
        }
        return (_draft("quarantined", state.evidence_id, quarantined),)
    if (command.sha256, command.size) != (state.sha256, state.size):
        return Rejection("invalid", "what was read has not the submitted hash and size")
    verified = {
        "evidence_id": state.evidence_id,
        "sha256": state.sha256,
        "size": state.size,
        "version_id": state.version_id,
        "locked_until": timestamp(moment_of(command.locked_until)),
    }
    return (_draft("verified", state.evidence_id, verified),)


def _unlinkable(
    controls: Iterable[ControlRef], technical: Iterable[str], linkable: Linkable
) -> Rejection | None:
    for regulation, control in _pairs(controls):
        known = linkable.controls.get(regulation)
        if known is None:
            return Rejection("unknown_regulation", f"no regulation {regulation!r}")
        if control not in known:
            return Rejection("unknown_control", f"{regulation} has no control {control!r}")
    for each in technical:
        if each not in linkable.technical_controls:
            return Rejection("unknown_technical_control", f"no technical control {each!r}")
    return None


def _pairs(refs: Iterable[ControlRef]) -> Sequence[tuple[str, str]]:
    """Regulation and control, each pair once, ascending."""
    return sorted({(ref.regulation, ref.control) for ref in refs})


def _ref_body(pair: tuple[str, str]) -> Mapping[str, str]:
    return {"regulation": pair[0], "control": pair[1]}


def _draft(name: str, evidence_id: str, body: Mapping[str, object]) -> EventDraft:
    return EventDraft(f"governance.evidence.{name}", f"evidence/{evidence_id}", body)
