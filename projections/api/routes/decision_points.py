"""``/api/v1/decision-points``."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from projections.api.answers import answered, resource
from projections.api.blocks import Freshness, fields_of
from projections.api.callers import PartsOf, Reader
from projections.api.decision_models import DecisionPoint, DecisionPoints
from projections.api.filters import NoParameters, Paged
from projections.api.freshness import LaneHeads
from projections.api.pages import next_link
from projections.api.queries.decision_points import DecisionPointRow, decision_point, decision_points
from projections.api.routes.described import IfNoneMatch, of_list, of_resource
from projections.problems import not_found
from schemas.identity import MAX_NAME_CHARS, decision_point_id

router = APIRouter(prefix="/api/v1/decision-points", tags=["decisions"])


@router.get("", response_model=DecisionPoints, responses=of_list(), operation_id="list_decision_points")
async def list_decision_points(
    request: Request, caller: Reader, parts: PartsOf, query: Annotated[Paged, Query()]
) -> Response:
    """The tenant's decision points, newest first."""
    after = query.after()
    async with parts.database.reading(caller.tenant) as session:
        found = await decision_points(session, after, query.limit)
    return answered(
        DecisionPoints(
            items=[DecisionPoint.model_validate(_fields(row, parts.heads)) for row in found.items],
            next=next_link(request.url.path, query.filters(), query.limit, found.rest),
        )
    )


@router.get(
    "/{decision_point}",
    response_model=DecisionPoint,
    responses=of_resource(),
    operation_id="read_decision_point",
)
async def read_decision_point(
    request: Request,
    caller: Reader,
    parts: PartsOf,
    reference: Annotated[
        str,
        Path(alias="decision_point", description="Name or id of the point.", examples=["model.promote"]),
    ],
    _query: Annotated[NoParameters, Query()],
    _if_none_match: IfNoneMatch = None,
) -> Response:
    """What a decision point asks."""
    if len(reference) > MAX_NAME_CHARS:
        raise not_found("decision point")
    async with parts.database.reading(caller.tenant) as session:
        row = await decision_point(session, decision_point_id(caller.tenant, reference))
    if row is None:
        raise not_found("decision point")
    return resource(request, DecisionPoint.model_validate(_fields(row, parts.heads)))


def _fields(row: DecisionPointRow, heads: LaneHeads) -> dict[str, object]:
    fields = fields_of(row)
    del fields["head"], fields["version"]
    return {
        **fields,
        "policies": [{"policy_id": identity, "policy": policy} for identity, policy in row.policies],
        "freshness": Freshness.of(row.head, row.version, heads),
    }
