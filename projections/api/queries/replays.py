"""Replays that activations waited for, and recorded decisions in bulk for replays elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from projections.api.pages import Found, Place
from projections.api.queries.conditions import Conditions
from projections.api.session import Row, Session
from projections.apply.replay import ReplayOutcome
from schemas.recorded import RecordedDecision, recorded_decision

_REPLAY: Final = """
SELECT replay_id, version, days, flip_budget, requested_by, requested_at, outcome, reason, report,
       finished_at, overridden_by, override_reason
FROM governance.policy_replay"""

_RECORDED: Final = """
SELECT d.occurred_at, d.decision_id, e.record
FROM ((SELECT tenant_id, occurred_at, decision_id FROM governance.decision
       {where} AND decision_point = ''{order})
      UNION ALL
      (SELECT tenant_id, occurred_at, decision_id FROM governance.decision_part
       {where}{order})
      {order}) said
JOIN governance.decision d USING (tenant_id, decision_id)
JOIN governance.event e ON e.topic = d.topic AND e.partition = d.partition AND e.lane_seq = d.lane_seq
ORDER BY d.occurred_at DESC, d.decision_id DESC"""
"""Decisions that asked the policy by itself, and at decision points, whichever policy led the outcome."""


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One replay."""

    replay_id: str
    version: int
    days: int
    flip_budget: int
    requested_by: str
    requested_at: datetime
    outcome: ReplayOutcome
    reason: str
    report: dict[str, Any] | None
    finished_at: datetime | None
    overridden_by: str
    override_reason: str


async def replays(session: Session, policy_id: str, after: Place | None, limit: int) -> Found[ReplayRow]:
    """A page of a policy's replays, newest first."""
    conditions = Conditions()
    conditions.require("policy_id = ?", policy_id)
    if after is not None:
        conditions.require("(requested_at, replay_id) < (?, ?)", after.at, after.id)
    where = conditions.where()
    order = " ORDER BY requested_at DESC, replay_id DESC LIMIT " + conditions.parameter(limit + 1)
    rows = [_replay(row) for row in await session.rows(_REPLAY + where + order, *conditions.arguments)]
    rest = Place(rows[limit - 1].requested_at, rows[limit - 1].replay_id) if len(rows) > limit else None
    return Found(rows[:limit], rest)


async def recorded(
    session: Session,
    policy_id: str,
    not_before: datetime | None,
    before: datetime | None,
    after: Place | None,
    limit: int,
) -> Found[RecordedDecision]:
    """A page of what a policy said and on which input, newest first."""
    conditions = Conditions()
    conditions.require("policy_id = ?", policy_id)
    if not_before is not None:
        conditions.require("occurred_at >= ?", not_before)
    if before is not None:
        conditions.require("occurred_at < ?", before)
    if after is not None:
        conditions.require("(occurred_at, decision_id) < (?, ?)", after.at, after.id)
    order = " ORDER BY occurred_at DESC, decision_id DESC LIMIT " + conditions.parameter(limit + 1)
    query = _RECORDED.format(where=conditions.where(), order=order)
    rows: Sequence[Row] = await session.rows(query, *conditions.arguments)
    last = rows[limit - 1] if len(rows) > limit else None
    rest = None if last is None else Place(last["occurred_at"], last["decision_id"])
    return Found([recorded_decision(row["record"], policy_id) for row in rows[:limit]], rest)


def _replay(row: Row) -> ReplayRow:
    return ReplayRow(
        replay_id=row["replay_id"],
        version=row["version"],
        days=row["days"],
        flip_budget=row["flip_budget"],
        requested_by=row["requested_by"],
        requested_at=row["requested_at"],
        outcome=row["outcome"],
        reason=row["reason"],
        report=None if row["report"] is None else orjson.loads(row["report"]),
        finished_at=row["finished_at"],
        overridden_by=row["overridden_by"],
        override_reason=row["override_reason"],
    )
