"""Workflows, their controls and timers as rows of the primary database, and back: a statement a table."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import asyncpg
import orjson

from agents.lanes.ports import WorkflowChange
from projections.apply.workflow_state import ControlState, TimerState, WorkflowKey, WorkflowState

WORKFLOWS: Final = """
SELECT w.* FROM workflow w
JOIN unnest($1::text[], $2::text[]) AS k(tenant_id, workflow_id) USING (tenant_id, workflow_id)
"""

CONTROLS: Final = """
SELECT c.* FROM workflow_control c
JOIN unnest($1::text[], $2::text[]) AS k(tenant_id, workflow_id) USING (tenant_id, workflow_id)
ORDER BY c.tenant_id, c.workflow_id, c.place
"""

TIMERS: Final = """
SELECT t.*, k.workflow_id FROM timer t
JOIN unnest($1::text[], $2::text[]) AS k(tenant_id, workflow_id)
     ON t.tenant_id = k.tenant_id AND t.aggregate = 'workflow/' || k.workflow_id
ORDER BY t.tenant_id, t.aggregate, t.name
"""

UPSERT: Final = """
INSERT INTO workflow (tenant_id, workflow_id, name, regulation, edition, regulation_version, law_version,
                      description, boundary, owner, choices, period_start, period_end, period_ended, state,
                      phase, controls_total, applicable, excluded, assessed, satisfied, created_by,
                      created_at, updated_at, version, last_event, topic, partition, lane_seq)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::text[], $9::text[], $10::text[], $11::text[]::jsonb[], $12::date[], $13::date[],
                     $14::boolean[], $15::text[], $16::text[], $17::integer[], $18::integer[],
                     $19::integer[], $20::integer[], $21::integer[], $22::text[], $23::timestamptz[],
                     $24::timestamptz[], $25::integer[], $26::text[], $27::text[], $28::integer[],
                     $29::bigint[])
ON CONFLICT (tenant_id, workflow_id) DO UPDATE SET
    period_ended = excluded.period_ended, state = excluded.state, phase = excluded.phase,
    applicable = excluded.applicable, excluded = excluded.excluded, assessed = excluded.assessed,
    satisfied = excluded.satisfied, updated_at = excluded.updated_at, version = excluded.version,
    last_event = excluded.last_event, lane_seq = excluded.lane_seq
"""

UPSERT_CONTROLS: Final = """
INSERT INTO workflow_control (tenant_id, workflow_id, control_id, place, applicability, reason, decided_by,
                              approved_by, owner, assessor, state)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[],
                     $8::text[], $9::text[], $10::text[], $11::text[])
ON CONFLICT (tenant_id, workflow_id, control_id) DO UPDATE SET
    applicability = excluded.applicability, reason = excluded.reason, decided_by = excluded.decided_by,
    approved_by = excluded.approved_by, owner = excluded.owner, assessor = excluded.assessor,
    state = excluded.state
"""

UPSERT_TIMERS: Final = """
INSERT INTO timer (tenant_id, aggregate, name, generation, due_at, state)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[], $6::text[])
ON CONFLICT (tenant_id, aggregate, name) DO UPDATE SET
    generation = excluded.generation, due_at = excluded.due_at, state = excluded.state
"""

Columns = list[list[object]]


def workflow_columns(changes: Sequence[WorkflowChange]) -> Columns:
    """Rows of ``workflow`` as columns."""
    return _columns([_values(change.after) for change in changes])


def control_columns(changes: Sequence[WorkflowChange]) -> Columns:
    """The rows of ``workflow_control`` that changed, as columns; empty without any."""
    return _columns(
        [
            (
                change.after.tenant_id,
                change.after.workflow_id,
                control.control_id,
                place,
                control.applicability,
                control.reason,
                control.decided_by,
                control.approved_by,
                control.owner,
                control.assessor,
                control.state,
            )
            for change in changes
            for place, control in change.controls
        ]
    )


def timer_columns(changes: Sequence[WorkflowChange]) -> Columns:
    """The rows of ``timer`` that changed, as columns; empty without any."""
    return _columns(
        [
            (
                change.after.tenant_id,
                change.after.subject,
                timer.name,
                timer.generation,
                timer.due_at,
                timer.state,
            )
            for change in changes
            for timer in change.timers
        ]
    )


def workflow_states(
    workflows: Sequence[asyncpg.Record],
    controls: Sequence[asyncpg.Record],
    timers: Sequence[asyncpg.Record],
) -> dict[WorkflowKey, WorkflowState]:
    """Workflows with their controls and timers, which come in their order."""
    controls_of: dict[WorkflowKey, list[ControlState]] = defaultdict(list)
    for row in controls:
        controls_of[row["tenant_id"], row["workflow_id"]].append(_control(row))
    timers_of: dict[WorkflowKey, list[TimerState]] = defaultdict(list)
    for row in timers:
        timer = TimerState(row["name"], row["generation"], row["due_at"], row["state"])
        timers_of[row["tenant_id"], row["workflow_id"]].append(timer)
    states: dict[WorkflowKey, WorkflowState] = {}
    for row in workflows:
        key = row["tenant_id"], row["workflow_id"]
        fields = {name: value for name, value in row.items() if name not in _COUNTS}
        fields["choices"] = {selector: tuple(values) for selector, values in fields["choices"].items()}
        states[key] = WorkflowState(**fields, controls=tuple(controls_of[key]), timers=tuple(timers_of[key]))
    return states


def _control(row: asyncpg.Record) -> ControlState:
    return ControlState(
        control_id=row["control_id"],
        applicability=row["applicability"],
        reason=row["reason"],
        decided_by=row["decided_by"],
        approved_by=row["approved_by"],
        owner=row["owner"],
        assessor=row["assessor"],
        state=row["state"],
    )


def _values(state: WorkflowState) -> tuple[object, ...]:
    return (
        state.tenant_id,
        state.workflow_id,
        state.name,
        state.regulation,
        state.edition,
        state.regulation_version,
        state.law_version,
        state.description,
        state.boundary,
        state.owner,
        orjson.dumps(state.choices).decode(),
        state.period_start,
        state.period_end,
        state.period_ended,
        state.state,
        state.phase,
        len(state.controls),
        state.applicable,
        state.excluded,
        state.assessed,
        state.satisfied,
        state.created_by,
        state.created_at,
        state.updated_at,
        state.version,
        state.last_event,
        state.topic,
        state.partition,
        state.lane_seq,
    )


def _columns(rows: Sequence[Sequence[object]]) -> Columns:
    return [list(column) for column in zip(*rows, strict=True)]


_COUNTS: Final = frozenset({"controls_total", "applicable", "excluded", "assessed", "satisfied"})
"""Columns that follow from the controls."""
