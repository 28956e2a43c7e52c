"""``/api/v1/compliance/workflows``."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from projections.api.answers import answered, resource
from projections.api.blocks import Freshness, fields_of
from projections.api.callers import PartsOf, Reader
from projections.api.catalogues import Catalogues
from projections.api.compliance_models import Standing, Workflow, Workflows, WorkflowSummary
from projections.api.filters import NoParameters, WorkflowFilters
from projections.api.freshness import LaneHeads
from projections.api.pages import next_link
from projections.api.queries.workflows import ControlRow, Wanted, WorkflowRow, workflow, workflows
from projections.api.routes.described import IfNoneMatch, of_list, of_resource
from projections.problems import not_found
from schemas.identity import MAX_NAME_CHARS, workflow_id

router = APIRouter(prefix="/api/v1/compliance/workflows", tags=["compliance"])


@router.get("", response_model=Workflows, responses=of_list(), operation_id="list_workflows")
async def list_workflows(
    request: Request, caller: Reader, parts: PartsOf, query: Annotated[WorkflowFilters, Query()]
) -> Response:
    """The tenant's compliance workflows, newest first."""
    wanted = Wanted(
        workflow_id=None if query.name is None else workflow_id(caller.tenant, query.name),
        state=query.state,
        phase=query.phase,
        regulation=query.regulation,
        owner=query.owner,
        not_before=query.from_,
        before=query.to,
    )
    after = query.after()
    async with parts.database.reading(caller.tenant) as session:
        found = await workflows(session, wanted, after, query.limit)
    return answered(
        Workflows(
            items=[WorkflowSummary.model_validate(_fields(row, parts.heads)) for row in found.items],
            next=next_link(request.url.path, query.filters(), query.limit, found.rest),
        )
    )


@router.get("/{workflow}", response_model=Workflow, responses=of_resource(), operation_id="read_workflow")
async def read_workflow(
    request: Request,
    caller: Reader,
    parts: PartsOf,
    reference: Annotated[
        str,
        Path(
            alias="workflow",
            description="Id or name of the workflow.",
            examples=["ISO 42001 Annual Assessment 2026"],
        ),
    ],
    _query: Annotated[NoParameters, Query()],
    _if_none_match: IfNoneMatch = None,
) -> Response:
    """One workflow with its controls and timers."""
    if len(reference) > MAX_NAME_CHARS:
        raise not_found("workflow")
    async with parts.database.reading(caller.tenant) as session:
        found = await workflow(session, workflow_id(caller.tenant, reference))
    if found is None:
        raise not_found("workflow")
    row, controls, timers = found
    fields = {
        **_fields(row, parts.heads),
        "controls": [_control(row, control, parts.catalogues) for control in controls],
        "timers": [fields_of(timer) for timer in timers],
    }
    return resource(request, Workflow.model_validate(fields))


def _fields(row: WorkflowRow, heads: LaneHeads) -> dict[str, object]:
    fields = fields_of(row)
    for name in ("head", "version", "controls_total", "applicable", "assessed", "satisfied"):
        del fields[name]
    return {
        **fields,
        "overdue": row.period_ended and row.phase != "closed",
        "undecided": row.controls_total - row.applicable - row.excluded,
        "standing": Standing.of(row.controls_total, row.applicable, row.assessed, row.satisfied),
        "freshness": Freshness.of(row.head, row.version, heads),
    }


def _control(row: WorkflowRow, control: ControlRow, catalogues: Catalogues) -> dict[str, object]:
    return {**fields_of(control), "title": catalogues.title(row.regulation, control.control_id)}
