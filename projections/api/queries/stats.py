"""Figures of many decisions, summed over lanes from the counts that agents keep."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from projections.api.queries.conditions import Conditions
from projections.api.session import Row, Session
from projections.api.stats_models import Bucket, GroupBy
from projections.apply.decision_stats import FIGURES

MAX_GROUPS: Final = 100
MAX_VIOLATIONS: Final = 20

Counts = Counter[str]
"""By name of :data:`projections.apply.decision_stats.FIGURES`."""

_SELECT: Final = "SELECT "
_COUNTED: Final = (
    ", ".join(f"sum({name})::bigint AS {name}" for name in FIGURES) + " FROM governance.decision_stat"
)
_BY_TIME: Final = " GROUP BY starts_at ORDER BY starts_at"
_REASONS: Final = "sum(value)::bigint AS answers FROM governance.decision_reason"
_MOST_FREQUENT_ERRORS: Final = " GROUP BY reason ORDER BY answers DESC, reason"
_MOST_FREQUENT_VIOLATIONS: Final = (
    f" GROUP BY policy_id, reason ORDER BY answers DESC, policy_id, reason LIMIT {MAX_VIOLATIONS}"
)
_ANSWERS: Final = "sum(said_allow + said_deny + failed)"

_GROUPED: Final[Mapping[GroupBy, str]] = {
    "policy": "policy_id",
    "version": "policy_id, policy_version",
    "decision_point": "decision_point",
}

_NAMES: Final = "SELECT policy_id, name FROM governance.policy WHERE policy_id = ANY($1)"


@dataclass(frozen=True, slots=True)
class Window:
    """Which counts are meant; None does not narrow."""

    bucket: Bucket
    starts_at: datetime
    ends_at: datetime
    policy_id: str | None = None
    version: int | None = None
    decision_point: str | None = None

    def conditions(self) -> Conditions:
        """The same, for either table."""
        conditions = Conditions()
        conditions.require("width = ?", self.bucket)
        conditions.require("starts_at >= ? AND starts_at < ?", self.starts_at, self.ends_at)
        if self.policy_id is not None:
            conditions.require("policy_id = ?", self.policy_id)
        if self.version is not None:
            conditions.require("policy_version = ?", self.version)
        if self.decision_point is not None:
            conditions.require("decision_point = ?", self.decision_point)
        return conditions


@dataclass(frozen=True, slots=True)
class CountedGroup:
    """The counts of one policy, version or decision point."""

    policy_id: str | None
    version: int | None
    decision_point: str | None
    counts: Counts


@dataclass(frozen=True, slots=True)
class CountedReason:
    """How often a policy gave a reason."""

    policy_id: str
    reason: str
    answers: int


async def series(session: Session, window: Window) -> list[tuple[datetime, Counts]]:
    """The counts of each bucket that has any, in order of time."""
    conditions = window.conditions()
    statement = _SELECT + "starts_at, " + _COUNTED + conditions.where() + _BY_TIME
    return [(row["starts_at"], _counts(row)) for row in await session.rows(statement, *conditions.arguments)]


async def groups(session: Session, window: Window, group_by: GroupBy) -> list[CountedGroup]:
    """The groups with most answers."""
    conditions, columns = window.conditions(), _GROUPED[group_by]
    most = f" GROUP BY {columns} ORDER BY {_ANSWERS} DESC, {columns} LIMIT {MAX_GROUPS}"
    statement = _SELECT + columns + ", " + _COUNTED + conditions.where() + most
    return [
        CountedGroup(
            policy_id=None if group_by == "decision_point" else row["policy_id"],
            version=row["policy_version"] or None if group_by == "version" else None,
            decision_point=row["decision_point"] if group_by == "decision_point" else None,
            counts=_counts(row),
        )
        for row in await session.rows(statement, *conditions.arguments)
    ]


async def errors(session: Session, window: Window) -> list[tuple[str, int]]:
    """Reason codes of policies that did not answer, most frequent first."""
    conditions = window.conditions()
    conditions.require("kind = 'error'")
    statement = _SELECT + "reason, " + _REASONS + conditions.where() + _MOST_FREQUENT_ERRORS
    found = await session.rows(statement, *conditions.arguments)
    return [(row["reason"], row["answers"]) for row in found]


async def violations(session: Session, window: Window) -> list[CountedReason]:
    """The violations that policies denied for most."""
    conditions = window.conditions()
    conditions.require("kind = 'violation'")
    statement = _SELECT + "policy_id, reason, " + _REASONS + conditions.where() + _MOST_FREQUENT_VIOLATIONS
    found = await session.rows(statement, *conditions.arguments)
    return [CountedReason(row["policy_id"], row["reason"], row["answers"]) for row in found]


async def names(session: Session, policy_ids: Sequence[str]) -> dict[str, str]:
    """Names of policies; those that do not exist are absent."""
    if not policy_ids:
        return {}
    return {row["policy_id"]: row["name"] for row in await session.rows(_NAMES, sorted(set(policy_ids)))}


def _counts(row: Row) -> Counts:
    return Counter({name: row[name] for name in FIGURES})
