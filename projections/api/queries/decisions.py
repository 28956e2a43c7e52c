"""Decisions: rows to list and filter by, events for everything else."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from projections.api.freshness import Head
from projections.api.models import Outcome
from projections.api.pages import Found, Place
from projections.api.queries.conditions import Conditions
from projections.api.session import Row, Session

_SELECT: Final = """
SELECT d.decision_id, d.policy_id, p.name AS policy_name, d.policy_version, d.resource, d.actor, d.outcome,
       d.basis, d.answer, d.occurred_at, d.topic, d.partition, d.lane_seq,
       o.reason AS override_reason, o.overridden_by, o.overridden_at, o.event_id AS override_event,
       o.topic AS override_topic, o.partition AS override_partition, o.lane_seq AS override_lane_seq"""
_POLICY: Final = """
LEFT JOIN governance.policy p ON p.tenant_id = d.tenant_id AND p.policy_id = d.policy_id"""

_KEYS: Final = """
SELECT pseudonym, key FROM governance.subject_key WHERE pseudonym = ANY($1) AND key IS NOT NULL
"""
_DECISION: Final = (
    _SELECT
    + """
FROM governance.decision d
LEFT JOIN governance.decision_override o ON o.tenant_id = d.tenant_id AND o.decision_id = d.decision_id"""
    + _POLICY
)
_OVERRIDDEN: Final = (
    _SELECT
    + """
FROM governance.decision_override o
JOIN governance.decision d ON d.tenant_id = o.tenant_id AND d.decision_id = o.decision_id"""
    + _POLICY
)
"""From the overrides: they are few, and ordered as the decisions are."""

_NEWEST_FIRST: Final = " ORDER BY d.occurred_at DESC, d.decision_id DESC LIMIT "
_OVERRIDDEN_FIRST: Final = " ORDER BY o.decided_at DESC, o.decision_id DESC LIMIT "


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
    """The event that recorded it."""
    override: "OverrideRow | None"


@dataclass(frozen=True, slots=True)
class OverrideRow:
    """How a denial was let pass."""

    reason: str
    overridden_by: str
    overridden_at: datetime
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
    decision_point: str | None = None
    overridden: bool | None = None


_CLAUSES: Final[Mapping[str, str]] = {
    "policy_id": "d.policy_id = ?",
    "outcome": "d.outcome = ?",
    "answer": "d.answer = ?",
    "resource": "d.resource = ?",
    "actor": "d.actor = ?",
    "not_before": "d.occurred_at >= ?",
    "before": "d.occurred_at < ?",
    "decision_point": "d.decision_point = ? AND d.decision_point <> ''",
}


async def decisions(session: Session, wanted: Wanted, after: Place | None, limit: int) -> Found[DecisionRow]:
    """A page of decisions, newest first."""
    conditions = Conditions()
    for name, clause in _CLAUSES.items():
        value = getattr(wanted, name)
        if value is not None:
            conditions.require(clause, value)
    if wanted.overridden is False:
        conditions.require("o.decision_id IS NULL")
    if after is not None:
        place = "(o.decided_at, o.decision_id)" if wanted.overridden else "(d.occurred_at, d.decision_id)"
        conditions.require(f"{place} < (?, ?)", after.at, after.id)
    source, order = (_OVERRIDDEN, _OVERRIDDEN_FIRST) if wanted.overridden else (_DECISION, _NEWEST_FIRST)
    statement = source + conditions.where() + order + conditions.parameter(limit + 1)
    rows = [_decision(row) for row in await session.rows(statement, *conditions.arguments)]
    rest = Place(rows[limit - 1].occurred_at, rows[limit - 1].decision_id) if len(rows) > limit else None
    return Found(rows[:limit], rest)


async def decision(session: Session, decision_id: str) -> DecisionRow | None:
    """One decision."""
    row = await session.row(_DECISION + " WHERE d.decision_id = $1", decision_id)
    return None if row is None else _decision(row)


async def subject_keys(session: Session, pseudonyms: Collection[str]) -> Mapping[str, bytes]:
    """The keys of subjects that are not destroyed, by pseudonym."""
    rows = await session.rows(_KEYS, sorted(pseudonyms))
    return {row["pseudonym"]: row["key"] for row in rows}


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
        override=_override(row) if row["override_event"] is not None else None,
    )


def _override(row: Row) -> OverrideRow:
    place = row["override_topic"], row["override_partition"], row["override_lane_seq"]
    return OverrideRow(
        reason=row["override_reason"],
        overridden_by=row["overridden_by"],
        overridden_at=row["overridden_at"],
        head=Head(row["override_event"], *place),
    )
