"""What nobody asks: policies that are active and unused, and which decision points ask which policies."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from projections.api.pages import Found, Place
from projections.api.queries.conditions import Conditions
from projections.api.session import Session

MAX_POINTS: Final = 200
MAX_POLICIES: Final = 200
MAX_POLICIES_OF_A_POINT: Final = 50

_UNUSED: Final = """
SELECT p.policy_id, p.name, p.active_version, p.created_at,
       (SELECT s.starts_at FROM governance.decision_stat s
        WHERE s.policy_id = p.policy_id AND s.width = 'hour' ORDER BY s.starts_at DESC LIMIT 1) AS last_asked
FROM governance.policy p"""

_NOT_ASKED: Final = """NOT EXISTS (
    SELECT 1 FROM governance.decision_stat s
    WHERE s.policy_id = p.policy_id AND s.width = 'day' AND s.starts_at >= ?)"""

_NOT_ACTIVATED: Final = """NOT EXISTS (
    SELECT 1 FROM governance.policy_activation a WHERE a.policy_id = p.policy_id AND a.activated_at >= ?)"""

_POINTS: Final = f"""
WITH asked AS (
    SELECT decision_point, sum(allowed + denied)::bigint AS decisions, sum(denied)::bigint AS denied,
           (array_agg(DISTINCT policy_id))[:{MAX_POLICIES_OF_A_POINT}] AS policies
    FROM governance.decision_stat WHERE width = 'day' AND starts_at >= $1
    GROUP BY decision_point
), bound AS (
    SELECT name FROM governance.decision_point WHERE cardinality(policy_ids) > 0
)
SELECT * FROM (
    SELECT decision_point, decisions, denied, policies,
           EXISTS (SELECT 1 FROM bound WHERE name = decision_point) AS bound
    FROM asked
    UNION ALL
    SELECT name, 0, 0, ARRAY[]::text[], true FROM bound
    WHERE NOT EXISTS (SELECT 1 FROM asked WHERE decision_point = name)) points
ORDER BY decision_point = '' DESC, decisions DESC, decision_point LIMIT {MAX_POINTS + 1}"""  # noqa: S608 - our own names

_WITHOUT_POINT: Final = f"""
SELECT p.policy_id, p.name FROM governance.policy p
WHERE p.state = 'active' AND NOT EXISTS (
    SELECT 1 FROM governance.decision_stat s
    WHERE s.policy_id = p.policy_id AND s.width = 'day' AND s.starts_at >= $1 AND s.decision_point <> '')
ORDER BY p.name, p.policy_id LIMIT {MAX_POLICIES}"""  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True)
class UnusedRow:
    """An active policy that was neither asked nor activated."""

    policy_id: str
    name: str
    active_version: int
    last_asked: datetime | None


@dataclass(frozen=True, slots=True)
class PointRow:
    """A decision point that asked or that policies are bound to; the empty one stands for none."""

    decision_point: str
    bound: bool
    decisions: int
    denied: int
    policies: list[str]


@dataclass(frozen=True, slots=True)
class NamedRow:
    """A policy by its id and name."""

    policy_id: str
    name: str


async def unused(session: Session, since: datetime, after: Place | None, limit: int) -> Found[UnusedRow]:
    """A page of active policies that were neither asked nor activated since then."""
    conditions = Conditions()
    conditions.require("p.state = 'active'")
    conditions.require(_NOT_ASKED, since)
    conditions.require(_NOT_ACTIVATED, since)
    if after is not None:
        conditions.require("(p.created_at, p.policy_id) < (?, ?)", after.at, after.id)
    order = " ORDER BY p.created_at DESC, p.policy_id DESC LIMIT " + conditions.parameter(limit + 1)
    rows = await session.rows(_UNUSED + conditions.where() + order, *conditions.arguments)
    rest = Place(rows[limit - 1]["created_at"], rows[limit - 1]["policy_id"]) if len(rows) > limit else None
    return Found(
        [UnusedRow(**{name: row[name] for name in UnusedRow.__slots__}) for row in rows[:limit]], rest
    )


async def points(session: Session, since: datetime) -> list[PointRow]:
    """Decision points by the number of their decisions, one more than are shown."""
    rows = await session.rows(_POINTS, since)
    return [PointRow(**{name: row[name] for name in PointRow.__slots__}) for row in rows]


async def without_point(session: Session, since: datetime) -> list[NamedRow]:
    """Active policies that no decision point asked."""
    return [NamedRow(row["policy_id"], row["name"]) for row in await session.rows(_WITHOUT_POINT, since)]
