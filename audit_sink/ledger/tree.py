"""The log's Merkle tree (RFC 9162 section 2.1), held as its right edge.

The right edge of a tree of n leaves is the roots of its full subtrees, largest first: one hash per
set bit of n. It is all that appending and the root need, so a restart reads one row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()

_PAIRS = Struct(f"{2 * HASH_BYTES}s").iter_unpack
_NODE = sha256(b"\x01").copy


def parents(hashes: bytes) -> bytes:
    """The hashes above an even number of hashes, all of them joined."""
    row = []
    for (pair,) in _PAIRS(hashes):
        node = _NODE()  # to copy a begun hash costs less than to begin one
        node.update(pair)
        row.append(node.digest())
    return b"".join(row)


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
        row = b"".join(leaves)
        size = self.size
        left: list[bytes] = []  # roots of full subtrees below the level at hand, smallest first
        while row or size:
            if size & 1:
                row = waiting.pop() + row
            if len(row) % (2 * HASH_BYTES):
                left.append(row[-HASH_BYTES:])
                row = row[:-HASH_BYTES]
            row = parents(row)
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
