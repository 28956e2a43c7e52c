"""Deciding what becomes of a compliance workflow."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import assert_never

from agents.decisions.advancing import advance
from agents.decisions.applicability import decide_applicability
from agents.decisions.assignment import assign
from agents.decisions.chosen import finding
from agents.decisions.outcome import EventDraft, Outcome, Rejection
from projections.apply.workflow_state import PERIOD_END, WorkflowState
from regulations import SelectionRefused
from regulations.application import law_at
from regulations.model import Regulation
from regulations.scope import Selection, select
from schemas.envelope import moment_of, timestamp
from schemas.models import (
    AdvanceWorkflow,
    AssignControls,
    CancelWorkflow,
    CreateWorkflow,
    DecideApplicability,
    FireTimer,
)

WorkflowCommand = (
    CreateWorkflow | AssignControls | DecideApplicability | AdvanceWorkflow | CancelWorkflow | FireTimer
)

ALL_SYSTEMS = "all AI systems"
"""Boundary of a workflow that names none."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision rests on beside state and command."""

    actor: str
    today: date
    """Day of the decision, UTC."""
    regulation: Regulation | None
    """The workflow's regulation as it is loaded; None: there is none of that code."""


def decide_workflow(
    state: WorkflowState | None, workflow_id: str, command: WorkflowCommand, at: Circumstances
) -> Outcome:
    """The events of a workflow command, or a rejection."""
    if isinstance(command, CreateWorkflow):
        return _create(state, workflow_id, command, at)
    if state is None:
        return Rejection("unknown_workflow", f"no workflow {command.workflow!r}")
    match command:
        case FireTimer():
            return _fire(state, command)
        case AdvanceWorkflow():
            return advance(state, command.transition, command.reason, at.regulation)
        case CancelWorkflow():
            return advance(state, "cancel", command.reason, at.regulation)
        case AssignControls():
            return _closed(state) or assign(state, command)
        case DecideApplicability():
            return _closed(state) or decide_applicability(state, command, at.actor, at.regulation)
    assert_never(command)


def regulation_of(state: WorkflowState | None, command: WorkflowCommand) -> str:
    """Code of the regulation that a decision needs; empty where it needs none."""
    if isinstance(command, CreateWorkflow):
        return command.regulation
    return state.regulation if state is not None else ""


def _create(
    state: WorkflowState | None, workflow_id: str, command: CreateWorkflow, at: Circumstances
) -> Outcome:
    if state is not None:
        return Rejection("already_exists", f"workflow {command.name!r} exists")
    regulation = at.regulation
    if regulation is None:
        return Rejection("unknown_regulation", f"no regulation {command.regulation!r}")
    selection = _selected(regulation, command)
    if isinstance(selection, Rejection):
        return selection
    period = _period(regulation, command, at.today)
    if isinstance(period, Rejection):
        return period
    law = law_at(regulation, at.today)
    if law is None:
        return Rejection("not_in_force", f"nothing of {regulation.code} is in force on {at.today}")
    start, end = period
    due_at = datetime.combine(end, time(), UTC)
    body = {
        "workflow_id": workflow_id,
        "name": command.name,
        "regulation": regulation.code,
        "edition": regulation.edition,
        "regulation_version": regulation.version,
        "law_version": law.version,
        "description": command.description,
        "boundary": command.boundary or ALL_SYSTEMS,
        "owner": command.owner or at.actor,
        "choices": {selector: list(values) for selector, values in selection.choices.items()},
        "period_start": start.isoformat(),
        "period_end": end.isoformat(),
        "controls": [control.id for control in selection.controls],
        "timers": [{"name": PERIOD_END, "generation": 1, "due_at": timestamp(due_at)}],
    }
    return (EventDraft("governance.compliance.workflow.created", f"workflow/{workflow_id}", body),)


def _selected(regulation: Regulation, command: CreateWorkflow) -> Selection | Rejection:
    try:
        selection = select(regulation, command.choices)
    except SelectionRefused as refused:
        unknown = any(selector not in regulation.selectors for selector in command.choices)
        reason = "unknown_regulation_selector" if unknown else "invalid_scope"
        return Rejection(reason, str(refused), tuple(finding(reason, why) for why in refused.reasons))
    if not selection.controls:
        return Rejection("invalid_scope", "no control is in scope")
    return selection


def _period(regulation: Regulation, command: CreateWorkflow, today: date) -> tuple[date, date] | Rejection:
    start = date.fromisoformat(command.period_start) if command.period_start else today
    allowed = regulation.period
    months = command.period_months or allowed.default_months
    if not allowed.min_months <= months <= allowed.max_months:
        detail = f"a period has {allowed.min_months} to {allowed.max_months} months, not {months}"
        return Rejection("invalid_period", detail)
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    last = monthrange(year, month + 1)[1]
    return start, date(year, month + 1, min(start.day, last))


def _fire(state: WorkflowState, command: FireTimer) -> Outcome:
    timer = state.timer(command.name)
    current = timer is not None and timer.state == "armed" and timer.generation == command.generation
    if timer is None or not current or timer.due_at != moment_of(command.due_at):
        detail = (
            f"timer {command.name!r} of generation {command.generation} is not armed for {command.due_at}"
        )
        return Rejection("obsolete_timer", detail)
    body = {
        "workflow_id": state.workflow_id,
        "name": timer.name,
        "generation": timer.generation,
        "due_at": timestamp(timer.due_at),
    }
    return (EventDraft("governance.compliance.timer.fired", state.subject, body),)


def _closed(state: WorkflowState) -> Rejection | None:
    if state.closed:
        return Rejection("workflow_closed", f"workflow {state.name!r} is {state.state}")
    return None
