"""``/api/v1/regulations``: the library of this release."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from projections.api.answers import resource
from projections.api.callers import PartsOf, Reader
from projections.api.filters import ControlFilters, NoParameters
from projections.api.pages import link, seal_number
from projections.api.regulation_models import Control, Controls, Regulations
from projections.api.routes.described import IfNoneMatch, of_fixed_list, of_resource
from projections.problems import not_found

router = APIRouter(prefix="/api/v1/regulations", tags=["regulations"])


@router.get("", response_model=Regulations, responses=of_fixed_list(), operation_id="list_regulations")
async def list_regulations(
    request: Request,
    _caller: Reader,
    parts: PartsOf,
    _query: Annotated[NoParameters, Query()],
    _if_none_match: IfNoneMatch = None,
) -> Response:
    """Every supported regulation, with how much of it a machine assesses."""
    return resource(request, parts.catalogues.listed)


@router.get(
    "/{regulation}/controls",
    response_model=Controls,
    responses=of_resource(),
    operation_id="list_regulation_controls",
)
async def list_controls(
    request: Request,
    _caller: Reader,
    parts: PartsOf,
    code: Annotated[
        str, Path(alias="regulation", description="Code of the regulation.", examples=["iso42001"])
    ],
    query: Annotated[ControlFilters, Query()],
    _if_none_match: IfNoneMatch = None,
) -> Response:
    """The controls of one regulation with the technical controls that serve them, in catalogue order."""
    found = parts.catalogues.by_code.get(code)
    if found is None:
        raise not_found("regulation")
    catalogue = {"regulation": code, "version": found.version}
    after = query.after_number(catalogue)
    matching = list(_matching(found.controls, query))
    rest = [(place, control) for place, control in matching if after is None or place > after]
    page = rest[: query.limit]
    filters = query.filters()
    cursor = seal_number(page[-1][0], {**filters, **catalogue}) if len(rest) > len(page) else None
    answer = Controls(
        regulation=code,
        version=found.version,
        total=len(matching),
        items=[control for _, control in page],
        next=link(request.url.path, filters, query.limit, cursor),
    )
    return resource(request, answer)


def _matching(controls: tuple[Control, ...], query: ControlFilters) -> Iterator[tuple[int, Control]]:
    """Those controls that the filters let through, with their place in the catalogue."""
    for place, control in enumerate(controls):
        if control.finer and not (query.finer or query.parent):
            continue
        served_by = {mapping.technical_control for mapping in control.mappings}
        wanted = (
            (query.automation, {control.automation}),
            (query.kind, {control.kind}),
            (query.parent, {control.parent}),
            (query.technical_control, served_by),
        )
        if all(value is None or value in found for value, found in wanted):
            yield place, control
