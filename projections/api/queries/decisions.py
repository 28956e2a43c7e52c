"""Decisions: rows to list and filter by, events for everything else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from projections.api.freshness import Head
from projections.api.models import Outcome
from projections.api.pages import Found, Place
from projections.api.queries.conditions import Conditions
from projections.api.session import Row, Session

_DECISION: Final = """
SELECT d.decision_id, d.policy_id, p.name AS policy_name, d.policy_version, d.resource, d.actor, d.outcome,
       d.basis, d.answer, d.occurred_at, d.topic, d.partition, d.lane_seq
FROM governance.decision d
LEFT JOIN governance.policy p ON p.tenant_id = d.tenant_id AND p.policy_id = d.policy_id"""

_NEWEST_FIRST: Final = " ORDER BY d.occurred_at DESC, d.decision_id DESC LIMIT "


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision."""

    decision_id: str
    policy_id: str
    policy_name: str | None
    policy_version: int | None
    resource: str
    actor: str
    outcome: Outcome
    basis: Literal["policy", "fail_mode"]
    answer: Literal["", "allow", "deny"]
    occurred_at: datetime
    head: Head


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of decisions is narrowed to; None does not narrow."""

    policy_id: str | None = None
    outcome: Outcome | None = None
    answer: Outcome | None = None
    resource: str | None = None
    actor: str | None = None
    not_before: datetime | None = None
    before: datetime | None = None


_CLAUSES: Final[Mapping[str, str]] = {
    "policy_id": "d.policy_id = ?",
    "outcome": "d.outcome = ?",
    "answer": "d.answer = ?",
    "resource": "d.resource = ?",
    "actor": "d.actor = ?",
    "not_before": "d.occurred_at >= ?",
    "before": "d.occurred_at < ?",
}


async def decisions(session: Session, wanted: Wanted, after: Place | None, limit: int) -> Found[DecisionRow]:
    """A page of decisions, newest first."""
    conditions = Conditions()
    for name, clause in _CLAUSES.items():
        value = getattr(wanted, name)
        if value is not None:
            conditions.require(clause, value)
    if after is not None:
        conditions.require("(d.occurred_at, d.decision_id) < (?, ?)", after.at, after.id)
    where = conditions.where()
    statement = _DECISION + where + _NEWEST_FIRST + conditions.parameter(limit + 1)
    rows = [_decision(row) for row in await session.rows(statement, *conditions.arguments)]
    rest = Place(rows[limit - 1].occurred_at, rows[limit - 1].decision_id) if len(rows) > limit else None
    return Found(rows[:limit], rest)


async def decision(session: Session, decision_id: str) -> DecisionRow | None:
    """One decision."""
    row = await session.row(_DECISION + " WHERE d.decision_id = $1", decision_id)
    return None if row is None else _decision(row)


def _decision(row: Row) -> DecisionRow:
    event_id = row["decision_id"]
    return DecisionRow(
        decision_id=event_id,
        policy_id=row["policy_id"],
        policy_name=row["policy_name"],
        policy_version=row["policy_version"],
        resource=row["resource"],
        actor=row["actor"],
        outcome=row["outcome"],
        basis=row["basis"],
        answer=row["answer"],
        occurred_at=row["occurred_at"],
        head=Head(event_id, row["topic"], row["partition"], row["lane_seq"]),
    )
