"""Decision points."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from projections.api.decision_models import Combining
from projections.api.freshness import Head
from projections.api.pages import Found, Place
from projections.api.queries.conditions import Conditions
from projections.api.session import Row, Session

_DECISION_POINT: Final = """
SELECT decision_point_id, name, policy_ids, policies, combining, version, updated_by, created_at, updated_at,
       last_event, topic, partition, lane_seq
FROM governance.decision_point"""

_NEWEST_FIRST: Final = " ORDER BY created_at DESC, decision_point_id DESC LIMIT "


@dataclass(frozen=True, slots=True)
class DecisionPointRow:
    """One decision point; ``policies`` are ids and names in order."""

    decision_point_id: str
    name: str
    policies: list[tuple[str, str]]
    combining: Combining
    version: int
    updated_by: str
    created_at: datetime
    updated_at: datetime
    head: Head


async def decision_points(session: Session, after: Place | None, limit: int) -> Found[DecisionPointRow]:
    """A page of decision points, newest first."""
    conditions = Conditions()
    if after is not None:
        conditions.require("(created_at, decision_point_id) < (?, ?)", after.at, after.id)
    where = conditions.where()
    statement = _DECISION_POINT + where + _NEWEST_FIRST + conditions.parameter(limit + 1)
    rows = [_decision_point(row) for row in await session.rows(statement, *conditions.arguments)]
    last = rows[limit - 1] if len(rows) > limit else None
    return Found(rows[:limit], Place(last.created_at, last.decision_point_id) if last else None)


async def decision_point(session: Session, decision_point_id: str) -> DecisionPointRow | None:
    """One decision point."""
    row = await session.row(_DECISION_POINT + " WHERE decision_point_id = $1", decision_point_id)
    return None if row is None else _decision_point(row)


def _decision_point(row: Row) -> DecisionPointRow:
    return DecisionPointRow(
        decision_point_id=row["decision_point_id"],
        name=row["name"],
        policies=list(zip(row["policy_ids"], row["policies"], strict=True)),
        combining=row["combining"],
        version=row["version"],
        updated_by=row["updated_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        head=Head(row["last_event"], row["topic"], row["partition"], row["lane_seq"]),
    )
