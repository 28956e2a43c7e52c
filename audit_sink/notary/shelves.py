"""Reading hashes and entries back from the shelf, and proofs made from its tiles."""

from collections.abc import Sequence

from audit_sink.errors import Diverged
from audit_sink.ledger.proofs import Node, consistency_plan, fold, inclusion_plan
from audit_sink.ledger.tiles import Tile, hash_in, tile_of
from audit_sink.ledger.tree import HASH_BYTES
from audit_sink.notary.ports import ShelfReader

KEPT = "wall"
"""Prefix of what is locked."""
EDGE = "edge"
"""Prefix of what later objects replace."""


async def partial(shelf: ShelfReader, path: str, full: str) -> bytes | None:
    """A partial tile or bundle, or the full one that it became; None where neither is there."""
    for name in (f"{EDGE}/{path}", f"{KEPT}/{path}", f"{KEPT}/{full}"):
        if (data := await shelf.get(name)) is not None:
            return data
    return None


async def tile_bytes(shelf: ShelfReader, tile: Tile) -> bytes:
    """A tile's hashes; raises :class:`~audit_sink.errors.Diverged` where they are not on the shelf."""
    data = await partial(shelf, tile.path, Tile(tile.level, tile.place).path)
    if data is None or len(data) < tile.width * HASH_BYTES:
        raise Diverged(f"{tile.path} is not on the shelf")
    return data[: tile.width * HASH_BYTES]


class TileProver:
    """Proofs from the tiles of a shelf; not verified here."""

    def __init__(self, shelf: ShelfReader) -> None:
        self._shelf = shelf

    async def inclusion(self, index: int, size: int) -> Sequence[bytes]:
        """The inclusion proof of an index in the tree of ``size`` leaves."""
        return await self._fold(inclusion_plan(index, size), size)

    async def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """The consistency proof between two sizes."""
        return await self._fold(consistency_plan(old, new), new)

    async def _fold(self, plan: Sequence[Sequence[Node]], size: int) -> Sequence[bytes]:
        tiles: dict[Tile, bytes] = {}
        hashes: dict[Node, bytes] = {}
        for node in {node for nodes in plan for node in nodes}:
            tile = tile_of(node, size)
            if tile not in tiles:
                tiles[tile] = await tile_bytes(self._shelf, tile)
            hashes[node] = hash_in(tile, tiles[tile], node)
        return fold(plan, hashes)
