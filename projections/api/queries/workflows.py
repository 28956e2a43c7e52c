"""Workflows with their controls and timers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import orjson

from projections.api.freshness import Head
from projections.api.pages import Found, Place
from projections.api.queries.conditions import Conditions
from projections.api.session import Row, Session
from projections.apply.workflow_state import Applicability, Phase, Status, TimerStatus

_WORKFLOW: Final = """
SELECT workflow_id, name, regulation, edition, regulation_version, law_version, description, boundary, owner,
       choices, period_start, period_end, period_ended, state, phase, controls_total, applicable, excluded,
       assessed, satisfied, created_by, created_at, updated_at, version, last_event, topic, partition,
       lane_seq
FROM governance.workflow"""

_NEWEST_FIRST: Final = " ORDER BY created_at DESC, workflow_id DESC LIMIT "

_CONTROLS: Final = """
SELECT control_id, applicability, reason, decided_by, approved_by, owner, assessor, state
FROM governance.workflow_control
WHERE workflow_id = $1
ORDER BY place"""

_TIMERS: Final = """
SELECT name, generation, due_at, state FROM governance.timer WHERE aggregate = $1 ORDER BY due_at, name"""


@dataclass(frozen=True, slots=True)
class WorkflowRow:
    """One workflow."""

    workflow_id: str
    name: str
    regulation: str
    edition: str
    regulation_version: str
    law_version: str
    description: str
    boundary: str
    owner: str
    choices: dict[str, list[str]]
    period_start: date
    period_end: date
    period_ended: bool
    state: Status
    phase: Phase
    controls_total: int
    applicable: int
    excluded: int
    assessed: int
    satisfied: int
    created_by: str
    created_at: datetime
    updated_at: datetime
    version: int
    head: Head


@dataclass(frozen=True, slots=True)
class ControlRow:
    """One control of a workflow."""

    control_id: str
    applicability: Applicability
    reason: str
    decided_by: str | None
    approved_by: str | None
    owner: str | None
    assessor: str | None
    state: str


@dataclass(frozen=True, slots=True)
class TimerRow:
    """One timer of a workflow."""

    name: str
    generation: int
    due_at: datetime
    state: TimerStatus


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of workflows is narrowed to; None does not narrow."""

    workflow_id: str | None = None
    state: Status | None = None
    phase: Phase | None = None
    regulation: str | None = None
    owner: str | None = None
    not_before: datetime | None = None
    before: datetime | None = None


_CLAUSES: Final[Mapping[str, str]] = {
    "workflow_id": "workflow_id = ?",
    "state": "state = ?",
    "phase": "phase = ?",
    "regulation": "regulation = ?",
    "owner": "owner = ?",
    "not_before": "created_at >= ?",
    "before": "created_at < ?",
}


async def workflows(session: Session, wanted: Wanted, after: Place | None, limit: int) -> Found[WorkflowRow]:
    """A page of workflows, newest first."""
    conditions = Conditions()
    for name, clause in _CLAUSES.items():
        value = getattr(wanted, name)
        if value is not None:
            conditions.require(clause, value)
    if after is not None:
        conditions.require("(created_at, workflow_id) < (?, ?)", after.at, after.id)
    where = conditions.where()
    statement = _WORKFLOW + where + _NEWEST_FIRST + conditions.parameter(limit + 1)
    rows = [_workflow(row) for row in await session.rows(statement, *conditions.arguments)]
    rest = Place(rows[limit - 1].created_at, rows[limit - 1].workflow_id) if len(rows) > limit else None
    return Found(rows[:limit], rest)


async def workflow(
    session: Session, workflow_id: str
) -> tuple[WorkflowRow, list[ControlRow], list[TimerRow]] | None:
    """One workflow with its controls in catalogue order and its timers by due time."""
    row = await session.row(_WORKFLOW + " WHERE workflow_id = $1", workflow_id)
    if row is None:
        return None
    controls = await session.rows(_CONTROLS, workflow_id)
    timers = await session.rows(_TIMERS, f"workflow/{workflow_id}")
    return _workflow(row), [_control(each) for each in controls], [_timer(each) for each in timers]


def _workflow(row: Row) -> WorkflowRow:
    return WorkflowRow(
        workflow_id=row["workflow_id"],
        name=row["name"],
        regulation=row["regulation"],
        edition=row["edition"],
        regulation_version=row["regulation_version"],
        law_version=row["law_version"],
        description=row["description"],
        boundary=row["boundary"],
        owner=row["owner"],
        choices=orjson.loads(row["choices"]),
        period_start=row["period_start"],
        period_end=row["period_end"],
        period_ended=row["period_ended"],
        state=row["state"],
        phase=row["phase"],
        controls_total=row["controls_total"],
        applicable=row["applicable"],
        excluded=row["excluded"],
        assessed=row["assessed"],
        satisfied=row["satisfied"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        head=Head(row["last_event"], row["topic"], row["partition"], row["lane_seq"]),
    )


def _control(row: Row) -> ControlRow:
    return ControlRow(
        control_id=row["control_id"],
        applicability=row["applicability"],
        reason=row["reason"],
        decided_by=row["decided_by"],
        approved_by=row["approved_by"],
        owner=row["owner"],
        assessor=row["assessor"],
        state=row["state"],
    )


def _timer(row: Row) -> TimerRow:
    return TimerRow(name=row["name"], generation=row["generation"], due_at=row["due_at"], state=row["state"])
