"""``/api/v1/evidence``."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response

from projections.api.answers import answered, resource
from projections.api.blocks import Freshness, fields_of
from projections.api.callers import EvidenceReader, PartsOf
from projections.api.catalogues import Catalogues
from projections.api.evidence_models import Artifact, Evidence, EvidenceList, EvidenceSummary
from projections.api.filters import EvidenceFilters, NoParameters
from projections.api.freshness import LaneHeads
from projections.api.pages import next_link
from projections.api.queries.evidence import EvidenceRow, Links, Wanted, evidence, evidence_list
from projections.api.routes.described import IfNoneMatch, of_list, of_resource
from projections.problems import not_found
from schemas.identity import MAX_NAME_CHARS

router = APIRouter(prefix="/api/v1/evidence", tags=["evidence"])

_ARTIFACT: Final = ("sha256", "size", "media_type", "object_key", "version_id", "locked_until")


@router.get("", response_model=EvidenceList, responses=of_list(), operation_id="list_evidence")
async def list_evidence(
    request: Request, caller: EvidenceReader, parts: PartsOf, query: Annotated[EvidenceFilters, Query()]
) -> Response:
    """The tenant's evidence, newest first."""
    wanted = Wanted(
        state=query.state,
        kind=query.kind,
        regulations=_regulations(query, parts.catalogues),
        control=query.control,
        technical_control=query.technical_control,
        actor=query.actor,
        not_before=query.from_,
        before=query.to,
    )
    after = query.after()
    async with parts.database.reading(caller.tenant) as session:
        found = await evidence_list(session, wanted, after, query.limit)
    return answered(
        EvidenceList(
            items=[EvidenceSummary.model_validate(_fields(row, parts.heads)) for row in found.items],
            next=next_link(request.url.path, query.filters(), query.limit, found.rest),
        )
    )


@router.get("/{evidence}", response_model=Evidence, responses=of_resource(), operation_id="read_evidence")
async def read_evidence(
    request: Request,
    caller: EvidenceReader,
    parts: PartsOf,
    evidence_id: Annotated[
        str,
        Path(
            alias="evidence",
            description="Id of the evidence.",
            examples=["0197c3a0-b1f2-7d4e-8a5c-6d7e8f901234"],
        ),
    ],
    _query: Annotated[NoParameters, Query()],
    _if_none_match: IfNoneMatch = None,
) -> Response:
    """One piece of evidence with the controls that it supports."""
    if len(evidence_id) > MAX_NAME_CHARS or not evidence_id.isprintable():
        raise not_found("evidence")
    async with parts.database.reading(caller.tenant) as session:
        found = await evidence(session, evidence_id)
    if found is None:
        raise not_found("evidence")
    row, links = found
    fields = {**_fields(row, parts.heads), **_links(links, parts.catalogues)}
    return resource(request, Evidence.model_validate(fields))


def _regulations(query: EvidenceFilters, catalogues: Catalogues) -> Sequence[str] | None:
    """Where a control is looked for: the named regulation, else all that have one of this id."""
    if query.regulation is not None:
        return [query.regulation]
    return None if query.control is None else catalogues.with_control(query.control)


def _fields(row: EvidenceRow, heads: LaneHeads) -> dict[str, object]:
    fields = fields_of(row)
    del fields["head"], fields["version"]
    return {
        **{name: value for name, value in fields.items() if name not in _ARTIFACT},
        "artifact": Artifact.model_validate({name: fields[name] for name in _ARTIFACT}),
        "freshness": Freshness.of(row.head, row.version, heads),
    }


def _links(links: Links, catalogues: Catalogues) -> dict[str, object]:
    return {
        "controls": [
            {"regulation": code, "control_id": control, "title": catalogues.title(code, control)}
            for code, control in links.controls
        ],
        "technical_controls": [
            {"technical_control": each, "title": catalogues.technical_titles.get(each)}
            for each in links.technical_controls
        ],
    }
