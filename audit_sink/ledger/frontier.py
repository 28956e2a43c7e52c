"""A growing tree held as its partial tiles: what appending needs to make the full ones.

Beside :class:`~audit_sink.ledger.tree.RightEdge`, which gives a root after every append, a frontier
keeps the hashes of each level that fill no tile yet: at most 255 a level.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from audit_sink.ledger.tiles import HEIGHT, WIDTH, perfect_root
from audit_sink.ledger.tree import RightEdge


class FullTile(NamedTuple):
    """A tile that will never change; ``root`` is its hash in the level above."""

    level: int
    place: int
    hashes: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of ``size`` leaves; ``rows`` has the hashes of its partial tiles, leaves first.

    Raises ValueError where sizes and rows disagree.
    """

    size: int = 0
    rows: tuple[tuple[bytes, ...], ...] = ()

    def __post_init__(self) -> None:
        if tuple(map(len, self.rows)) != widths(self.size):
            raise ValueError(f"rows of {[len(row) for row in self.rows]} are no frontier of {self.size}")

    def extend(self, leaves: Sequence[bytes]) -> "tuple[Frontier, list[FullTile]]":
        """The tree with these leaf hashes appended, and the tiles that they filled, lower levels first."""
        rows: list[tuple[bytes, ...]] = []
        full: list[FullTile] = []
        carried: Sequence[bytes] = leaves
        for level in range(len(widths(self.size + len(leaves)))):
            before = self.rows[level] if level < len(self.rows) else ()
            row = [*before, *carried]
            place = self.size >> (HEIGHT * (level + 1))
            carried = []
            while len(row) >= WIDTH:
                hashes = b"".join(row[:WIDTH])
                root = perfect_root(hashes)
                full.append(FullTile(level, place, hashes, root))
                carried.append(root)
                del row[:WIDTH]
                place += 1
            rows.append(tuple(row))
        return Frontier(self.size + len(leaves), tuple(rows)), full

    def extend_tiles(self, roots: Sequence[bytes]) -> "tuple[Frontier, list[FullTile]]":
        """The tree with whole tiles of leaves appended, by their roots; the tiles above that they fill.

        Raises ValueError within a tile.
        """
        if self.size % WIDTH:
            raise ValueError(f"size {self.size} is inside a tile")
        upper, full = Frontier(self.size >> HEIGHT, self.rows[1:]).extend(roots)
        size = self.size + WIDTH * len(roots)
        rows = ((), *upper.rows) if size else ()
        return Frontier(size, rows), [tile._replace(level=tile.level + 1) for tile in full]

    def edge(self) -> RightEdge:
        """The same tree by its right edge; at most 255 hashes a level are computed."""
        return RightEdge(self.size, tuple(self._subtrees()))

    def _subtrees(self) -> Iterator[bytes]:
        for row in reversed(self.rows):
            start = 0
            while start < len(row):
                count = 1 << (len(row) - start).bit_length() - 1
                yield perfect_root(b"".join(row[start : start + count]))
                start += count


def widths(size: int) -> tuple[int, ...]:
    """How many hashes each level's partial tile has in a tree of ``size`` leaves."""
    found = []
    while size:
        found.append(size & (WIDTH - 1))
        size >>= HEIGHT
    return tuple(found)
