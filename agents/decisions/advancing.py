"""Moving a workflow along the table of transitions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from agents.decisions.applicability import applicability_draft
from agents.decisions.assignment import assignment_draft
from agents.decisions.chosen import finding
from agents.decisions.guards import GUARDS, LABELS, Checked, check
from agents.decisions.outcome import EventDraft, Outcome, Rejection
from agents.decisions.transitions import PHASES, TRANSITIONS, Transition
from projections.apply.workflow_state import ControlState, WorkflowState
from regulations.model import Regulation

APPLIES_BY_DEFAULT: Final = "it applies: nobody asked to exclude it"
"""Reason of the applicability decisions that ``begin`` makes."""

MAX_MISSING: Final = 3
"""Missing things in a rejection's text; its findings have them all."""


def advance(state: WorkflowState, name: str, reason: str, regulation: Regulation | None) -> Outcome:
    """The events of a transition, or a rejection with a finding for every missing thing."""
    row = TRANSITIONS.get(name)
    if row is None:
        return Rejection("unknown_transition", f"{name!r} is none of {', '.join(TRANSITIONS)}")
    if state.closed:
        return Rejection("workflow_closed", f"workflow {state.name!r} is {state.state}")
    if not row.available:
        return _not_available(row)
    if state.state not in row.sources:
        detail = f"{name} leads from {', '.join(row.sources)}; the workflow is {state.state}"
        return Rejection("transition_not_allowed", detail)
    rows = [TRANSITIONS[step] for step in row.steps] or [row]
    drafts: list[EventDraft] = []
    found: list[Checked] = []
    for step in rows:
        for guard in step.guards if row.steps else ():
            if fill := _DEFAULTS.get(guard):
                state, filled = fill(state)
                drafts += filled
        checked = check(step, state, regulation)
        found += checked
        drafts.append(_status_changed(state, step, reason, checked))
        state = replace(state, state=step.target, phase=PHASES[step.target])
    return _guard_failed(name, found) or tuple(drafts)


def _status_changed(
    state: WorkflowState, row: Transition, reason: str, checked: Sequence[Checked]
) -> EventDraft:
    phase = PHASES[row.target]
    body = {
        "workflow_id": state.workflow_id,
        "regulation": state.regulation,
        "transition": row.name,
        "old_status": state.state,
        "new_status": row.target,
        "phase": phase,
        "reason": reason,
        "guards": [{"name": c.name, "passed": c.passed, "missing": list(c.missing)} for c in checked],
        "disarmed": [t.name for t in state.timers if phase == "closed" and t.state == "armed"],
    }
    return EventDraft("governance.compliance.workflow.status_changed", state.subject, body)


def _guard_failed(name: str, found: Sequence[Checked]) -> Rejection | None:
    findings = tuple(finding(c.name, what) for c in found if c.blocks for what in c.missing)
    if not findings:
        return None
    guards = ", ".join(dict.fromkeys(each.rule for each in findings))
    what = "; ".join(each.message for each in findings[:MAX_MISSING])
    more = f"; and {len(findings) - MAX_MISSING} more" if len(findings) > MAX_MISSING else ""
    return Rejection("guard_failed", f"{name}: {guards}: {what}{more}", findings)


def _not_available(row: Transition) -> Rejection:
    missing = [name for name in row.guards if name not in GUARDS]
    findings = tuple(finding(name, f"not available in this release: {LABELS[name]}") for name in missing)
    return Rejection("guard_not_available", f"{row.name} is not available in this release", findings)


def _own(state: WorkflowState) -> tuple[WorkflowState, list[EventDraft]]:
    """Controls without an owner get the workflow's."""
    return _fill(
        state,
        lambda control: control.applicability != "excluded" and control.owner is None,
        lambda control: replace(control, owner=state.owner),
        lambda controls: assignment_draft(state, controls, state.owner, None),
    )


def _include(state: WorkflowState) -> tuple[WorkflowState, list[EventDraft]]:
    """Controls that nobody decided on apply."""
    return _fill(
        state,
        lambda control: control.applicability == "undecided",
        lambda control: replace(control, applicability="applicable", reason=APPLIES_BY_DEFAULT),
        lambda controls: applicability_draft(state, controls, "applicable", APPLIES_BY_DEFAULT),
    )


def _fill(
    state: WorkflowState,
    lacks: Callable[[ControlState], bool],
    filled: Callable[[ControlState], ControlState],
    draft: Callable[[Sequence[ControlState]], EventDraft],
) -> tuple[WorkflowState, list[EventDraft]]:
    lacking = [control for control in state.controls if lacks(control)]
    if not lacking:
        return state, []
    controls = tuple(filled(control) if lacks(control) else control for control in state.controls)
    return replace(state, controls=controls), [draft(lacking)]


_DEFAULTS: Final[Mapping[str, Callable[[WorkflowState], tuple[WorkflowState, list[EventDraft]]]]] = {
    "G2": _own,
    "G3": _include,
}
"""What a row with steps says for the user, by the guard that asks for it."""
