"""``/entries``, ``/batches``, ``/head``: what the wall holds, as the caller may see it."""

from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from audit_sink.api.callers import AuditorOfAll, PartsOf, Reader, refuse_foreign
from audit_sink.api.corrections import together
from audit_sink.api.filters import EntryQuery, NoParameters, Paged, next_link
from audit_sink.api.models import Batch, Batches, Entries, Entry, LaneHead, LogHead
from audit_sink.api.pages import fitting, large_values_of
from audit_sink.api.view import batch_view, entry_view
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

router = APIRouter(tags=["audit wall"])

_ERRORS: Final = responses(UNAUTHENTICATED, SCOPE_MISSING, INVALID_PARAMETER, INTERNAL, UNAVAILABLE)
_PRIVATE: Final = {"Cache-Control": "private, no-store", "Vary": "Authorization"}
_MAX_DIGITS: Final = 18


@router.get("/entries", response_model=Entries, responses=_ERRORS, operation_id="list_entries")
async def list_entries(
    request: Request, caller: Reader, parts: PartsOf, query: Annotated[EntryQuery, Query()]
) -> Response:
    """Entries of the caller's tenant or, with audit:all, of every tenant."""
    refuse_foreign(caller, query.tenant)
    asked = await parts.trail.entries(caller, query.filters(), query.cursor, query.order, query.limit + 1)
    page = fitting(asked[: query.limit])
    large = await large_values_of(parts.trail, caller, page)
    following = page[-1].leaf_index if len(page) < len(asked) else None
    views = [entry_view(stored, large, with_large_value=False) for stored in page]
    items = await together(parts.trail, caller, views)
    return _answer(Entries(items=items, next=next_link(request, following)))


@router.get(
    "/entries/{index}",
    response_model=Entry,
    responses={**_ERRORS, **responses(NOT_FOUND)},
    operation_id="read_entry",
)
async def read_entry(
    caller: Reader,
    parts: PartsOf,
    index: Annotated[str, Path(description="Leaf index, from 0.", examples=["1204330"])],
    _query: Annotated[NoParameters, Query()],
) -> Response:
    """One entry; another tenant's is answered like one that never was."""
    if not (index.isascii() and index.isdigit() and len(index) <= _MAX_DIGITS):
        raise not_found("audit entry")
    stored = await parts.trail.entry(caller, int(index))
    if stored is None:
        raise not_found("audit entry")
    large = await large_values_of(parts.trail, caller, [stored])
    (view,) = await together(parts.trail, caller, [entry_view(stored, large, with_large_value=True)])
    return _answer(view)


@router.get("/batches", response_model=Batches, responses=_ERRORS, operation_id="list_batches")
async def list_batches(
    request: Request, _caller: AuditorOfAll, parts: PartsOf, query: Annotated[Paged, Query()]
) -> Response:
    """Batch rows in ascending order."""
    asked = await parts.trail.batches(query.cursor or 0, query.limit + 1)
    page = asked[: query.limit]
    following = page[-1].batch_no if len(page) < len(asked) else None
    items: list[Batch] = [batch_view(row) for row in page]
    return _answer(Batches(items=items, next=next_link(request, following)))


@router.get("/head", response_model=LogHead, responses=_ERRORS, operation_id="read_head")
async def read_head(
    _caller: AuditorOfAll, parts: PartsOf, _query: Annotated[NoParameters, Query()]
) -> Response:
    """Size and root of the log, and where each lane stands."""
    head = await parts.trail.head()
    lanes = [
        LaneHead(
            topic=lane.topic,
            partition=lane.partition,
            next_lane_seq=end.next_lane_seq,
            next_offset=end.next_offset,
        )
        for lane, end in sorted(head.lanes.items())
    ]
    return _answer(LogHead(size=head.size, root=head.root.hex(), batch_no=head.batch_no, lanes=lanes))


def _answer(model: BaseModel) -> Response:
    return Response(orjson.dumps(model.model_dump()), headers=_PRIVATE, media_type="application/json")
