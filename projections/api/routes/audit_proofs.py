"""``/api/v1/audit-trail/…``: proofs, checkpoints and exports, handed on as the audit sink answers them."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from projections.api.answers import PRIVATE
from projections.api.audit_filters import CheckpointFilters, ConsistencyQuery, ExportFilters, ProofQuery
from projections.api.callers import Auditor, PartsOf
from projections.api.filters import NoParameters, Text
from projections.api.models import AuditCheckpoints, ConsistencyProof, InclusionProof, TenantHead
from projections.api.parts import Parts
from projections.api.routes.audit_trail import ask, document, is_index, own_link, refused
from projections.api.routes.described import of_part
from projections.api.sink import absent
from projections.problems import not_found
from projections.tokens import bearer_token

router = APIRouter(prefix="/api/v1/audit-trail", tags=["audit trail"])

_TEXT: Final[dict[str, Any]] = {"content": {"text/plain": {"schema": {"type": "string"}}}}
_FILE: Final[dict[str, Any]] = {
    "description": "JSON lines, CSV or Parquet, each row with its inclusion proof.",
    "content": {
        name: {"schema": {"type": "string", "format": "binary"}}
        for name in ("application/jsonl", "text/csv", "application/vnd.apache.parquet")
    },
}
_KEPT: Final = ("content-disposition", "audit-checkpoint-size", "link")
"""Headers of the sink that reach the caller."""

Index = Annotated[str, Path(description="Leaf index of the entry, from 0.", examples=["1204330"])]


@router.get(
    "/checkpoint",
    response_class=Response,
    responses={200: _TEXT, **of_part()},
    operation_id="read_checkpoint",
)
async def read_checkpoint(
    request: Request, _caller: Auditor, parts: PartsOf, _query: Annotated[NoParameters, Query()]
) -> Response:
    """The newest checkpoint of the audit wall, a C2SP signed note."""
    return await _handed_on(request, parts, "/checkpoint", {}, "text/plain")


@router.get(
    "/checkpoints", response_model=AuditCheckpoints, responses=of_part(), operation_id="list_checkpoints"
)
async def list_checkpoints(
    request: Request, _caller: Auditor, parts: PartsOf, query: Annotated[CheckpointFilters, Query()]
) -> Response:
    """The checkpoints of the audit wall, the largest first."""
    asked = query.forwarded()
    found = await ask(request, parts, "/checkpoints", asked)
    if found.status != 200:
        return refused(found)
    page = document(found)
    page["next"] = own_link(request.url.path, asked, page.get("next"))
    return Response(
        AuditCheckpoints.model_validate(page).model_dump_json(),
        media_type="application/json",
        headers=PRIVATE,
    )


@router.get(
    "/consistency",
    response_model=ConsistencyProof,
    responses=of_part(),
    operation_id="read_consistency_proof",
)
async def read_consistency_proof(
    request: Request, _caller: Auditor, parts: PartsOf, query: Annotated[ConsistencyQuery, Query()]
) -> Response:
    """That the wall of one size continues that of another (RFC 9162 section 2.1.4)."""
    return await _handed_on(request, parts, "/consistency", query.forwarded())


@router.get(
    "/export",
    response_class=Response,
    responses={200: _FILE, **of_part()},
    operation_id="export_audit_entries",
)
async def export_entries(
    request: Request, _caller: Auditor, parts: PartsOf, query: Annotated[ExportFilters, Query()]
) -> Response:
    """Entries under the newest checkpoint as one file, streamed; its last chunk says that it is whole."""
    if parts.sink is None:
        raise absent()
    token = bearer_token(request.headers.get("authorization"))
    trace = request.state.correlation_id
    pieces = parts.sink.pieces("/export", query.forwarded(), token, trace)
    found = await anext(pieces)
    if found.status != 200 or found.media_type not in _FILE["content"]:
        await pieces.aclose()
        return refused(found)
    return StreamingResponse(
        (piece.body async for piece in pieces),
        media_type=found.media_type,
        headers={**PRIVATE, **{name: found.headers[name] for name in _KEPT if name in found.headers}},
    )


@router.get(
    "/tenants/{tenant}/head", response_model=TenantHead, responses=of_part(), operation_id="read_tenant_head"
)
async def read_tenant_head(
    request: Request,
    _caller: Auditor,
    parts: PartsOf,
    tenant: Annotated[Text, Path(examples=["acme"])],
    _query: Annotated[NoParameters, Query()],
) -> Response:
    """How many entries a tenant has and the root over them, by the wall's own word, with its proof."""
    if "/" in tenant:
        raise not_found("tenant")
    return await _handed_on(request, parts, f"/tenants/{tenant}/head", {})


@router.get(
    "/{index}/proof", response_model=InclusionProof, responses=of_part(), operation_id="read_inclusion_proof"
)
async def read_inclusion_proof(
    request: Request, _caller: Auditor, parts: PartsOf, index: Index, query: Annotated[ProofQuery, Query()]
) -> Response:
    """That an entry is in the wall (RFC 9162 section 2.1.3); default: under the newest checkpoint."""
    if not is_index(index):
        raise not_found("audit entry")
    return await _handed_on(request, parts, f"/entries/{index}/proof", query.forwarded())


@router.get(
    "/{index}/evidence",
    response_class=Response,
    responses={200: _TEXT, **of_part()},
    operation_id="read_entry_evidence",
)
async def read_entry_evidence(
    request: Request, _caller: Auditor, parts: PartsOf, index: Index, _query: Annotated[NoParameters, Query()]
) -> Response:
    """Entry, proof and checkpoint as one C2SP ``.tlog-proof`` file, to be checked offline."""
    if not is_index(index):
        raise not_found("audit entry")
    return await _handed_on(request, parts, f"/entries/{index}/evidence", {}, "text/plain")


async def _handed_on(
    request: Request, parts: Parts, path: str, query: dict[str, str], media_type: str = "application/json"
) -> Response:
    found = await ask(request, parts, path, query)
    if found.status == 404:
        raise not_found("proof or checkpoint")
    if found.status != 200:
        return refused(found)
    if found.media_type != media_type:
        raise absent()  # a sink out of order
    if media_type == "application/json":
        document(found)
    kept = {name: found.headers[name] for name in _KEPT if name in found.headers}
    return Response(found.body, media_type=found.media_type, headers={**PRIVATE, **kept})
