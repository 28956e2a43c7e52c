"""What a version decided otherwise than the one before it, found when it is asked for.

A bounded number of decisions since the activation, and for each resource among them one look at what the
previous version said last; see docs/decisions/0008-flips-are-found-when-they-are-asked-for.md.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from projections.api.models import Outcome
from projections.api.session import Session

MAX_DECISIONS: Final = 1_000
"""Decisions since the activation that are looked at: of the policy alone, and as many at decision points."""

MAX_EARLIER: Final = 50
"""Decisions on a resource, by whichever policy, that are looked at for the previous version's last one."""

_ACTIVATION: Final = """
SELECT a.event_id, a.version, a.previous_version, a.activated_at,
       (SELECT n.activated_at FROM governance.policy_activation n
        WHERE n.policy_id = a.policy_id AND n.lane_seq > a.lane_seq ORDER BY n.lane_seq LIMIT 1) AS until
FROM governance.policy_activation a
WHERE a.policy_id = $1 AND ($2::integer IS NULL OR a.version = $2)
ORDER BY a.lane_seq DESC LIMIT 1"""

_SINCE: Final = f"""
    (SELECT decision_id, resource, outcome, occurred_at, policy_version, basis FROM governance.decision
     WHERE policy_id = $1 AND occurred_at >= $2 AND occurred_at < $3 AND decision_point = ''
     ORDER BY occurred_at, decision_id LIMIT {MAX_DECISIONS})
    UNION ALL
    (SELECT decision_id, resource, outcome, occurred_at, policy_version, basis FROM governance.decision_part
     WHERE policy_id = $1 AND occurred_at >= $2 AND occurred_at < $3
     ORDER BY occurred_at, decision_id LIMIT {MAX_DECISIONS})"""  # noqa: S608 - our own names

_COMPARED: Final = f"""
WITH since AS MATERIALIZED ({_SINCE}),
first AS (
    SELECT DISTINCT ON (resource) resource, decision_id, outcome, occurred_at
    FROM since WHERE policy_version = $4 AND basis = 'policy'
    ORDER BY resource, occurred_at, decision_id
)
SELECT first.resource, first.decision_id AS decision_after, first.outcome AS outcome_after,
       last.decision_id AS decision_before, last.outcome AS outcome_before
FROM first, LATERAL (
    (SELECT decision_id, outcome, occurred_at FROM (
         SELECT * FROM governance.decision d
         WHERE d.resource = first.resource AND d.occurred_at < $2
         ORDER BY d.occurred_at DESC, d.decision_id DESC LIMIT {MAX_EARLIER}) earlier
     WHERE policy_id = $1 AND policy_version = $5 AND basis = 'policy' AND decision_point = ''
     ORDER BY occurred_at DESC, decision_id DESC LIMIT 1)
    UNION ALL
    (SELECT decision_id, outcome, occurred_at FROM governance.decision_part p
     WHERE p.resource = first.resource AND p.policy_id = $1 AND p.basis = 'policy' AND p.occurred_at < $2
       AND p.policy_version = $5
     ORDER BY p.occurred_at DESC, p.decision_id DESC LIMIT 1)
    ORDER BY occurred_at DESC LIMIT 1) last
ORDER BY first.occurred_at, first.decision_id"""  # noqa: S608 - our own names

_LOOKED_AT: Final = f"""
SELECT count(*) FILTER (WHERE part) AS at_points, count(*) FILTER (WHERE NOT part) AS alone
FROM ((SELECT false AS part FROM governance.decision
       WHERE policy_id = $1 AND occurred_at >= $2 AND occurred_at < $3 AND decision_point = ''
       ORDER BY occurred_at, decision_id LIMIT {MAX_DECISIONS + 1})
      UNION ALL
      (SELECT true FROM governance.decision_part
       WHERE policy_id = $1 AND occurred_at >= $2 AND occurred_at < $3
       ORDER BY occurred_at, decision_id LIMIT {MAX_DECISIONS + 1})) since"""  # noqa: S608 - our own names

_LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ActivationRow:
    """One activation of a policy."""

    event_id: str
    version: int
    previous_version: int | None
    activated_at: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """One resource that both versions decided."""

    resource: str
    outcome_before: Outcome
    outcome_after: Outcome
    decision_before: str
    decision_after: str


async def activation(session: Session, policy_id: str, version: int | None) -> ActivationRow | None:
    """The newest activation of a policy, or of one version of it."""
    row = await session.row(_ACTIVATION, policy_id, version)
    if row is None:
        return None
    return ActivationRow(**{name: row[name] for name in ActivationRow.__slots__})


async def compared(session: Session, policy_id: str, found: ActivationRow) -> tuple[list[ComparedRow], bool]:
    """Resources decided both before and after, the earliest first; whether nothing was left out."""
    if found.previous_version in {None, found.version}:
        return [], True
    window = policy_id, found.activated_at, found.until or _LATEST
    rows = await session.rows(_COMPARED, *window, found.version, found.previous_version)
    looked_at = await session.row(_LOOKED_AT, *window)
    assert looked_at is not None
    complete = max(looked_at["alone"], looked_at["at_points"]) <= MAX_DECISIONS
    return [ComparedRow(**{name: row[name] for name in ComparedRow.__slots__}) for row in rows], complete
