"""Proofs from tiles, wherever these are kept."""

from collections.abc import Awaitable, Callable, Sequence

from audit_sink.ledger.proofs import Plan, consistency_plan, fold, inclusion_plan
from audit_sink.ledger.tiles import Tile, hash_in, tile_of

TileBytes = Callable[[Tile], Awaitable[bytes]]
"""The hashes of a tile of exactly that width."""


class TileProver:
    """Makes proofs; each tile is asked for once. Nothing is verified here."""

    def __init__(self, tile: TileBytes) -> None:
        self._tile = tile

    async def inclusion(self, index: int, size: int) -> Sequence[bytes]:
        """The inclusion proof of an index in the tree of ``size`` leaves; ValueError outside it."""
        return await self._fold(inclusion_plan(index, size), size)

    async def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """The consistency proof between two sizes; ValueError where ``old`` is the larger."""
        return await self._fold(consistency_plan(old, new), new)

    async def _fold(self, plan: Plan, size: int) -> Sequence[bytes]:
        places = {node: tile_of(node, size) for nodes in plan for node in nodes}
        data = {tile: await self._tile(tile) for tile in sorted(set(places.values()))}
        return fold(plan, {node: hash_in(tile, data[tile], node) for node, tile in places.items()})
