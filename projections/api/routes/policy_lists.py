"""``/api/v1/policies/{id}/versions`` and ``/decisions``."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from projections.api.answers import answered
from projections.api.blocks import Freshness, fields_of
from projections.api.callers import PartsOf, Reader
from projections.api.decision_models import Decisions, DecisionSummary
from projections.api.filters import PolicyDecisionFilters, VersionPages
from projections.api.models import PolicyVersion, PolicyVersions
from projections.api.pages import link, next_link, seal_number
from projections.api.queries.decisions import Wanted, decisions
from projections.api.queries.policies import policy_row, versions
from projections.api.routes.decisions import decision_fields
from projections.api.routes.described import of_part
from projections.problems import not_found
from schemas.identity import MAX_NAME_CHARS, policy_id

router = APIRouter(prefix="/api/v1/policies", tags=["policies"])

PolicyReference = Annotated[
    str, Path(alias="policy", description="Id or name of the policy.", examples=["model-promotion-gate"])
]


@router.get(
    "/{policy}/versions",
    response_model=PolicyVersions,
    responses=of_part(),
    operation_id="list_policy_versions",
)
async def list_versions(
    request: Request,
    caller: Reader,
    parts: PartsOf,
    reference: PolicyReference,
    query: Annotated[VersionPages, Query()],
) -> Response:
    """Every version of a policy, newest first."""
    identity = identity_of(caller.tenant, reference)
    after = query.after_number({"policy": identity})
    async with parts.database.reading(caller.tenant) as session:
        policy = await policy_row(session, identity)
        if policy is None:
            raise not_found("policy")
        found = await versions(session, identity, after, query.limit + 1)
    page = found[: query.limit]
    cursor = seal_number(page[-1].version, {"policy": identity}) if len(found) > len(page) else None
    return answered(
        PolicyVersions(
            policy_id=identity,
            freshness=Freshness.of(policy.head, policy.version, parts.heads),
            items=[PolicyVersion.model_validate(fields_of(version)) for version in page],
            next=link(request.url.path, {}, query.limit, cursor),
        )
    )


@router.get(
    "/{policy}/decisions",
    response_model=Decisions,
    responses=of_part(),
    operation_id="list_policy_decisions",
)
async def list_policy_decisions(
    request: Request,
    caller: Reader,
    parts: PartsOf,
    reference: PolicyReference,
    query: Annotated[PolicyDecisionFilters, Query()],
) -> Response:
    """What a policy decided, newest first."""
    identity = identity_of(caller.tenant, reference)
    wanted = Wanted(
        policy_id=identity,
        outcome=query.outcome,
        answer=query.answer,
        resource=query.resource,
        actor=query.actor,
        not_before=query.from_,
        before=query.to,
    )
    after = query.after()
    async with parts.database.reading(caller.tenant) as session:
        if await policy_row(session, identity) is None:
            raise not_found("policy")
        found = await decisions(session, wanted, after, query.limit)
    return answered(
        Decisions(
            items=[DecisionSummary.model_validate(decision_fields(row, parts.heads)) for row in found.items],
            next=next_link(request.url.path, query.filters(), query.limit, found.rest),
        )
    )


def identity_of(tenant: str, reference: str) -> str:
    """The id of the policy that is meant; raises the 404 problem for what cannot be one."""
    if len(reference) > MAX_NAME_CHARS:
        raise not_found("policy")
    return policy_id(tenant, reference)
