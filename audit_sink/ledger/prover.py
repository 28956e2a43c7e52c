"""Proofs from tiles, wherever these are kept."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from audit_sink.ledger.proofs import Plan, consistency_plan, fold, inclusion_plan
from audit_sink.ledger.tiles import Pyramid, Tile, hash_in, hashes_of, pyramid, tile_of

TilesBytes = Callable[[Sequence[Tile]], Awaitable[Sequence[bytes]]]
"""The hashes of each of some tiles, of exactly its width."""

KEPT: Final = 64
"""Tiles that a prover remembers: proofs of neighbours share nearly all of theirs."""


class TileProver:
    """Makes proofs; a tile is asked for once while it is remembered. Nothing is verified here.

    It may be kept for as long as a log lasts, where it is only asked for trees whose leaves are final.
    """

    def __init__(self, tiles: TilesBytes) -> None:
        self._tiles = tiles
        self._kept: dict[Tile, Pyramid] = {}

    async def inclusion(self, index: int, size: int) -> Sequence[bytes]:
        """The inclusion proof of an index in the tree of ``size`` leaves; ValueError outside it."""
        return await self._fold(inclusion_plan(index, size), size)

    async def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """The consistency proof between two sizes; ValueError where ``old`` is the larger."""
        return await self._fold(consistency_plan(old, new), new)

    async def _fold(self, plan: Plan, size: int) -> Sequence[bytes]:
        places = {node: tile_of(node, size) for nodes in plan for node in nodes}
        rows = await self._rows(sorted(set(places.values())))
        return fold(plan, {node: hash_in(tile, rows[tile], node) for node, tile in places.items()})

    async def _rows(self, tiles: Sequence[Tile]) -> Mapping[Tile, Pyramid]:
        kept = self._kept
        rows = {tile: kept[tile] for tile in tiles if tile in kept}
        if missing := [tile for tile in tiles if tile not in rows]:
            for tile, data in zip(missing, await self._tiles(missing), strict=True):
                rows[tile] = pyramid(hashes_of(data))
        for tile, row in rows.items():  # the last used stand last
            kept.pop(tile, None)
            kept[tile] = row
        while len(kept) > KEPT:
            del kept[next(iter(kept))]
        return rows
