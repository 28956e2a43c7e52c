"""``/api/v1/decisions/stats``: figures of many decisions, from the counts that agents keep."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from projections.api.answers import answered
from projections.api.callers import PartsOf, Reader
from projections.api.filters import MAX_DAYS, StatsFilters
from projections.api.queries.stats import Counts, Window, errors, groups, names, series, violations
from projections.api.routes.described import of_list
from projections.api.stats_models import (
    Bucket,
    DecisionStats,
    ErrorCount,
    Figures,
    LatencyBucket,
    StatsBucket,
    StatsGroup,
    ViolationCount,
)
from projections.apply.decision_stats import FIGURES, LATENCY_BOUNDS_US
from schemas.identity import policy_id

router = APIRouter(prefix="/api/v1/decisions", tags=["decisions"])

MAX_HOURS: Final = 168
"""Longest span that is read by hours: a week."""

_STEP: Final[dict[Bucket, timedelta]] = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
_DEFAULT: Final[dict[Bucket, int]] = {"hour": 24, "day": 30}
_MOST: Final[dict[Bucket, int]] = {"hour": MAX_HOURS, "day": MAX_DAYS}
_BUCKETS: Final = FIGURES[FIGURES.index("us_500") :]
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Nothing was decided outside; times there are moved inside before they are calculated with."""


@router.get("/stats", response_model=DecisionStats, responses=of_list(), operation_id="read_decision_stats")
async def read_stats(caller: Reader, parts: PartsOf, query: Annotated[StatsFilters, Query()]) -> Response:
    """Decisions, answers, errors and latency in a window of time, in total, by bucket and by group."""
    starts_at, ends_at = span(query.bucket, query.from_, query.to, datetime.now(UTC))
    window = Window(
        bucket=query.bucket,
        starts_at=starts_at,
        ends_at=ends_at,
        policy_id=None if query.policy is None else policy_id(caller.tenant, query.policy),
        version=query.version,
        decision_point=query.decision_point,
    )
    async with parts.database.reading(caller.tenant) as session:
        by_time = await series(session, window)
        grouped = await groups(session, window, query.group_by)
        failed = await errors(session, window)
        denied = await violations(session, window)
        asked = [group.policy_id for group in grouped if group.policy_id]
        known = await names(session, [*asked, *(reason.policy_id for reason in denied)])
    totals = sum((counts for _, counts in by_time), Counts())
    return answered(
        DecisionStats(
            starts_at=starts_at,
            ends_at=ends_at,
            bucket=query.bucket,
            group_by=query.group_by,
            totals=Figures.model_validate(figures(totals)),
            histogram=[
                LatencyBucket(le_us=bound, answers=totals[name])
                for bound, name in zip((*LATENCY_BOUNDS_US, None), _BUCKETS, strict=True)
            ],
            series=[
                StatsBucket.model_validate({"starts_at": at, **figures(counts)}) for at, counts in by_time
            ],
            groups=[
                StatsGroup.model_validate(
                    {
                        "policy_id": group.policy_id,
                        "policy_name": known.get(group.policy_id or ""),
                        "version": group.version,
                        "decision_point": group.decision_point,
                        **figures(group.counts),
                    }
                )
                for group in grouped
            ],
            errors=[ErrorCount(code=code, answers=answers) for code, answers in failed],
            violations=[
                ViolationCount(
                    policy_id=each.policy_id,
                    policy_name=known.get(each.policy_id),
                    violation=each.reason,
                    answers=each.answers,
                )
                for each in denied
            ],
        )
    )


def span(
    bucket: Bucket, from_: datetime | None, to: datetime | None, now: datetime
) -> tuple[datetime, datetime]:
    """Begin of the first bucket and end of the last, never longer than the bucket allows."""
    step = _STEP[bucket]
    ends_at = _begin(bucket, _inside(to or now)) + step
    earliest = ends_at - _MOST[bucket] * step
    starts_at = ends_at - _DEFAULT[bucket] * step if from_ is None else _begin(bucket, _inside(from_))
    return min(max(starts_at, earliest), ends_at), ends_at


def figures(counts: Counts) -> dict[str, object]:
    """The fields of :class:`projections.api.stats_models.Figures`."""
    decisions = counts["allowed"] + counts["denied"]
    answers = counts["said_allow"] + counts["said_deny"] + counts["failed"]
    times = [counts[name] for name in _BUCKETS]
    return {
        "decisions": decisions,
        "answers": answers,
        **{name: counts[name] for name in FIGURES if name not in _BUCKETS},
        "deny_rate": _share(counts["denied"], decisions),
        "error_rate": _share(counts["failed"], answers),
        "timeout_rate": _share(counts["timed_out"], answers),
        "p50_us": percentile(times, 50),
        "p95_us": percentile(times, 95),
        "p99_us": percentile(times, 99),
    }


def percentile(times: Sequence[int], percent: int) -> int | None:
    """The bound of the bucket that the percentile lies in; None of nothing, or above the bounds.

    ``times`` are the histogram's counts.
    """
    rank = -(-sum(times) * percent // 100)  # the smallest count that reaches the share, from 1
    for bound, count in zip(LATENCY_BOUNDS_US, times, strict=False):
        if 0 < rank <= count:
            return bound
        rank -= count
    return None


def _begin(bucket: Bucket, moment: datetime) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    return hour if bucket == "hour" else hour.replace(hour=0)


def _inside(moment: datetime) -> datetime:
    return min(max(moment, _FIRST), _LAST)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
