"""``/api/v1/policies``."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from projections.api.answers import answered, resource
from projections.api.blocks import Freshness, fields_of
from projections.api.callers import PartsOf, Reader
from projections.api.filters import NoParameters, PolicyFilters
from projections.api.freshness import LaneHeads
from projections.api.models import Policies, Policy, PolicySummary
from projections.api.pages import next_link
from projections.api.queries.policies import PolicyRow, policies, policy
from projections.api.routes.described import IfNoneMatch, of_list, of_resource
from projections.problems import not_found
from schemas.identity import MAX_NAME_CHARS, policy_id

router = APIRouter(prefix="/api/v1/policies", tags=["policies"])


@router.get("", response_model=Policies, responses=of_list(), operation_id="list_policies")
async def list_policies(
    request: Request, caller: Reader, parts: PartsOf, query: Annotated[PolicyFilters, Query()]
) -> Response:
    """The tenant's policies, newest first."""
    wanted = None if query.name is None else policy_id(caller.tenant, query.name)
    after = query.after()
    async with parts.database.reading(caller.tenant) as session:
        found = await policies(session, query.state, wanted, after, query.limit)
    return answered(
        Policies(
            items=[PolicySummary.model_validate(_fields(row, parts.heads)) for row in found.items],
            next=next_link(request.url.path, query.filters(), query.limit, found.rest),
        )
    )


@router.get("/{policy}", response_model=Policy, responses=of_resource(), operation_id="read_policy")
async def read_policy(
    request: Request,
    caller: Reader,
    parts: PartsOf,
    reference: Annotated[
        str, Path(alias="policy", description="Id or name of the policy.", examples=["model-promotion-gate"])
    ],
    _query: Annotated[NoParameters, Query()],
    _if_none_match: IfNoneMatch = None,
) -> Response:
    """One policy with its versions, newest first."""
    if len(reference) > MAX_NAME_CHARS:
        raise not_found("policy")
    async with parts.database.reading(caller.tenant) as session:
        found = await policy(session, policy_id(caller.tenant, reference))
    if found is None:
        raise not_found("policy")
    row, versions = found
    fields = {**_fields(row, parts.heads), "versions": [fields_of(version) for version in versions]}
    return resource(request, Policy.model_validate(fields))


def _fields(row: PolicyRow, heads: LaneHeads) -> dict[str, object]:
    fields = fields_of(row)
    del fields["head"], fields["version"]
    return {**fields, "freshness": Freshness.of(row.head, row.version, heads)}
