"""The log's Merkle tree (RFC 9162 section 2.1), held as its right edge.

The right edge of a tree of n leaves is the roots of its full subtrees, largest first: one hash per
set bit of n. It is all that appending and the root need, so a restart reads one row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class RightEdge:
    """A tree of ``size`` leaves by its full subtrees' roots, largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.hashes) != self.size.bit_count() or any(len(h) != HASH_BYTES for h in self.hashes):
            raise ValueError(f"{len(self.hashes)} hashes are no right edge of {self.size} leaves")

    def extend(self, leaves: Sequence[bytes]) -> "RightEdge":
        """The tree with these leaf hashes (``SHA-256(0x00 || entry)``) appended; one hash per leaf."""
        waiting = list(self.hashes)
        row = list(leaves)
        size = self.size
        left: list[bytes] = []  # roots of full subtrees below the level at hand, smallest first
        while row or size:
            if size & 1:
                row.insert(0, waiting.pop())
            if len(row) & 1:
                left.append(row.pop())
            pairs = iter(row)
            row = [sha256(b"\x01" + a + b).digest() for a, b in zip(pairs, pairs, strict=True)]
            size >>= 1
        return RightEdge(self.size + len(leaves), tuple(reversed(left)))

    def root(self) -> bytes:
        """The root hash; of the empty tree, the hash of nothing."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for subtree in reversed(self.hashes[:-1]):
            root = sha256(b"\x01" + subtree + root).digest()
        return root

    def encode(self) -> bytes:
        """The hashes, one after the other."""
        return b"".join(self.hashes)


def decode_edge(size: int, data: bytes) -> RightEdge:
    """The edge that :meth:`RightEdge.encode` wrote; raises ValueError where it does not fit ``size``."""
    return RightEdge(size, tuple(_pieces(data)))


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), HASH_BYTES):
        yield data[start : start + HASH_BYTES]
