"""Deciding who owns and who assesses controls."""

from collections.abc import Sequence

from agents.decisions.chosen import chosen
from agents.decisions.outcome import EventDraft, Outcome, Rejection
from projections.apply.workflow_state import ControlState, WorkflowState
from schemas.models import AssignControls


def assign(state: WorkflowState, command: AssignControls) -> Outcome:
    """The event of an assignment; it names those controls alone that it changes."""
    controls = chosen(state, command.controls, lambda control: control.applicability != "excluded")
    if isinstance(controls, Rejection):
        return controls
    owner, assessor = command.owner, command.assessor
    changed = [
        control
        for control in controls
        if owner not in (None, control.owner) or assessor not in (None, control.assessor)
    ]
    if not changed:
        return Rejection("nothing_changes", "the controls have this owner and this assessor already")
    return (assignment_draft(state, changed, owner, assessor),)


def assignment_draft(
    state: WorkflowState, controls: Sequence[ControlState], owner: str | None, assessor: str | None
) -> EventDraft:
    """The event that controls get an owner, an assessor, or both; None leaves what is."""
    body = {
        "workflow_id": state.workflow_id,
        "controls": [control.control_id for control in controls],
        "owner": owner,
        "assessor": assessor,
    }
    return EventDraft("governance.compliance.workflow.assigned", state.subject, body)
