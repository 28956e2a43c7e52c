"""``/api/v1/policies/{policy}/flips``."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from projections.api.answers import answered
from projections.api.blocks import fields_of
from projections.api.callers import PartsOf, Reader
from projections.api.filters import ActivationQuery
from projections.api.queries.flips import activation, compared
from projections.api.queries.policies import policy_row
from projections.api.routes.described import of_part
from projections.api.routes.policy_lists import PolicyReference, identity_of
from projections.api.stats_models import Flip, Flips, PolicyActivation
from projections.problems import not_found

router = APIRouter(prefix="/api/v1/policies", tags=["policies"])

MAX_FLIPS: Final = 20


@router.get("/{policy}/flips", response_model=Flips, responses=of_part(), operation_id="read_policy_flips")
async def read_flips(
    caller: Reader, parts: PartsOf, reference: PolicyReference, query: Annotated[ActivationQuery, Query()]
) -> Response:
    """What a version decided otherwise than the one before it, resource by resource.

    Of each resource, the first decision since the activation and the last one by the previous version before
    it, where both policies answered by themselves.
    """
    identity = identity_of(caller.tenant, reference)
    async with parts.database.reading(caller.tenant) as session:
        if await policy_row(session, identity) is None:
            raise not_found("policy")
        found = await activation(session, identity, query.version)
        both, complete = await compared(session, identity, found) if found else ([], True)
    flipped = [row for row in both if row.outcome_before != row.outcome_after]
    denied = sum(row.outcome_after == "deny" for row in flipped)
    return answered(
        Flips(
            policy_id=identity,
            activation=PolicyActivation.model_validate(fields_of(found)) if found else None,
            compared=len(both),
            unchanged=len(both) - len(flipped),
            allow_to_deny=denied,
            deny_to_allow=len(flipped) - denied,
            complete=complete,
            flips=[Flip.model_validate(fields_of(row)) for row in flipped[:MAX_FLIPS]],
        )
    )
