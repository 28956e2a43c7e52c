"""The whole log, entry by entry: everything that follows from its files and the public keys alone."""

from base64 import b64decode, b64encode
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any

from audit_sink.ledger.correction import is_correction
from audit_sink.ledger.frontier import Frontier, FullTile
from audit_sink.ledger.tiles import WIDTH, Tile, hashes_of, perfect_root
from audit_sink.ledger.tree import RightEdge
from audit_sink.retention.rules import RETENTION
from audit_sink.verify.checkpoints import Checkpoints, read_checkpoints
from audit_sink.verify.chunk import Chunk
from audit_sink.verify.corrections import Corrections
from audit_sink.verify.fetching import JOBS, Fetched, chunks
from audit_sink.verify.pruned import Pruned, kept_tiles
from audit_sink.verify.report import Name, Report
from audit_sink.verify.said import Said
from audit_sink.verify.sources import Files, tile_or_wider
from audit_sink.verify.state import Kept, frontier_of, saved_frontier
from audit_sink.verify.trust import Trust
from audit_sink.verify.values import check_value
from audit_sink.wall import NOTARY_LANE
from schemas.leaf import decode_entry

Progress = Callable[[int, int], None]
"""Called with entries read and entries in all."""


class LogCheck:
    """One run over the files of a log. With ``kept``, it goes on where an earlier one stopped."""

    def __init__(
        self,
        files: Files,
        trust: Trust,
        report: Report,
        progress: Progress,
        kept: Kept | None = None,
        jobs: int = JOBS,
    ) -> None:
        self._files = files
        self._report = report
        self._progress = progress
        self._kept = kept
        self._jobs = jobs
        self._trust = trust
        self._frontier = Frontier()
        self._said = Said(report, trust)
        self._corrections = Corrections(report.check("corrections"))
        self._pruned = Pruned(report)
        self._roots: dict[int, bytes] = {0: RightEdge().root()}

    async def run(self, since: Sequence[bytes], now: datetime) -> None:
        """All checks; ``since`` are notes that were kept from earlier."""
        before = self._kept.part("files") if self._kept is not None else None
        note = b64decode(before["note"]) if before is not None else None
        checkpoints = await read_checkpoints(self._files, self._trust, self._report, since, note)
        if checkpoints is None:
            return
        if before is not None:
            self._go_on(before)
        await self._read(checkpoints)
        await self._corrections.compare(self._files, self._frontier.size)
        await self._pruned.compare(self._files)
        self._check_roots(checkpoints)
        self._said.check_fresh(now)
        self._report.finished = True

    async def _read(self, checkpoints: Checkpoints) -> None:
        size = checkpoints.newest.size
        while (missing := await self._read_on(checkpoints)) is not None:
            if not await self._pass_over(missing, size):
                self._report.check("size").fail(f"the entries from {missing} on are not there", missing)
                return
        if self._frontier.size < size:
            return
        for level, row in enumerate(self._frontier.rows):
            if row and level:
                await self._tile(Tile(level, size >> (8 * (level + 1)), len(row)), b"".join(row))

    async def _read_on(self, checkpoints: Checkpoints) -> int | None:
        """Reads up to the first bundle that is not there; its first entry, None where all are."""
        size = checkpoints.newest.size
        start = self._frontier.size
        async with aclosing(chunks(self._files, start, size, self._jobs)) as fetching:
            async for fetched in fetching:
                await self._take(fetched)
                if self._frontier.size < fetched.end:
                    return fetched.chunk.missing
                if self._kept is not None and (self._kept.due() or self._frontier.size == size):
                    self._save(self._kept, checkpoints)
                self._progress(self._frontier.size, size)
        return None

    async def _pass_over(self, missing: int, size: int) -> bool:
        """Takes what is not there from ``missing`` on by its stored hashes; whether there are any."""
        first = missing
        while missing == self._frontier.size and (tiles := await kept_tiles(self._files, missing, size)):
            roots = [perfect_root(tile) for tile in tiles]
            chunk = Chunk(missing, WIDTH * len(tiles), tiles=list(tiles), roots=roots)
            await self._grow(chunk)
            self._said.pass_over(tiles)
            missing += chunk.count
            self._pruned.miss(chunk.first, missing)
            self._progress(missing, size)
        return missing > first

    def _save(self, kept: Kept, checkpoints: Checkpoints) -> None:
        position = {
            "note": b64encode(checkpoints.note).decode(),
            "frontier": saved_frontier(self._frontier),
            "roots": {str(size): root.hex() for size, root in self._roots.items()},
            "said": self._said.saved(),
            "corrections": self._corrections.saved(),
            "pruned": self._pruned.saved(),
        }
        kept.save("files", position, self._report)

    def _go_on(self, before: Mapping[str, Any]) -> None:
        """Unless a checkpoint has turned up whose entries were passed without it."""
        frontier = frontier_of(before["frontier"])
        roots = {int(size): bytes.fromhex(root) for size, root in before["roots"].items()}
        if all(size in roots for size in self._report.signed_sizes if size <= frontier.size):
            self._frontier, self._roots = frontier, roots
            self._said.restore(before["said"])
            self._corrections.restore(before["corrections"])
            self._pruned.restore(before["pruned"])
            # Notes are few and were read anew.
            self._report.restore(each for each in before["checks"] if each["name"] not in ("note", "fresh"))
            self._corrections.check = self._report.check("corrections")

    async def _take(self, fetched: Fetched) -> None:
        chunk = fetched.chunk
        names: tuple[Name, ...] = ("size", "bytes")
        for name in names:
            self._report.check(name).compared += chunk.count
        for check, message, index in chunk.problems:
            self._report.check(check).fail(message, index)
        for place, (tile, stored) in enumerate(zip(chunk.tiles, fetched.tiles, strict=False)):
            self._compare(Tile(0, chunk.first // WIDTH + place, len(tile) // 32), stored, tile)
        await self._grow(chunk)
        self._said.follow(chunk)
        self._corrections.follow(chunk.marks)
        for index, entry in chunk.noted:
            record, large = decode_entry(entry)
            if large is not None:
                await check_value(self._files, self._report, index, *large)
            if record.topic == NOTARY_LANE.topic:
                self._said.hear(index, record)
            elif is_correction(record):
                self._corrections.hear(index, record)
            elif dict(record.headers).get("ce_type") == RETENTION.encode():
                self._pruned.hear(index, entry)

    async def _grow(self, chunk: Chunk) -> None:
        """Takes the leaves of the next chunk."""
        self._note_roots(chunk)
        self._frontier, full = _extended(self._frontier, chunk)
        for each in full:
            await self._tile(Tile(each.level, each.place), each.hashes)

    def _note_roots(self, chunk: Chunk) -> None:
        """The roots at the sizes that are signed, while the leaves before them are at hand."""
        sizes = self._report.signed_sizes
        first, end = bisect_right(sizes, chunk.first), bisect_right(sizes, chunk.first + chunk.count)
        for size in sizes[first:end]:
            tiles, rest = divmod(size - chunk.first, WIDTH)
            frontier, _ = self._frontier.extend_tiles(chunk.roots[:tiles])
            if rest:
                frontier, _ = frontier.extend(hashes_of(chunk.tiles[tiles])[:rest])
            self._roots[size] = frontier.edge().root()

    async def _tile(self, tile: Tile, hashes: bytes) -> None:
        self._compare(tile, await tile_or_wider(self._files, tile), hashes)

    def _compare(self, tile: Tile, stored: bytes | None, hashes: bytes) -> None:
        check = self._report.check("tiles")
        check.compared += 1
        first = tile.place << (8 * (tile.level + 1))
        if stored is None:
            check.fail(f"{tile.path} is not there", first)
        elif stored[: len(hashes)] != hashes:
            check.fail(f"{tile.path} has other hashes", first)

    def _check_roots(self, checkpoints: Checkpoints) -> None:
        check, consistency = self._report.check("root"), self._report.check("consistency")
        for checkpoint in checkpoints.all:
            check.compared += 1
            consistency.compared += 1
            root = self._roots.get(checkpoint.size)
            if root is None:
                check.fail(f"size {checkpoint.size} was not reached")
            elif root != checkpoint.root:
                check.fail(f"the entries give another root at size {checkpoint.size}")
                consistency.fail(f"the checkpoint of size {checkpoint.size} is no prefix of this log")


def _extended(frontier: Frontier, chunk: Chunk) -> tuple[Frontier, Sequence[FullTile]]:
    """The tree with a chunk's leaves; the level-0 tiles are the chunk's own."""
    after, full = frontier.extend_tiles(chunk.roots)
    if len(chunk.tiles) > len(chunk.roots):
        after, _ = after.extend(hashes_of(chunk.tiles[-1]))
    return after, full
