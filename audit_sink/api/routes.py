"""``/entries``, ``/batches``, ``/head``: what the wall holds, as the caller may see it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from audit_sink.api.callers import AuditorOfAll, PartsOf, Reader
from audit_sink.api.filters import PAGE_BYTES, EntryQuery, NoParameters, Paged
from audit_sink.api.models import Batch, Batches, Entries, Entry, LaneHead, LogHead
from audit_sink.api.trail import StoredEntry, Trail
from audit_sink.api.view import LargeValues, batch_view, entry_view, large_value_of
from projections.problems import (
    INTERNAL,
    INVALID_PARAMETER,
    NOT_FOUND,
    SCOPE_MISSING,
    UNAUTHENTICATED,
    UNAVAILABLE,
    not_found,
    responses,
    scope_missing,
)
from projections.tokens import Caller

router = APIRouter(tags=["audit wall"])

_ERRORS: Final = responses(UNAUTHENTICATED, SCOPE_MISSING, INVALID_PARAMETER, INTERNAL, UNAVAILABLE)
_PRIVATE: Final = {"Cache-Control": "private, no-store", "Vary": "Authorization"}
_MAX_DIGITS: Final = 18


@router.get("/entries", response_model=Entries, responses=_ERRORS, operation_id="list_entries")
async def list_entries(
    request: Request, caller: Reader, parts: PartsOf, query: Annotated[EntryQuery, Query()]
) -> Response:
    """Entries of the caller's tenant or, with audit:all, of every tenant."""
    if query.tenant not in (None, caller.tenant) and "audit:all" not in caller.scopes:
        raise scope_missing("audit:all")
    asked = await parts.trail.entries(caller, query.filters(), query.cursor, query.order, query.limit + 1)
    page = _fitting(asked[: query.limit])
    large = await _large_values(parts.trail, caller, page)
    following = page[-1].leaf_index if len(page) < len(asked) else None
    items = [entry_view(stored, large, with_large_value=False) for stored in page]
    return _answer(Entries(items=items, next=_next(request, following)))


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
    large = await _large_values(parts.trail, caller, [stored])
    return _answer(entry_view(stored, large, with_large_value=True))


@router.get("/batches", response_model=Batches, responses=_ERRORS, operation_id="list_batches")
async def list_batches(
    request: Request, _caller: AuditorOfAll, parts: PartsOf, query: Annotated[Paged, Query()]
) -> Response:
    """Batch rows in ascending order."""
    asked = await parts.trail.batches(query.cursor or 0, query.limit + 1)
    page = asked[: query.limit]
    following = page[-1].batch_no if len(page) < len(asked) else None
    items: list[Batch] = [batch_view(row) for row in page]
    return _answer(Batches(items=items, next=_next(request, following)))


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


async def _large_values(trail: Trail, caller: Caller, page: Sequence[StoredEntry]) -> LargeValues:
    digests = {large[0] for stored in page if (large := large_value_of(stored)) is not None}
    found: Mapping[tuple[str, bytes], bytes] = {}
    if digests:
        found = await trail.large_values(caller, sorted(digests))
    return found


def _fitting(page: Sequence[StoredEntry]) -> Sequence[StoredEntry]:
    """The page, ended where its entries pass PAGE_BYTES; at least one entry."""
    size = 0
    for place, stored in enumerate(page):
        large = large_value_of(stored)
        size += len(stored.entry) + (0 if large is None else large[1])
        if size > PAGE_BYTES and place:
            return page[:place]
    return page


def _next(request: Request, cursor: int | None) -> str | None:
    if cursor is None:
        return None
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{request.url.path}?{urlencode([*asked, ('cursor', cursor)])}"


def _answer(model: BaseModel) -> Response:
    return Response(orjson.dumps(model.model_dump()), headers=_PRIVATE, media_type="application/json")
