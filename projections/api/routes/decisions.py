"""``/api/v1/decisions``."""

from typing import Annotated, Final, cast

from fastapi import APIRouter, Path, Query, Request, Response

from projections.api.answers import answered, resource
from projections.api.blocks import Freshness, fields_of
from projections.api.callers import PartsOf, Reader
from projections.api.decision_models import Decision, Decisions, DecisionSummary
from projections.api.filters import DecisionFilters, NoParameters
from projections.api.freshness import LaneHeads
from projections.api.pages import next_link
from projections.api.queries.decisions import DecisionRow, Wanted, decision, decisions, subject_keys
from projections.api.queries.events import Event, event
from projections.api.routes.described import IfNoneMatch, of_list, of_resource
from projections.problems import not_found
from schemas.identity import MAX_NAME_CHARS, policy_id
from schemas.personal import opened, pseudonyms

router = APIRouter(prefix="/api/v1/decisions", tags=["decisions"])

PERSONAL: Final = "personal:read"

DECIDED: Final = 1
OVERRIDDEN: Final = 2
"""Versions of a decision: one per event."""

_RECORDED: Final = (
    "policy",
    "module_digest",
    "decision_point",
    "error",
    "reasons",
    "result",
    "input",
    "input_digest",
    "enforcement",
    "fail_mode",
    "duration_us",
    "opa",
    "bundle_revision",
    "obligations",
    "input_storage",
    "masked",
    "known_decision",
    "combining",
    "parts",
    "binding",
)
"""Fields of ``governance.policy.evaluated`` that the row does not have."""


DecisionId = Annotated[
    str,
    Path(
        alias="decision",
        description="Id of the decision.",
        examples=["0f1f1d0a-7b65-5b0e-9a55-3c1de1b7a001"],
    ),
]


@router.get("", response_model=Decisions, responses=of_list(), operation_id="list_decisions")
async def list_decisions(
    request: Request, caller: Reader, parts: PartsOf, query: Annotated[DecisionFilters, Query()]
) -> Response:
    """The tenant's decisions, newest first."""
    wanted = Wanted(
        policy_id=None if query.policy is None else policy_id(caller.tenant, query.policy),
        outcome=query.outcome,
        answer=query.answer,
        resource=query.resource,
        actor=query.actor,
        not_before=query.from_,
        before=query.to,
        decision_point=query.decision_point,
        overridden=query.overridden,
    )
    after = query.after()
    async with parts.database.reading(caller.tenant) as session:
        found = await decisions(session, wanted, after, query.limit)
    return answered(
        Decisions(
            items=[DecisionSummary.model_validate(decision_fields(row, parts.heads)) for row in found.items],
            next=next_link(request.url.path, query.filters(), query.limit, found.rest),
        )
    )


@router.get("/{decision}", response_model=Decision, responses=of_resource(), operation_id="read_decision")
async def read_decision(
    request: Request,
    caller: Reader,
    parts: PartsOf,
    decision_id: DecisionId,
    _query: Annotated[NoParameters, Query()],
    _if_none_match: IfNoneMatch = None,
) -> Response:
    """One decision, with the input and result that its event recorded.

    Encrypted personal fields are shown with scope `personal:read`, while their subject's key lives; else the
    subject's pseudonym stands for them.
    """
    if len(decision_id) > MAX_NAME_CHARS or not decision_id.isprintable():
        raise not_found("decision")
    async with parts.database.reading(caller.tenant) as session:
        row = await decision(session, decision_id)
        if row is None:
            raise not_found("decision")
        happened = await event(session, row.head)
        document = cast("bytes", happened.body["input"])
        sealed = pseudonyms(document) if PERSONAL in caller.scopes else ()
        keys = await subject_keys(session, sealed) if sealed else {}
    fields = {
        **decision_fields(row, parts.heads),
        **_recorded(happened),
        "input": opened(document, decision_id, keys),
        "override": _override(row),
    }
    return resource(request, Decision.model_validate(fields))


def decision_fields(row: DecisionRow, heads: LaneHeads) -> dict[str, object]:
    """The fields of a :class:`DecisionSummary`."""
    fields = fields_of(row)
    del fields["head"], fields["override"]
    overridden = row.override is not None
    head, version = (row.override.head, OVERRIDDEN) if row.override else (row.head, DECIDED)
    return {**fields, "overridden": overridden, "freshness": Freshness.of(head, version, heads)}


def _override(row: DecisionRow) -> dict[str, object] | None:
    if row.override is None:
        return None
    fields = fields_of(row.override)
    del fields["head"]
    return {**fields, "event_id": row.override.head.event_id}


def _recorded(happened: Event) -> dict[str, object]:
    envelope = happened.envelope
    return {
        **{name: happened.body[name] for name in _RECORDED},
        "command_id": envelope.command_id,
        "command_source": envelope.command_source,
        "correlation_id": envelope.correlation,
        "causation_id": envelope.causation,
    }
