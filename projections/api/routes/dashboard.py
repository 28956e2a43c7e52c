"""``/api/v1/compliance/dashboard``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, get_args

from fastapi import APIRouter, Query, Request, Response

from projections.api.answers import resource
from projections.api.blocks import Audit, Lane
from projections.api.callers import PartsOf, Reader
from projections.api.catalogues import Catalogues
from projections.api.compliance_models import (
    Dashboard,
    EvidenceCounts,
    LanePosition,
    RegulationStanding,
    Standing,
    Summary,
)
from projections.api.evidence_models import EvidenceState
from projections.api.filters import NoParameters
from projections.api.freshness import Head, LaneHeads
from projections.api.queries.dashboard import PhaseSum, Position, evidence_counts, phase_sums, positions
from projections.api.routes.described import IfNoneMatch, of_fixed_list
from projections.apply.workflow_state import Phase
from schemas.topics import topics

router = APIRouter(prefix="/api/v1/compliance", tags=["compliance"])

_PHASES: Final[tuple[Phase, ...]] = get_args(Phase)
_STATES: Final[tuple[EvidenceState, ...]] = get_args(EvidenceState)


@router.get("/dashboard", response_model=Dashboard, responses=of_fixed_list(), operation_id="read_dashboard")
async def read_dashboard(
    request: Request,
    caller: Reader,
    parts: PartsOf,
    _query: Annotated[NoParameters, Query()],
    _if_none_match: IfNoneMatch = None,
) -> Response:
    """Workflows, controls and evidence per regulation and in total. What is not assessed is not met."""
    lanes = [topics().commands(family).name for family in ("compliance", "evidence")]
    async with parts.database.reading(caller.tenant) as session:
        sums = await phase_sums(session)
        counts = await evidence_counts(session)
        reached = await positions(session, lanes)
    answer = Dashboard(
        totals=Summary.model_validate(_summary(sums, counts, "")),
        regulations=_by_regulation(sums, counts, parts.catalogues),
        lanes=[_position(each, parts.heads) for each in reached],
    )
    return resource(request, answer)


def _by_regulation(
    sums: Sequence[PhaseSum], counts: Mapping[str, int], catalogues: Catalogues
) -> list[RegulationStanding]:
    """One entry per regulation of the library, and per further one that rows name."""
    named = {name.partition("/")[0] for name in counts if "/" in name} | {each.regulation for each in sums}
    return [
        RegulationStanding.model_validate(
            {
                **_summary([each for each in sums if each.regulation == code], counts, f"{code}/"),
                "regulation": code,
                "name": catalogues.name(code),
            }
        )
        for code in sorted({*catalogues.codes(), *named})
    ]


def _summary(sums: Iterable[PhaseSum], counts: Mapping[str, int], prefix: str) -> dict[str, object]:
    phases: dict[Phase, int] = dict.fromkeys(_PHASES, 0)
    overdue = controls = applicable = assessed = satisfied = 0
    for each in sums:
        phases[each.phase] += each.workflows
        if each.phase != "closed":
            overdue += each.ended
            controls += each.controls_total
            applicable += each.applicable
            assessed += each.assessed
            satisfied += each.satisfied
    return {
        "workflows": phases,
        "overdue": overdue,
        "standing": Standing.of(controls, applicable, assessed, satisfied),
        "evidence": EvidenceCounts.model_validate({name: counts.get(prefix + name, 0) for name in _STATES}),
    }


def _position(position: Position, heads: LaneHeads) -> LanePosition:
    head = Head("", position.topic, position.partition, position.sequence)
    return LanePosition(
        lane=Lane(topic=position.topic, partition=position.partition),
        sequence=position.sequence,
        audit=Audit(state=heads.audit(head)),
    )
