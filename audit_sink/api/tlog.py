"""``/tlog/…``: the log as one C2SP tlog-tiles prefix, whatever part of it is locked in the bucket by now."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response

from audit_sink.api.callers import AuditorOfAll, PartsOf
from audit_sink.api.filters import NoParameters
from audit_sink.api.trail import Filters, Trail
from audit_sink.ledger.tiles import HEIGHT, WIDTH, Bundle, Tile, encode_bundle, read_path
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

router = APIRouter(prefix="/tlog", tags=["audit wall"])

_NOTE: Final = "text/plain; charset=utf-8"
_BYTES: Final = "application/octet-stream"
_MUTABLE: Final = {"Cache-Control": "private, no-store", "Vary": "Authorization"}
_FINAL: Final = {"Cache-Control": "private, max-age=31536000, immutable", "Vary": "Authorization"}


@router.get(
    "/{path:path}",
    response_class=Response,
    responses=responses(UNAUTHENTICATED, SCOPE_MISSING, INVALID_PARAMETER, NOT_FOUND, INTERNAL, UNAVAILABLE),
    operation_id="read_log_file",
)
async def read_log_file(
    caller: AuditorOfAll,
    parts: PartsOf,
    path: Annotated[str, Path(examples=["checkpoint", "tile/0/000", "tile/entries/000.p/17"])],
    _query: Annotated[NoParameters, Query()],
) -> Response:
    """A file of the log: its checkpoint, a tile, a bundle of entries, or a value that an entry digests."""
    checkpoint = await parts.trail.checkpoint()
    if checkpoint is None:
        raise not_found("checkpoint yet")
    if path == "checkpoint":
        return Response(checkpoint.note, media_type=_NOTE, headers=_MUTABLE)
    if path.startswith("blob/"):
        return await _blob(parts.trail, caller, path.removeprefix("blob/"))
    tile = read_path(path)
    if tile is None or not _within(tile, checkpoint.size):
        raise not_found("file of the log")
    if isinstance(tile, Tile):
        (data,) = await parts.trail.tiles([tile])
    else:
        found = await parts.trail.entries(caller, Filters(), tile.place * WIDTH - 1, "asc", tile.width)
        data = encode_bundle([stored.entry for stored in found])
    return Response(data, media_type=_BYTES, headers=_FINAL)


async def _blob(trail: Trail, caller: Caller, name: str) -> Response:
    try:
        digest = bytes.fromhex(name)
    except ValueError:
        digest = b""
    found = list((await trail.large_values(caller, [digest])).values()) if digest.hex() == name else []
    if not found:
        raise not_found("file of the log")
    return Response(found[0], media_type=_BYTES, headers=_FINAL)


def _within(tile: Tile | Bundle, size: int) -> bool:
    level = tile.level if isinstance(tile, Tile) else 0
    return tile.place * WIDTH + tile.width <= size >> (HEIGHT * level)
