"""Deciding whether controls apply. Excluding one takes two persons; taking it in again takes anybody.

Who approves an exclusion neither asked for it nor owns or assesses the control (separation of duties).
"""

from collections.abc import Sequence

from agents.decisions.chosen import chosen, refused
from agents.decisions.guards import catalogue_changed
from agents.decisions.outcome import EventDraft, Outcome, Rejection
from projections.apply.workflow_state import Applicability, ControlState, WorkflowState
from regulations.model import Regulation
from schemas.models import DecideApplicability


def decide_applicability(
    state: WorkflowState, command: DecideApplicability, actor: str, regulation: Regulation | None
) -> Outcome:
    """The events of the decision, or a rejection that names every control in the way; all or nothing."""
    controls = chosen(state, command.controls, lambda control: control.applicability == "undecided")
    if isinstance(controls, Rejection):
        return controls
    if not controls:
        return Rejection("nothing_changes", "no control is undecided")
    if command.applicable:
        return _include(state, command.reason, controls)
    return _exclude(state, command.reason, controls, actor, regulation)


def applicability_draft(
    state: WorkflowState, controls: Sequence[ControlState], applicability: Applicability, reason: str
) -> EventDraft:
    """The event of one step for controls that it changes."""
    body = {
        "workflow_id": state.workflow_id,
        "controls": [control.control_id for control in controls],
        "applicability": applicability,
        "reason": reason,
    }
    return EventDraft("governance.compliance.workflow.applicability_decided", state.subject, body)


def _include(state: WorkflowState, reason: str, controls: Sequence[ControlState]) -> Outcome:
    if decided := [c.control_id for c in controls if c.applicability == "applicable"]:
        return refused("already_decided", "it applies already", decided)
    return (applicability_draft(state, controls, "applicable", reason),)


def _exclude(
    state: WorkflowState,
    reason: str,
    controls: Sequence[ControlState],
    actor: str,
    regulation: Regulation | None,
) -> Outcome:
    if not reason.strip():
        return Rejection("reason_required", "an exclusion needs a reason, its approval too")
    if changed := catalogue_changed(state, regulation):
        return Rejection("catalogue_changed", changed)
    excludable = {c.id for c in regulation.controls if c.excludable} if regulation is not None else set()
    if fixed := [c.control_id for c in controls if c.control_id not in excludable]:
        return refused("not_excludable", f"{state.regulation} does not let it be excluded", fixed)
    if decided := [c.control_id for c in controls if c.applicability == "excluded"]:
        return refused("already_decided", "it is excluded already", decided)
    asked = [c for c in controls if c.applicability == "exclusion_requested"]
    if own := [c.control_id for c in asked if actor in (c.decided_by, c.owner, c.assessor)]:
        return refused("same_person", "a person who neither asked, owns nor assesses it must approve", own)
    new = [c for c in controls if c.applicability != "exclusion_requested"]
    steps: tuple[tuple[list[ControlState], Applicability], ...] = (
        (new, "exclusion_requested"),
        (asked, "excluded"),
    )
    return tuple(applicability_draft(state, part, step, reason) for part, step in steps if part)
