"""What a rebuild believes and reads: the newest signed checkpoint, and the files under it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from audit_sink.errors import Diverged, Forked, Lacking, Unavailable
from audit_sink.ledger.checkpoint import Checkpoint
from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.tiles import WIDTH, Bundle, Tile, decode_bundle, hashes_of
from audit_sink.ledger.tree import RightEdge
from audit_sink.notary.shelves import KEPT
from audit_sink.verify.sources import Folder, tile_or_wider
from audit_sink.verify.trust import Trust
from schemas.leaf import leaf_hash


class Objects(Protocol):
    """The log's bucket. Methods raise :class:`~audit_sink.errors.Unavailable`."""

    async def get(self, path: str) -> bytes | None:
        """A file by its C2SP name."""

    def kept_checkpoints(self) -> AsyncIterator[bytes]:
        """The checkpoints that are locked, in no order."""

    def names(self, prefix: str) -> AsyncIterator[str]:
        """The objects whose names begin so."""


@dataclass(frozen=True, slots=True)
class WithExports:
    """A bucket, and what it lacks of entries and their values from the exports of pruned ranges.

    Whoever reads compares both with what is signed.
    """

    bucket: Objects
    exports: Sequence[Folder]

    async def get(self, path: str) -> bytes | None:
        found = await self.bucket.get(path)
        for export in self.exports if path.startswith(("tile/entries/", "blob/")) else ():
            found = found if found is not None else await export.get(path)
        return found

    def kept_checkpoints(self) -> AsyncIterator[bytes]:
        return self.bucket.kept_checkpoints()

    def names(self, prefix: str) -> AsyncIterator[str]:
        return self.bucket.names(prefix)


@dataclass(frozen=True, slots=True)
class Target:
    """What is rebuilt: the log up to ``checkpoint``."""

    checkpoint: Checkpoint
    sizes: frozenset[int]
    """Sizes with a kept checkpoint: transactions end there, so that each can be compared."""


async def find_target(objects: Objects, trust: Trust, since: Sequence[bytes]) -> Target:
    """The largest of the bucket's checkpoints and of the notes ``since``.

    Raises BadNote for one that the trusted keys did not sign, and Unavailable where there is none.
    """
    prefix = f"{KEPT}/checkpoint/"
    names = [name.removeprefix(prefix) async for name in objects.names(prefix)]
    sizes = {int(name) for name in names if name.isdigit()}
    notes = [*since]
    if (newest := await objects.get("checkpoint")) is not None:
        notes.append(newest)
    if sizes and (locked := await objects.get(f"checkpoint/{max(sizes)}")) is not None:
        notes.append(locked)
    if not notes:
        raise Unavailable("the bucket has no checkpoint")
    checkpoints = [trust.checkpoint(note) for note in notes]
    largest = max(checkpoints, key=lambda each: each.size)
    for each in checkpoints:
        if each.size == largest.size and each.root != largest.root:
            raise Forked(f"two checkpoints of size {each.size} are signed; keep both: they are the proof")
    return Target(largest, frozenset(sizes | {largest.size}))


@dataclass(frozen=True, slots=True)
class Promise:
    """The leaf hashes from a size on, by the digest of each tile: they lead to the signed root."""

    first: int
    checkpoint: Checkpoint
    digests: tuple[bytes, ...]


async def promise(objects: Objects, stored: Frontier, checkpoint: Checkpoint) -> Promise:
    """Reads the leaf hashes after ``stored``: nothing is written before they give the signed root.

    Raises :class:`~audit_sink.errors.Forked` where they do not.
    """
    frontier, digests = stored, []
    for tile in _leaf_tiles(stored.size, checkpoint.size):
        data = await tile_or_wider(objects, tile)
        if data is None:
            raise Unavailable(f"{tile.path} is not in the bucket")
        hashes = hashes_of(data)[: tile.width]
        digests.append(_digest(hashes))
        frontier = frontier.extend(hashes[frontier.size - tile.place * WIDTH :])[0]
    if frontier.size != checkpoint.size or frontier.edge().root() != checkpoint.root:
        raise Forked(
            f"the database's {stored.size} entries and the bucket's tiles do not give the root that is signed"
            f" at size {checkpoint.size}: one of them is not this log. `governance audit verify` tells which;"
            " nothing was written."
        )
    return Promise(stored.size, checkpoint, tuple(digests))


async def entries(objects: Objects, promised: Promise) -> AsyncIterator[list[bytes]]:
    """The entries of a promise, a bundle at a time, each checked against it; raises Lacking, Diverged."""
    size = promised.checkpoint.size
    for tile, digest in zip(_leaf_tiles(promised.first, size), promised.digests, strict=True):
        bundle = Bundle(tile.place, tile.width)
        data = await tile_or_wider(objects, bundle)
        if data is None:
            raise Lacking(tile.place * WIDTH, await _found_again(objects, tile, size))
        try:
            found = decode_bundle(data)[: tile.width]
        except ValueError as error:
            raise Diverged(f"{bundle.path}: {error}") from error
        if _digest([leaf_hash(entry) for entry in found]) != digest:
            raise Diverged(f"{bundle.path} holds other entries than those that are signed")
        yield found[max(promised.first - tile.place * WIDTH, 0) :]


async def _found_again(objects: Objects, missing: Tile, size: int) -> int:
    """Where the entries go on after a bundle that is not there."""
    for tile in _leaf_tiles(missing.place * WIDTH, size):
        if await tile_or_wider(objects, Bundle(tile.place, tile.width)) is not None:
            return tile.place * WIDTH
    return size


def edge_after(edge: RightEdge, found: Sequence[bytes]) -> RightEdge:
    """The tree with these entries appended."""
    return edge.extend([leaf_hash(entry) for entry in found])


def _leaf_tiles(first: int, size: int) -> Sequence[Tile]:
    """The level-0 tiles over leaves ``first`` to ``size - 1``, whole but for the last."""
    places = range(first // WIDTH, -(-size // WIDTH)) if first < size else range(0)
    return [Tile(0, place, min(WIDTH, size - place * WIDTH)) for place in places]


def _digest(hashes: Sequence[bytes]) -> bytes:
    return sha256(b"".join(hashes)).digest()
