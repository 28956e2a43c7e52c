"""A compliance workflow, folded from the events of its lane."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Final, cast

from projections.apply.happened import Happened
from projections.apply.workflow_state import (
    PERIOD_END,
    Applicability,
    ControlState,
    ControlStatus,
    Phase,
    Status,
    TimerState,
    TimerStatus,
    WorkflowState,
)
from schemas.envelope import moment_of

WORKFLOW_EVENTS: Final = frozenset(
    f"governance.compliance.{name}"
    for name in (
        "workflow.created",
        "workflow.assigned",
        "workflow.applicability_decided",
        "workflow.status_changed",
        "timer.fired",
    )
)


def evolve(state: WorkflowState | None, event: Happened) -> WorkflowState:
    """The workflow after one of :data:`WORKFLOW_EVENTS`; raises ValueError for an event out of place."""
    if event.type == "governance.compliance.workflow.created":
        if state is not None:
            raise ValueError(f"{event.event_id}: the workflow was created before")
        return _created(event)
    if state is None:
        raise ValueError(f"{event.event_id}: {event.type} before the workflow was created")
    moved = replace(
        state,
        version=state.version + 1,
        updated_at=event.occurred_at,
        last_event=event.event_id,
        topic=event.topic,
        partition=event.partition,
        lane_seq=event.lane_seq,
    )
    match event.type:
        case "governance.compliance.workflow.assigned":
            return _assigned(moved, event)
        case "governance.compliance.workflow.applicability_decided":
            return _applicability_decided(moved, event)
        case "governance.compliance.workflow.status_changed":
            return _status_changed(moved, event)
        case "governance.compliance.timer.fired":
            name = str(event.body["name"])
            ended = state.period_ended or name == PERIOD_END
            return replace(moved, timers=_timers(state, {name}, "fired"), period_ended=ended)
    raise ValueError(f"{event.event_id}: {event.type} is no workflow event")


def _created(event: Happened) -> WorkflowState:
    body = event.body
    armed = cast("list[Mapping[str, object]]", body["timers"])
    choices = cast("Mapping[str, list[str]]", body["choices"])
    return WorkflowState(
        tenant_id=event.tenant,
        workflow_id=str(body["workflow_id"]),
        name=str(body["name"]),
        regulation=str(body["regulation"]),
        edition=str(body["edition"]),
        regulation_version=str(body["regulation_version"]),
        law_version=str(body["law_version"]),
        description=str(body["description"]),
        boundary=str(body["boundary"]),
        owner=str(body["owner"]),
        choices={selector: tuple(values) for selector, values in choices.items()},
        period_start=date.fromisoformat(str(body["period_start"])),
        period_end=date.fromisoformat(str(body["period_end"])),
        period_ended=False,
        state="draft",
        phase="draft",
        created_by=event.actor,
        created_at=event.occurred_at,
        updated_at=event.occurred_at,
        version=1,
        last_event=event.event_id,
        topic=event.topic,
        partition=event.partition,
        lane_seq=event.lane_seq,
        controls=tuple(ControlState(control) for control in cast("list[str]", body["controls"])),
        timers=tuple(sorted((_armed(timer) for timer in armed), key=lambda timer: timer.name)),
    )


def _armed(timer: Mapping[str, object]) -> TimerState:
    due_at = moment_of(str(timer["due_at"]))
    return TimerState(str(timer["name"]), cast(int, timer["generation"]), due_at, "armed")


def _assigned(state: WorkflowState, event: Happened) -> WorkflowState:
    named = frozenset(cast("list[str]", event.body["controls"]))
    owner = cast("str | None", event.body["owner"])
    assessor = cast("str | None", event.body["assessor"])
    controls = tuple(
        replace(
            control,
            owner=control.owner if owner is None else owner,
            assessor=control.assessor if assessor is None else assessor,
        )
        if control.control_id in named
        else control
        for control in state.controls
    )
    return replace(state, controls=controls)


def _applicability_decided(state: WorkflowState, event: Happened) -> WorkflowState:
    named = frozenset(cast("list[str]", event.body["controls"]))
    decided = cast(Applicability, event.body["applicability"])
    reason, actor = str(event.body["reason"]), event.actor
    collecting = state.state not in _BEFORE_COLLECTING

    def decide(control: ControlState) -> ControlState:
        if decided == "excluded":
            return replace(
                control, applicability=decided, reason=reason, approved_by=actor, state="not_applicable"
            )
        status: ControlStatus = control.state
        if status == "not_applicable":
            status = "not_assessed"
        if collecting and status == "not_assessed":
            status = "evidence_pending"
        return replace(
            control, applicability=decided, reason=reason, decided_by=actor, approved_by=None, state=status
        )

    controls = tuple(decide(c) if c.control_id in named else c for c in state.controls)
    return replace(state, controls=controls)


def _status_changed(state: WorkflowState, event: Happened) -> WorkflowState:
    new = cast(Status, event.body["new_status"])
    controls = state.controls
    if new == "collecting":
        controls = tuple(
            replace(control, state="evidence_pending")
            if control.applies and control.state == "not_assessed"
            else control
            for control in controls
        )
    return replace(
        state,
        state=new,
        phase=cast(Phase, event.body["phase"]),
        controls=controls,
        timers=_timers(state, cast("list[str]", event.body["disarmed"]), "disarmed"),
    )


def _timers(state: WorkflowState, names: Collection[str], status: TimerStatus) -> tuple[TimerState, ...]:
    return tuple(replace(timer, state=status) if timer.name in names else timer for timer in state.timers)


_BEFORE_COLLECTING: Final = frozenset({"draft", "scoped", "readiness"})
"""From then on, a control that applies waits for evidence."""
