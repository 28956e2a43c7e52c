"""``/export``: entries as one file, each with its proof under one checkpoint, however many they are."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from audit_sink.api.callers import Parts, PartsOf, Reader, refuse_foreign
from audit_sink.api.corrections import together
from audit_sink.api.filters import ExportQuery
from audit_sink.api.formats import MEDIA_TYPES, Proven, written
from audit_sink.api.pages import fitting, large_values_of
from audit_sink.api.trail import Filters, StoredEntry
from audit_sink.api.view import entry_view
from audit_sink.ledger.prover import TileProver
from projections.problems import (
    INTERNAL,
    INVALID_PARAMETER,
    NOT_FOUND,
    SCOPE_MISSING,
    UNAUTHENTICATED,
    UNAVAILABLE,
    not_found,
    responses,
)
from projections.tokens import Caller

router = APIRouter(tags=["audit wall"])

AT_ONCE: Final = 256
"""Entries read from the database at once; each portion is a short transaction of its own."""


@router.get(
    "/export",
    response_class=Response,
    responses=responses(UNAUTHENTICATED, SCOPE_MISSING, INVALID_PARAMETER, NOT_FOUND, INTERNAL, UNAVAILABLE),
    operation_id="export_entries",
)
async def export_entries(
    caller: Reader, parts: PartsOf, query: Annotated[ExportQuery, Query()]
) -> StreamingResponse:
    """The entries under the newest checkpoint that match, ascending. Rows never change, so neither does this.

    The header ``Audit-Checkpoint-Size`` names the checkpoint that the proofs lead to. An export that ends
    without its last chunk is incomplete.
    """
    refuse_foreign(caller, query.tenant)
    checkpoint = await parts.trail.checkpoint()
    if checkpoint is None:
        raise not_found("checkpoint yet")
    portions = _portions(parts, caller, query.filters(), checkpoint.size)
    return StreamingResponse(
        written(query.format, portions),
        media_type=MEDIA_TYPES[query.format],
        headers={
            "Cache-Control": "private, no-store",
            "Vary": "Authorization",
            "Audit-Checkpoint-Size": str(checkpoint.size),
            "Content-Disposition": f'attachment; filename="entries-{checkpoint.size}.{query.format}"',
        },
    )


async def _portions(
    parts: Parts, caller: Caller, filters: Filters, size: int
) -> AsyncIterator[Sequence[Proven]]:
    prover = TileProver(parts.trail.tiles)
    after = -1
    while True:
        found = await parts.trail.entries(caller, filters, after, "asc", AT_ONCE)
        page = fitting([stored for stored in found if stored.leaf_index < size])
        if not page:
            return
        after = page[-1].leaf_index
        yield await _proven(parts, caller, page, prover, size)


async def _proven(
    parts: Parts, caller: Caller, page: Sequence[StoredEntry], prover: TileProver, size: int
) -> Sequence[Proven]:
    large = await large_values_of(parts.trail, caller, page)
    views = [entry_view(stored, large, with_large_value=True) for stored in page]
    entries = await together(parts.trail, caller, views)
    return [Proven(entry, await prover.inclusion(entry.index, size)) for entry in entries]
