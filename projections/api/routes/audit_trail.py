"""``/api/v1/audit-trail``: entries of the audit wall, answered by the audit sink."""

from typing import Annotated, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from projections.api.answers import PRIVATE, with_validator
from projections.api.audit_filters import AuditFilters
from projections.api.callers import Auditor, PartsOf
from projections.api.filters import NoParameters
from projections.api.models import AuditEntries, AuditEntry
from projections.api.parts import Parts
from projections.api.routes.described import IfNoneMatch, of_list, of_resource
from projections.api.sink import SinkAnswer, absent
from projections.problems import MEDIA_TYPE, not_found
from projections.tokens import bearer_token

router = APIRouter(prefix="/api/v1/audit-trail", tags=["audit trail"])

_MAX_DIGITS: Final = 18
"""Digits of a leaf index; longer ones are no entry's."""


@router.get("", response_model=AuditEntries, responses=of_list(), operation_id="list_audit_entries")
async def list_entries(
    request: Request, _caller: Auditor, parts: PartsOf, query: Annotated[AuditFilters, Query()]
) -> Response:
    """Entries of the audit wall that the token may see, in the order that the audit sink gives them."""
    asked = query.forwarded()
    found = await ask(request, parts, "/entries", asked)
    if found.status != 200:
        return refused(found)
    page = document(found)
    page["next"] = own_link(request.url.path, asked, page.get("next"))
    return Response(orjson.dumps(page), media_type="application/json", headers=PRIVATE)


@router.get("/{index}", response_model=AuditEntry, responses=of_resource(), operation_id="read_audit_entry")
async def read_entry(
    request: Request,
    _caller: Auditor,
    parts: PartsOf,
    index: Annotated[str, Path(description="Leaf index of the entry, from 0.", examples=["1204330"])],
    _query: Annotated[NoParameters, Query()],
    _if_none_match: IfNoneMatch = None,
) -> Response:
    """One entry of the audit wall, with the bytes that are proven."""
    if not is_index(index):
        raise not_found("audit entry")
    found = await ask(request, parts, f"/entries/{index}", {})
    if found.status == 404:
        raise not_found("audit entry")
    if found.status != 200:
        return refused(found)
    document(found)
    return with_validator(request, found.body)


def is_index(text: str) -> bool:
    """Whether a text may be a leaf index."""
    return text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS


async def ask(request: Request, parts: Parts, path: str, query: dict[str, str]) -> SinkAnswer:
    """The sink's answer, asked with the caller's token."""
    if parts.sink is None:
        raise absent()
    token = bearer_token(request.headers.get("authorization"))
    return await parts.sink.get(path, query, token, request.state.correlation_id)


def document(found: SinkAnswer) -> dict[str, object]:
    """The JSON object that the sink answered; anything else is a sink out of order."""
    try:
        page = orjson.loads(found.body)
    except orjson.JSONDecodeError:
        raise absent() from None
    if not isinstance(page, dict):
        raise absent()
    return page


def own_link(path: str, asked: dict[str, str], following: object) -> str | None:
    """Our path with the cursor of the sink's ``next`` link."""
    cursor = parse_qs(urlsplit(str(following)).query).get("cursor") if following else None
    return f"{path}?{urlencode({**asked, 'cursor': cursor[0]})}" if cursor else None


def refused(found: SinkAnswer) -> Response:
    """The sink's own problem, as it stands: it names the parameter or the scope."""
    if found.media_type != MEDIA_TYPE:
        raise absent()
    return Response(found.body, found.status, headers={"Cache-Control": "no-store"}, media_type=MEDIA_TYPE)
