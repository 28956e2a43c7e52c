"""``/checkpoint``, ``/consistency``, ``/entries/{index}/proof`` and ``…/evidence``: what the log can prove.

Proofs are made from the wall's own tiles and are worth nothing by themselves: whoever has one checks it
against a checkpoint, and that against the log's public key.
"""

from base64 import b64encode
from collections.abc import Iterator
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from audit_sink.api.callers import Parts, PartsOf, Reader, refuse_foreign
from audit_sink.api.corrections import together
from audit_sink.api.filters import MAX_INDEX, CheckpointQuery, Name, NoParameters, next_link
from audit_sink.api.models import (
    ConsistencyProof,
    Entry,
    InclusionProof,
    SignedCheckpoint,
    SignedCheckpoints,
    TenantHead,
)
from audit_sink.api.view import entry_view
from audit_sink.ledger.proof_file import ProofFile
from audit_sink.ledger.prover import TileProver
from audit_sink.wall import SignedSize
from projections.problems import (
    INTERNAL,
    INVALID_PARAMETER,
    NOT_FOUND,
    SCOPE_MISSING,
    UNAUTHENTICATED,
    UNAVAILABLE,
    invalid,
    not_found,
    responses,
)
from schemas.leaf import decode_entry

router = APIRouter(tags=["audit wall"])

_ERRORS: Final = responses(
    UNAUTHENTICATED, SCOPE_MISSING, INVALID_PARAMETER, NOT_FOUND, INTERNAL, UNAVAILABLE
)
_PRIVATE: Final = {"Cache-Control": "private, no-store", "Vary": "Authorization"}
_NOTE: Final = "text/plain; charset=utf-8"

Index = Annotated[int, Path(ge=0, le=MAX_INDEX, description="Leaf index, from 0.", examples=[1204330])]


class ProofQuery(BaseModel):
    """Which tree the proof is for."""

    model_config = ConfigDict(extra="forbid")
    size: int | None = Field(
        default=None, ge=1, le=MAX_INDEX, description="Entries of the tree; default: the newest checkpoint's."
    )


class ConsistencyQuery(BaseModel):
    """Between which trees."""

    model_config = ConfigDict(extra="forbid")
    from_: int = Field(alias="from", ge=0, le=MAX_INDEX)
    to: int = Field(ge=0, le=MAX_INDEX)


@router.get("/checkpoint", response_class=Response, responses=_ERRORS, operation_id="read_checkpoint")
async def read_checkpoint(
    _caller: Reader, parts: PartsOf, _query: Annotated[NoParameters, Query()]
) -> Response:
    """The newest checkpoint as a C2SP signed note."""
    return Response((await _signed(parts)).note, media_type=_NOTE, headers=_PRIVATE)


@router.get("/checkpoints", responses=_ERRORS, operation_id="list_checkpoints")
async def list_checkpoints(
    request: Request, _caller: Reader, parts: PartsOf, query: Annotated[CheckpointQuery, Query()]
) -> SignedCheckpoints:
    """The log's checkpoints, the largest first."""
    asked = await parts.trail.checkpoints(query.cursor, query.anchored, query.limit + 1)
    page = asked[: query.limit]
    items = [
        SignedCheckpoint(
            size=each.size, root=each.root.hex(), anchored=each.anchored, note=each.note.decode()
        )
        for each in page
    ]
    return SignedCheckpoints(
        items=items, next=next_link(request, page[-1].size if len(page) < len(asked) else None)
    )


@router.get("/tenants/{tenant}/head", responses=_ERRORS, operation_id="read_tenant_head")
async def read_tenant_head(
    caller: Reader, parts: PartsOf, tenant: Name, _query: Annotated[NoParameters, Query()]
) -> TenantHead:
    """How many entries a tenant has under the newest checkpoint, by the log's own word."""
    refuse_foreign(caller, tenant)
    checkpoint = await _signed(parts)
    stored = await parts.trail.tenant_head(caller, tenant, checkpoint.size)
    if stored is None:
        raise not_found("tenant's head yet")
    said = orjson.loads(decode_entry(stored.entry)[0].value or b"{}")
    hashes = await parts.prover.inclusion(stored.leaf_index, checkpoint.size)
    return TenantHead(
        tenant=tenant,
        size=said["size"],
        root=said["root"],
        entry=b64encode(stored.entry).decode(),
        proof=InclusionProof(
            index=stored.leaf_index,
            size=checkpoint.size,
            leaf_hash=stored.leaf_hash.hex(),
            hashes=[each.hex() for each in hashes],
        ),
        checkpoint=checkpoint.note.decode(),
    )


@router.get("/entries/{index}/proof", responses=_ERRORS, operation_id="read_inclusion_proof")
async def read_inclusion_proof(
    caller: Reader, parts: PartsOf, index: Index, query: Annotated[ProofQuery, Query()]
) -> InclusionProof:
    """That an entry is in the log; another tenant's is answered like one that never was."""
    stored, checkpoint = await parts.trail.entry_and_checkpoint(caller, index)
    if stored is None:
        raise not_found("audit entry")
    size = query.size or _there(checkpoint).size
    prover = await _prover(parts, size, checkpoint)
    if index >= size:
        raise invalid("size", f"entry {index} is not in a tree of {size} entries")
    hashes = await prover.inclusion(index, size)
    return InclusionProof(
        index=index, size=size, leaf_hash=stored.leaf_hash.hex(), hashes=[each.hex() for each in hashes]
    )


@router.get(
    "/entries/{index}/evidence",
    response_class=Response,
    responses=_ERRORS,
    operation_id="read_entry_evidence",
)
async def read_entry_evidence(
    caller: Reader, parts: PartsOf, index: Index, _query: Annotated[NoParameters, Query()]
) -> Response:
    """Entry, proof and checkpoint as one C2SP ``.tlog-proof`` file, to be checked offline.

    Evidence of what corrects the entry, and of what it corrects, is named in ``Link`` headers.
    """
    stored, newest = await parts.trail.entry_and_checkpoint(caller, index)
    if stored is None:
        raise not_found("audit entry")
    checkpoint = _there(newest)
    if index >= checkpoint.size:
        raise not_found("checkpoint over this entry yet")
    hashes = await parts.prover.inclusion(index, checkpoint.size)
    file = ProofFile(index, tuple(hashes), checkpoint.note, stored.entry)
    name = {"Content-Disposition": f'attachment; filename="{index}.tlog-proof"'}
    response = Response(file.encode(), media_type=_NOTE, headers={**_PRIVATE, **name})
    (view,) = await together(parts.trail, caller, [entry_view(stored, {}, with_large_value=False)])
    for other, title in _beside(view):
        response.headers.append("Link", f'</entries/{other}/evidence>; rel="related"; title="{title}"')
    return response


@router.get("/consistency", responses=_ERRORS, operation_id="read_consistency_proof")
async def read_consistency_proof(
    _caller: Reader, parts: PartsOf, query: Annotated[ConsistencyQuery, Query()]
) -> ConsistencyProof:
    """That the log of one size continues that of another."""
    if query.from_ > query.to:
        raise invalid("from", f"{query.from_} is above {query.to}")
    prover = await _prover(parts, query.to, await parts.trail.checkpoint())
    hashes = await prover.consistency(query.from_, query.to)
    return ConsistencyProof(from_=query.from_, to=query.to, hashes=[each.hex() for each in hashes])


def _beside(view: Entry) -> Iterator[tuple[int, str]]:
    yield from ((each.index, "corrected by") for each in view.corrections)
    if view.corrects is not None:
        yield view.corrects.index, "corrects"


async def _signed(parts: Parts) -> SignedSize:
    return _there(await parts.trail.checkpoint())


def _there(checkpoint: SignedSize | None) -> SignedSize:
    if checkpoint is None:
        raise not_found("checkpoint yet")
    return checkpoint


async def _prover(parts: Parts, size: int, checkpoint: SignedSize | None) -> TileProver:
    """What proves in the tree of a size, which the log must have; it remembers nothing that is not signed."""
    if checkpoint is not None and size <= checkpoint.size:
        return parts.prover
    held = await parts.trail.size()
    if size > held:
        raise invalid("size", f"the log has {held} entries")
    return TileProver(parts.trail.tiles)
