"""``/api/v1/decisions/coverage`` and ``/api/v1/unused-policies``: what nobody asks."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from projections.api.answers import answered
from projections.api.blocks import fields_of
from projections.api.callers import PartsOf, Reader
from projections.api.filters import CoverageQuery, UnusedFilters
from projections.api.pages import next_link
from projections.api.queries.coverage import MAX_POINTS, points, unused, without_point
from projections.api.routes.described import of_list
from projections.api.stats_models import Coverage, CoveredPoint, PolicyName, UnusedPolicies, UnusedPolicy

router = APIRouter(prefix="/api/v1")


@router.get(
    "/decisions/coverage",
    response_model=Coverage,
    responses=of_list(),
    operation_id="read_decision_coverage",
    tags=["decisions"],
)
async def read_coverage(caller: Reader, parts: PartsOf, query: Annotated[CoverageQuery, Query()]) -> Response:
    """Decision points with what they asked, bound ones that never asked, and policies that none asks."""
    since = days_ago(query.days, datetime.now(UTC))
    async with parts.database.reading(caller.tenant) as session:
        found = await points(session, since)
        alone = await without_point(session, since)
    return answered(
        Coverage(
            since=since,
            points=[CoveredPoint.model_validate(fields_of(row)) for row in found if row.decision_point][
                :MAX_POINTS
            ],
            decisions_without_point=sum(row.decisions for row in found if not row.decision_point),
            policies_without_point=[PolicyName.model_validate(fields_of(row)) for row in alone],
        )
    )


@router.get(
    "/unused-policies",
    response_model=UnusedPolicies,
    responses=of_list(),
    operation_id="list_unused_policies",
    tags=["policies"],
)
async def list_unused(
    request: Request, caller: Reader, parts: PartsOf, query: Annotated[UnusedFilters, Query()]
) -> Response:
    """Active policies that were neither asked nor activated for some days, the newest policy first."""
    since = days_ago(query.days, datetime.now(UTC))
    after = query.after()
    async with parts.database.reading(caller.tenant) as session:
        found = await unused(session, since, after, query.limit)
    return answered(
        UnusedPolicies(
            since=since,
            items=[UnusedPolicy.model_validate(fields_of(row)) for row in found.items],
            next=next_link(request.url.path, query.filters(), query.limit, found.rest),
        )
    )


def days_ago(days: int, now: datetime) -> datetime:
    """Begin of the day that many days ago."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
