"""``/api/v1/policies/{id}/replays`` and ``/shadow``, and ``/decisions/inputs`` for replays elsewhere."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request, Response

from projections.api.answers import PRIVATE, answered
from projections.api.blocks import Freshness, fields_of
from projections.api.callers import PartsOf, Reader
from projections.api.filters import InputPages, Paged, ShadowDays
from projections.api.pages import link, next_link, seal, unseal
from projections.api.queries.policies import policy_row
from projections.api.queries.replays import recorded, replays
from projections.api.queries.shadows import current_shadow, shadow_days
from projections.api.replay_models import CurrentShadow, PolicyShadow, Replay, Replays, ShadowDay
from projections.api.routes.described import of_part
from projections.api.routes.policy_lists import PolicyReference, identity_of
from projections.problems import not_found
from schemas.recorded import RecordedDecision

router = APIRouter(prefix="/api/v1/policies", tags=["policies"])

LINES: Final = "application/x-ndjson"

_LINES_OF_JSON: Final[dict[str, Any]] = {
    "description": (
        "One JSON object a line: `decision_id`, `resource`, `version`, `error`, `result`, and `input`, which "
        "is null where the decision did not keep it whole. The `Link` header names the next page."
    ),
    "content": {LINES: {"schema": {"type": "string"}}},
}


@router.get(
    "/{policy}/replays", response_model=Replays, responses=of_part(), operation_id="list_policy_replays"
)
async def list_replays(
    request: Request,
    caller: Reader,
    parts: PartsOf,
    reference: PolicyReference,
    query: Annotated[Paged, Query()],
) -> Response:
    """The replays that activations of a policy waited for, newest first."""
    identity = identity_of(caller.tenant, reference)
    cursor_of = {"policy": identity}
    after = None if query.cursor is None else unseal(query.cursor, cursor_of)
    async with parts.database.reading(caller.tenant) as session:
        policy = await policy_row(session, identity)
        if policy is None:
            raise not_found("policy")
        found = await replays(session, identity, after, query.limit)
    return answered(
        Replays(
            policy_id=identity,
            freshness=Freshness.of(policy.head, policy.version, parts.heads),
            items=[Replay.model_validate(fields_of(row)) for row in found.items],
            next=link(
                request.url.path, {}, query.limit, None if found.rest is None else seal(found.rest, cursor_of)
            ),
        )
    )


@router.get(
    "/{policy}/decisions/inputs",
    response_class=Response,
    responses={200: _LINES_OF_JSON, **of_part()},
    operation_id="read_policy_inputs",
)
async def read_inputs(
    request: Request,
    caller: Reader,
    parts: PartsOf,
    reference: PolicyReference,
    query: Annotated[InputPages, Query()],
) -> Response:
    """What a policy decided on which inputs, newest first, in bulk: what a replay reads."""
    identity = identity_of(caller.tenant, reference)
    after = query.after()
    async with parts.database.reading(caller.tenant) as session:
        if await policy_row(session, identity) is None:
            raise not_found("policy")
        found = await recorded(session, identity, query.from_, query.to, after, query.limit)
    following = next_link(request.url.path, query.filters(), query.limit, found.rest)
    headers = {**PRIVATE, "Link": f'<{following}>; rel="next"'} if following else PRIVATE
    return Response(_lines(found.items), headers=headers, media_type=LINES)


@router.get(
    "/{policy}/shadow", response_model=PolicyShadow, responses=of_part(), operation_id="read_policy_shadow"
)
async def read_shadow(
    caller: Reader, parts: PartsOf, reference: PolicyReference, query: Annotated[ShadowDays, Query()]
) -> Response:
    """The version that is asked beside the deciding one, and how often its answers differed, by day."""
    identity = identity_of(caller.tenant, reference)
    async with parts.database.reading(caller.tenant) as session:
        policy = await policy_row(session, identity)
        if policy is None:
            raise not_found("policy")
        shadow = await current_shadow(session, identity)
        days = await shadow_days(session, identity, query.version, query.limit)
    return answered(
        PolicyShadow(
            policy_id=identity,
            freshness=Freshness.of(policy.head, policy.version, parts.heads),
            current=None if shadow is None else CurrentShadow.model_validate(fields_of(shadow)),
            days=[ShadowDay.model_validate(fields_of(day)) for day in days],
        )
    )


def _lines(decisions: Sequence[RecordedDecision]) -> bytes:
    return b"".join(map(_line, decisions))


def _line(decision: RecordedDecision) -> bytes:
    """Input and result go in as they are: JSON whose line ends are white space."""
    head = orjson.dumps(
        {
            "decision_id": decision.decision_id,
            "resource": decision.resource,
            "version": decision.version,
            "error": decision.error,
        }
    )
    result, given = _on_one_line(decision.result), _on_one_line(decision.input)
    return b'%b,"result":%b,"input":%b}\n' % (head[:-1], result, given)


def _on_one_line(document: bytes | None) -> bytes:
    if document is None:
        return b"null"
    return document.translate(_SPACES) if b"\n" in document or b"\r" in document else document


_SPACES: Final = bytes.maketrans(b"\r\n", b"  ")
