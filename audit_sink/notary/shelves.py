"""Reading hashes and entries back from the shelf, and proofs made from its tiles."""

from collections.abc import Sequence

from audit_sink.errors import Diverged
from audit_sink.ledger.prover import TileProver
from audit_sink.ledger.tiles import Tile
from audit_sink.ledger.tree import HASH_BYTES
from audit_sink.notary.ports import ShelfReader

KEPT = "wall"
"""Prefix of what is locked."""
EDGE = "edge"
"""Prefix of what later objects replace."""


def blob_path(digest: bytes) -> str:
    """Where a value lies that its entry only names by SHA-256."""
    return f"blob/{digest.hex()}"


async def grown(shelf: ShelfReader, path: str, full: str) -> bytes | None:
    """A partial tile or bundle, or the full one that it became; None where neither is there."""
    for name in (f"{EDGE}/{path}", f"{KEPT}/{path}", f"{KEPT}/{full}"):
        if (data := await shelf.get(name)) is not None:
            return data
    return None


async def tile_bytes(shelf: ShelfReader, tile: Tile) -> bytes:
    """A tile's hashes; raises :class:`~audit_sink.errors.Diverged` where they are not on the shelf."""
    data = await grown(shelf, tile.path, Tile(tile.level, tile.place).path)
    if data is None or len(data) < tile.width * HASH_BYTES:
        raise Diverged(f"{tile.path} is not on the shelf")
    return data[: tile.width * HASH_BYTES]


def prover(shelf: ShelfReader) -> TileProver:
    """Proofs from the tiles of a shelf."""

    async def tiles(asked: Sequence[Tile]) -> Sequence[bytes]:
        return [await tile_bytes(shelf, tile) for tile in asked]

    return TileProver(tiles)
