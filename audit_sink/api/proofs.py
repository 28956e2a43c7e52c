"""``/checkpoint``, ``/consistency``, ``/entries/{index}/proof`` and ``…/evidence``: what the log can prove.

Proofs are made from the wall's own tiles and are worth nothing by themselves: whoever has one checks it
against a checkpoint, and that against the log's public key.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from audit_sink.api.callers import Parts, PartsOf, Reader
from audit_sink.api.filters import MAX_INDEX, NoParameters
from audit_sink.api.models import ConsistencyProof, InclusionProof
from audit_sink.api.trail import StoredEntry
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
from projections.tokens import Caller

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


@router.get("/entries/{index}/proof", responses=_ERRORS, operation_id="read_inclusion_proof")
async def read_inclusion_proof(
    caller: Reader, parts: PartsOf, index: Index, query: Annotated[ProofQuery, Query()]
) -> InclusionProof:
    """That an entry is in the log; another tenant's is answered like one that never was."""
    stored = await _entry(parts, caller, index)
    size = query.size or (await _signed(parts)).size
    await _within(parts, size)
    if index >= size:
        raise invalid("size", f"entry {index} is not in a tree of {size} entries")
    hashes = await TileProver(parts.trail.tile).inclusion(index, size)
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
    """Entry, proof and checkpoint as one C2SP ``.tlog-proof`` file, to be checked offline."""
    stored = await _entry(parts, caller, index)
    checkpoint = await _signed(parts)
    if index >= checkpoint.size:
        raise not_found("checkpoint over this entry yet")
    hashes = await TileProver(parts.trail.tile).inclusion(index, checkpoint.size)
    file = ProofFile(index, tuple(hashes), checkpoint.note, stored.entry)
    name = {"Content-Disposition": f'attachment; filename="{index}.tlog-proof"'}
    return Response(file.encode(), media_type=_NOTE, headers={**_PRIVATE, **name})


@router.get("/consistency", responses=_ERRORS, operation_id="read_consistency_proof")
async def read_consistency_proof(
    _caller: Reader, parts: PartsOf, query: Annotated[ConsistencyQuery, Query()]
) -> ConsistencyProof:
    """That the log of one size continues that of another."""
    if query.from_ > query.to:
        raise invalid("from", f"{query.from_} is above {query.to}")
    await _within(parts, query.to)
    hashes = await TileProver(parts.trail.tile).consistency(query.from_, query.to)
    return ConsistencyProof(from_=query.from_, to=query.to, hashes=[each.hex() for each in hashes])


async def _entry(parts: Parts, caller: Caller, index: int) -> StoredEntry:
    stored = await parts.trail.entry(caller, index)
    if stored is None:
        raise not_found("audit entry")
    return stored


async def _signed(parts: Parts) -> SignedSize:
    checkpoint = await parts.trail.checkpoint()
    if checkpoint is None:
        raise not_found("checkpoint yet")
    return checkpoint


async def _within(parts: Parts, size: int) -> None:
    held = (await parts.trail.head()).size
    if size > held:
        raise invalid("size", f"the log has {held} entries")
