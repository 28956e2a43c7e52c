"""A policy's shadow and how often it differed."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from projections.api.session import Session

_SHADOW: Final = """
SELECT shadow_version, shadow_by, shadow_since, shadow_revision
FROM governance.policy WHERE policy_id = $1 AND shadow_version IS NOT NULL"""

_DAYS: Final = """
SELECT day, version, sum(compared)::bigint AS compared, sum(differed)::bigint AS differed,
       sum(dropped)::bigint AS dropped
FROM governance.policy_shadow_count
WHERE policy_id = $1 AND ($2::integer IS NULL OR version = $2)
GROUP BY day, version ORDER BY day DESC, version DESC LIMIT $3"""


@dataclass(frozen=True, slots=True)
class CurrentShadow:
    """The version that is asked beside the deciding one."""

    version: int
    requested_by: str
    requested_at: datetime
    loaded: bool


@dataclass(frozen=True, slots=True)
class ShadowDay:
    """What one shadow said on one day."""

    day: date
    version: int
    compared: int
    differed: int
    dropped: int


async def current_shadow(session: Session, policy_id: str) -> CurrentShadow | None:
    """The policy's shadow."""
    row = await session.row(_SHADOW, policy_id)
    if row is None:
        return None
    return CurrentShadow(
        row["shadow_version"], row["shadow_by"], row["shadow_since"], row["shadow_revision"] > 0
    )


async def shadow_days(session: Session, policy_id: str, version: int | None, limit: int) -> list[ShadowDay]:
    """The newest days with figures, of all its shadows or of one."""
    rows = await session.rows(_DAYS, policy_id, version, limit)
    return [
        ShadowDay(row["day"], row["version"], row["compared"], row["differed"], row["dropped"])
        for row in rows
    ]
