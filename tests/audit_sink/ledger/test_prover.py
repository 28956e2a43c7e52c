"""What a prover asks for, and what it remembers."""

from collections.abc import Sequence

from audit_sink.ledger.proofs import check_inclusion
from audit_sink.ledger.prover import KEPT, TileProver
from audit_sink.ledger.tiles import Tile
from tests.audit_sink.ledger.trees import definition, leaves_of

SIZE = 256 * (KEPT + 3) + 5
LEAVES = leaves_of(SIZE)
ROOT = definition(LEAVES)
ROOTS = [definition(LEAVES[start : start + 256]) for start in range(0, SIZE - 255, 256)]
ROWS = (LEAVES, ROOTS)


class Asked:
    """The tiles of a log of SIZE leaves, and which of them were asked for together."""

    def __init__(self) -> None:
        self.of: list[Sequence[Tile]] = []
        self.prover = TileProver(self.tiles)

    async def tiles(self, tiles: Sequence[Tile]) -> Sequence[bytes]:
        self.of.append(tiles)
        return [b"".join(ROWS[each.level][each.place * 256 :][: each.width]) for each in tiles]

    async def prove(self, index: int) -> None:
        check_inclusion(LEAVES[index], index, SIZE, await self.prover.inclusion(index, SIZE), ROOT)


async def test_a_proof_asks_once_for_all_that_it_needs() -> None:
    asked = Asked()
    await asked.prove(300)
    last, width = SIZE // 256, SIZE % 256
    assert asked.of == [[Tile(0, 1), Tile(0, last, width), Tile(1, 0, last)]]
    await asked.prove(301)
    await asked.prove(700)
    assert asked.of[1:] == [[Tile(0, 2)]]


async def test_tiles_that_every_proof_needs_are_never_asked_for_again() -> None:
    asked = Asked()
    for place in range(KEPT + 2):
        await asked.prove(place * 256 + 9)
    assert asked.of[1:] == [[Tile(0, place)] for place in range(1, KEPT + 2)]
    await asked.prove(9)
    assert asked.of[-1] == [Tile(0, 0)]
