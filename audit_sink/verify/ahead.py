"""A tree of which a root is stated some leaves later."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.tiles import WIDTH, hashes_of, perfect_root
from audit_sink.ledger.tree import HASH_BYTES
from audit_sink.verify.state import frontier_of, saved_frontier

TILE_BYTES: Final = WIDTH * HASH_BYTES


@dataclass(slots=True)
class Ahead:
    """The tree up to about the size that was asked for last, and the leaf hashes after it."""

    frontier: Frontier = field(default_factory=Frontier)
    """Whole tiles."""
    waiting: bytearray = field(default_factory=bytearray)
    roots: list[bytes] = field(default_factory=list)
    """Over the full tiles of what waits: a stated root needs few hashes more."""

    @property
    def size(self) -> int:
        """All leaves."""
        return self.frontier.size + len(self.waiting) // HASH_BYTES

    def follow(self, leaves: bytes | bytearray, roots: Sequence[bytes] = ()) -> None:
        """Takes the leaf hashes that come next, joined, and what is known of the roots over their tiles."""
        self.waiting += leaves
        self.roots += roots
        known = len(self.roots) * TILE_BYTES
        for at in range(known, len(self.waiting) - TILE_BYTES + 1, TILE_BYTES):
            self.roots.append(perfect_root(bytes(self.waiting[at : at + TILE_BYTES])))

    def root_at(self, size: int) -> bytes | None:
        """The root at a size from the tile of the last one asked for up to now; None outside."""
        if not self.frontier.size <= size <= self.size:
            return None
        tiles, rest = divmod(size - self.frontier.size, WIDTH)
        self.frontier, _ = self.frontier.extend_tiles(self.roots[:tiles])
        del self.roots[:tiles], self.waiting[: tiles * TILE_BYTES]
        newest = hashes_of(bytes(self.waiting[: rest * HASH_BYTES])) if rest else ()
        return self.frontier.extend(newest)[0].edge().root()

    def saved(self) -> Sequence[Any]:
        """All of it, for :func:`ahead_of`."""
        return saved_frontier(self.frontier), b64encode(self.waiting).decode()


def ahead_of(saved: Sequence[Any]) -> Ahead:
    """What :meth:`Ahead.saved` gave."""
    frontier, waiting = saved
    ahead = Ahead(frontier_of(frontier))
    ahead.follow(b64decode(waiting))
    return ahead
