"""The database against its own batch rows, against what was signed, and against the primary database."""

from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.note import BadNote
from audit_sink.ledger.reading import Contradiction, LogReading, StoredEntry
from audit_sink.ledger.tiles import WIDTH
from audit_sink.ledger.tree import HASH_BYTES, decode_edge
from audit_sink.notary.ports import NewRows, WallReader
from audit_sink.retention.rules import RETENTION, said_of
from audit_sink.verify.log import Progress
from audit_sink.verify.pruned import ranges_of, saved_ranges
from audit_sink.verify.report import CLAIMS, Name, PrunedRange, Report
from audit_sink.verify.state import Kept, frontier_of, saved_frontier
from audit_sink.verify.tenants import KeptLeaves, TenantTrees
from audit_sink.verify.trust import Trust
from audit_sink.wall import LOG_TREE, BatchRow, Lane, SignedSize, TreeTile
from schemas.leaf import large_value_of, leaf_hash

AT_ONCE: Final = 16_384
"""Entries read at once."""


class Database(WallReader, KeptLeaves, Protocol):
    """The wall as the role ``gov_audit_notary`` sees it. Every method raises Unavailable."""

    async def checkpoints(self, above: int, limit: int) -> Sequence[SignedSize]:
        """The stored checkpoints above a size, by size."""

    async def tiles(self, asked: Sequence[TreeTile]) -> Mapping[tuple[bytes, int, int], tuple[bytes, bytes]]:
        """Hashes and root of the stored tiles, by tree, level and place, of those that are asked for."""

    async def pruned(self) -> Sequence[tuple[int, int, bytes]]:
        """First index, end and root of the ranges whose entries are gone, by index."""

    async def has_value(self, digest: bytes) -> bool:
        """Whether a value that an entry digests is there, and has that digest."""


class DatabaseCheck:
    """Reads every row up to the newest checkpoint: columns, batch chain, tiles, and what was signed.

    Stops at the first contradiction of a batch row, which everything after it would repeat.
    """

    def __init__(
        self,
        wall: Database,
        trust: Trust,
        report: Report,
        progress: Progress,
        kept: Kept | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        self._wall = wall
        self._trust = trust
        self._report = report
        self._progress = progress
        self._kept = kept
        self._at_once = at_once
        self._reading = LogReading()
        self._log = Frontier()
        self._tenants = TenantTrees(wall, report)
        self._signed = -1
        """Size of the last checkpoint that was compared."""
        self._waiting: list[SignedSize] = []
        self._pruned: Sequence[PrunedRange] = ()
        self._retained: set[PrunedRange] = set()
        """What ``audit.retention`` entries name."""

    async def run(self) -> None:
        """Fills in the report, whose ``size`` and ``root`` are those of the newest checkpoint."""
        report, reading = self._report, self._reading
        if self._kept is not None and (before := self._kept.part("database")) is not None:
            self._go_on(before)
        self._pruned = [PrunedRange(first, end, root.hex()) for first, end, root in await self._wall.pruned()]
        report.pruned = sorted({*report.pruned, *self._pruned})
        self._tenants.pruned = bool(self._pruned)
        try:
            while reading.edge.size < report.size:
                new = await self._wall.rows(reading.batch_no, self._at_once)
                if not new.batches:
                    message = f"the database ends at {reading.edge.size}, signed is {report.size}"
                    report.check("size").fail(message, reading.edge.size)
                    return
                await self._take_all(new)
                if self._kept is not None and self._kept.due():
                    self._save(self._kept)
                self._progress(min(reading.edge.size, report.size), report.size)
            self._check_pruned()
            await self._compare_tiles(await self._tenants.finish(reading.edge.size))
            report.heads_from = None
            if self._kept is not None:
                self._save(self._kept)
        except Contradiction as error:
            name: Name = error.check if error.check in CLAIMS else "batches"
            report.check(name).fail(f"database: {error}", error.index)

    async def _take_all(self, new: NewRows) -> None:
        entries, leaves = deque(new.entries), list[bytes]()
        for row in new.batches:
            mine = []
            while entries and entries[0].leaf_index < row.next_index:
                mine.append(entries.popleft())
            leaves += await self._take(row, mine)
        await self._tiles(new.entries, leaves)

    def _check_pruned(self) -> None:
        """Whoever deletes a range must have had the log say so."""
        for each in self._pruned:
            if each not in self._retained:
                message = "database: a range is gone that no audit.retention entry names"
                self._report.check("size").fail(message, each.first)

    async def _take(self, row: BatchRow, entries: Sequence[StoredEntry]) -> Sequence[bytes]:
        report, reading = self._report, self._reading
        batches, columns = report.check("batches"), report.check("columns")
        before = reading.edge
        if self._is_pruned(row):
            leaves = await self._kept_leaves(row, entries)
            reading.pass_over(row, leaves)
        else:
            leaves = reading.take(row, entries)
        batches.compared += 1
        columns.compared += len(entries)
        if row.next_index == report.size and row.root_after.hex() != report.root:
            raise Contradiction("batches", f"another root at size {report.size} than was signed")
        for stored in entries:
            if stored.event_type == RETENTION:
                said = said_of(stored.leaf_index, stored.tenant_id, RETENTION, stored.entry).body
                self._retained.add(PrunedRange(said["first_index"], said["end_index"], said["root"]))
            if (large := large_value_of(stored.entry)) is not None:
                await self._value(stored.leaf_index, large[0])
        # Not those after the newest that was read from the bucket: the log goes on meanwhile.
        end = min(row.next_index, report.size)
        while (signed := await self._next_checkpoint()) is not None and signed.size <= end:
            root = before.extend(leaves[: signed.size - before.size]).root()
            self._compare(signed, root)
            self._waiting.pop(0)
        return leaves

    def _is_pruned(self, row: BatchRow) -> bool:
        return any(each.first < row.next_index and row.first_index < each.end for each in self._pruned)

    async def _kept_leaves(self, row: BatchRow, entries: Sequence[StoredEntry]) -> list[bytes]:
        """The leaf hashes of a batch row's entries; those of pruned ones from the log's tiles."""
        places = range(row.first_index // WIDTH, -(-row.next_index // WIDTH))
        tiles = await self._wall.tiles([TreeTile(LOG_TREE, 0, place, b"", b"") for place in places])
        leaves = {stored.leaf_index: leaf_hash(stored.entry) for stored in entries}
        self._tenants.owed += row.next_index - row.first_index - len(leaves)
        for index in range(row.first_index, row.next_index):
            if index not in leaves:
                hashes = tiles.get((LOG_TREE, 0, index // WIDTH), (b"", b""))[0]
                start = index % WIDTH * HASH_BYTES
                leaves[index] = hashes[start : start + HASH_BYTES]
        return [leaves[index] for index in range(row.first_index, row.next_index)]

    async def _value(self, index: int, digest: bytes) -> None:
        check = self._report.check("values")
        check.compared += 1
        # That a value has its digest is a constraint of its table, which a superuser can drop.
        if not await self._wall.has_value(digest):
            check.fail(f"database: the value of entry {index} is not there", index)

    async def _next_checkpoint(self) -> SignedSize | None:
        if not self._waiting:
            self._waiting = list(await self._wall.checkpoints(self._signed, AT_ONCE))
        return self._waiting[0] if self._waiting else None

    def _compare(self, signed: SignedSize, root: bytes) -> None:
        self._signed = signed.size
        note, consistency = self._report.check("note"), self._report.check("consistency")
        note.compared += 1
        consistency.compared += 1
        try:
            checkpoint = self._trust.checkpoint(signed.note)
        except BadNote as error:
            note.fail(f"database: checkpoint of size {signed.size}: {error}")
            return
        if (checkpoint.size, checkpoint.root) != (signed.size, signed.root):
            note.fail(f"database: the note of size {signed.size} says something else than its row")
        if signed.root != root:
            consistency.fail(f"database: the checkpoint of size {signed.size} is no prefix of this log")
        if signed.anchored and signed.size not in self._report.signed_sizes:
            consistency.fail(f"the bucket has no checkpoint of size {signed.size}, which the database has")

    async def _tiles(self, entries: Sequence[StoredEntry], log: list[bytes]) -> None:
        """The tiles that filled up, of the log and of every tenant."""
        self._log, full = self._log.extend(log)
        await self._compare_tiles([TreeTile(LOG_TREE, *tile) for tile in full])
        await self._compare_tiles(await self._tenants.take(entries))

    async def _compare_tiles(self, expected: Sequence[TreeTile]) -> None:
        tiles = self._report.check("tiles")
        stored_tiles = await self._wall.tiles(expected)
        for tile in expected:
            tiles.compared += 1
            if stored_tiles.get((tile.tree, tile.level, tile.place)) != (tile.hashes, tile.root):
                whose = tile.tree.decode() or "the log"
                tiles.fail(f"database: tile {tile.level}/{tile.place} of {whose} is not that of the entries")

    def _save(self, kept: Kept) -> None:
        reading = self._reading
        position = {
            "batch_no": reading.batch_no,
            "chain": reading.chain.hex(),
            "size": reading.edge.size,
            "edge": b64encode(reading.edge.encode()).decode(),
            "lanes": [[*lane, *ends] for lane, ends in reading.positions().items()],
            "log": saved_frontier(self._log),
            "tenants": self._tenants.saved(),
            "retained": saved_ranges(self._retained),
            "signed": self._signed,
        }
        kept.save("database", position, self._report)

    def _go_on(self, before: Mapping[str, Any]) -> None:
        reading = self._reading
        reading.batch_no, reading.chain = before["batch_no"], bytes.fromhex(before["chain"])
        reading.edge = decode_edge(before["size"], b64decode(before["edge"]))
        for topic, partition, lane_seq, offset in before["lanes"]:
            reading.lanes.next_seq[Lane(topic, partition)] = lane_seq
            reading.next_offset[Lane(topic, partition)] = offset
        self._log = frontier_of(before["log"])
        self._tenants.restore(before["tenants"])
        self._retained = ranges_of(before["retained"])
        self._signed = before["signed"]
        self._report.restore(before["checks"])
