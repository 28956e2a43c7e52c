"""A bounded look at a log of any size: its newest entries, a random sample, and all that was signed.

What it reads is proven as in the whole run. What it leaves out it names: the report says how many entries
were looked at, and the checks that need every entry are not among those that were made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom
from typing import Final

from audit_sink.ledger.frontier import Frontier, widths
from audit_sink.ledger.proofs import BadProof, check_consistency, check_inclusion
from audit_sink.ledger.prover import TileProver
from audit_sink.ledger.tiles import WIDTH, Bundle, Tile, hashes_of
from audit_sink.verify.checkpoints import Checkpoints, read_checkpoints
from audit_sink.verify.chunk import Chunk, read_chunk
from audit_sink.verify.pruned import kept_tiles
from audit_sink.verify.report import Report
from audit_sink.verify.said import Said
from audit_sink.verify.sources import Files, tile_or_wider
from audit_sink.verify.trust import Trust
from audit_sink.verify.values import check_value
from audit_sink.wall import NOTARY_LANE
from schemas.leaf import decode_entry

NEWEST: Final = 4_096
SAMPLE: Final = 256


class Missing(Exception):
    """A tile is not there; the text names it."""


@dataclass(slots=True)
class QuickCheck:
    """One look. ``newest`` entries are read to the end of the log, ``sample`` others are drawn."""

    files: Files
    trust: Trust
    report: Report
    newest: int = NEWEST
    sample: int = SAMPLE

    async def run(self, since: Sequence[bytes], now: datetime) -> None:
        """The checks; ``since`` are notes that were kept from earlier."""
        checkpoints = await read_checkpoints(self.files, self.trust, self.report, since)
        if checkpoints is None:
            return
        size = checkpoints.newest.size
        prover = TileProver(self._tiles_bytes)
        try:
            await self._consistency(checkpoints, prover)
            start = max(size - self.newest, 0) // WIDTH * WIDTH
            said = Said(self.report, self.trust, start)
            await self._tail(checkpoints, start, said)
            for index in sorted(SystemRandom().sample(range(start), min(self.sample, start))):
                await self._sampled(checkpoints, prover, index)
        except Missing as error:
            self.report.check("tiles").fail(str(error))
            return
        said.check_fresh(now)
        self.report.looked_at = size - start + min(self.sample, start)
        self.report.finished = not self.report.unread

    async def _consistency(self, checkpoints: Checkpoints, prover: TileProver) -> None:
        check = self.report.check("consistency")
        newest = checkpoints.newest
        for each in checkpoints.others:
            check.compared += 1
            proof = await prover.consistency(each.size, newest.size)
            try:
                check_consistency(each.size, newest.size, each.root, newest.root, proof)
            except BadProof as error:
                check.fail(f"the checkpoint of size {each.size} is no prefix of this log: {error}")

    async def _tail(self, checkpoints: Checkpoints, start: int, said: Said) -> None:
        """The entries from ``start`` on, upon the tree of those before, give the root that is signed."""
        newest = checkpoints.newest
        frontier = await self._frontier(start)
        said.whole.frontier = frontier
        for first in range(start, newest.size, WIDTH):
            chunk = await self._bundle(first, min(WIDTH, newest.size - first))
            if chunk is None:
                return
            frontier, _ = frontier.extend(hashes_of(chunk.tiles[0]))
            if first in self.report.unread:
                said.pass_over(chunk.tiles)
            else:
                said.follow(chunk)
            for index, entry in chunk.noted:
                record, large = decode_entry(entry)
                if large is not None:
                    await check_value(self.files, self.report, index, *large)
                if record.topic == NOTARY_LANE.topic:
                    said.hear(index, record)
        check = self.report.check("root")
        check.compared += 1
        if frontier.edge().root() != newest.root:
            check.fail(f"the newest entries give another root at size {newest.size}")

    async def _sampled(self, checkpoints: Checkpoints, prover: TileProver, index: int) -> None:
        chunk = await self._bundle(index - index % WIDTH, WIDTH)
        if chunk is None:
            return
        leaf = hashes_of(chunk.tiles[0])[index % WIDTH]
        check = self.report.check("root")
        check.compared += 1
        proof = await prover.inclusion(index, checkpoints.newest.size)
        try:
            check_inclusion(leaf, index, checkpoints.newest.size, proof, checkpoints.newest.root)
        except BadProof as error:
            check.fail(f"entry {index} is not under the checkpoint: {error}", index)

    async def _bundle(self, first: int, width: int) -> Chunk | None:
        data = await tile_or_wider(self.files, Bundle(first // WIDTH, width))
        size = self.report.check("size")
        if data is None:
            if kept := await kept_tiles(self.files, first, self.report.size):
                self.report.unread = sorted({*self.report.unread, first})
                return Chunk(first, WIDTH, tiles=[kept[0]])
            size.fail(f"the entries from {first} on are not there", first)
            return None
        chunk = read_chunk(first, first + width, [data])
        size.compared += chunk.count
        self.report.check("bytes").compared += chunk.count
        for check, message, index in chunk.problems:
            self.report.check(check).fail(message, index)
        return chunk if chunk.count == width else None

    async def _frontier(self, size: int) -> Frontier:
        """The tree of an earlier size, from the tiles of the newest."""
        rows: list[tuple[bytes, ...]] = []
        for level, width in enumerate(widths(size)):
            place = size >> (8 * (level + 1))
            now = min((self.report.size >> (8 * level)) - place * WIDTH, WIDTH)
            row = hashes_of(await self._tile_bytes(Tile(level, place, now)))[:width] if width else []
            rows.append(tuple(row))
        return Frontier(size, tuple(rows))

    async def _tiles_bytes(self, tiles: Sequence[Tile]) -> Sequence[bytes]:
        return [await self._tile_bytes(tile) for tile in tiles]

    async def _tile_bytes(self, tile: Tile) -> bytes:
        data = await tile_or_wider(self.files, tile)
        if data is None or len(data) < 32 * tile.width:
            raise Missing(f"{tile.path} is not there")
        return data[: 32 * tile.width]
