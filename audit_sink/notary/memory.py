"""The notary's ports in memory, for tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from audit_sink.copy_format import EntryRow
from audit_sink.errors import Behind, Diverged
from audit_sink.ledger.checkpoint import read_checkpoint
from audit_sink.ledger.correction import CORRECTION
from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.note import read_note
from audit_sink.ledger.reading import LogReading, StoredEntry, moment
from audit_sink.memory import MemoryTables
from audit_sink.notary.ports import Guard, NewRows
from audit_sink.wall import NOTARY_LANE, Lane, SignedSize, TreeTile


@dataclass(slots=True)
class MemoryReader:
    """A :class:`~audit_sink.verify.database.Database` on the tables that a sink in memory writes."""

    tables: MemoryTables
    signed: dict[int, tuple[bytes, bool]] = field(default_factory=dict)

    async def rows(self, after: int, entries: int) -> NewRows:
        batches = self.tables.rows[after:]
        while len(batches) > 1 and batches[-1].next_index - batches[0].first_index > entries:
            batches = batches[:-1]
        while batches and batches[-1].right_edge is None:
            batches = self.tables.rows[after : after + len(batches) + 1]
        first = batches[0].first_index if batches else 0
        end = batches[-1].next_index if batches else 0
        return NewRows(batches, [stored_entry(row) for row in self.tables.entries[first:end]])

    async def reading_at(self, size: int) -> LogReading:
        reading = LogReading()
        for row in self.tables.rows:
            if row.next_index > size:
                break
            reading.batch_no, reading.chain = row.batch_no, row.digest()
            reading.lanes.next_seq[row.lane] = row.next_lane_seq
            reading.next_offset[row.lane] = row.next_offset
        if not self.tables.rows or self.tables.rows[-1].next_index < size:
            raise Behind(f"the wall ends before size {size}")
        return reading

    async def changed_tenants(self, first: int, end: int) -> Sequence[str]:
        rows = self.tables.entries[first:end]
        return sorted({row.tenant_id for row in rows if row.topic != NOTARY_LANE.topic})

    async def corrections(self, first: int, end: int) -> Sequence[StoredEntry]:
        rows = self.tables.entries[first:end]
        return [stored_entry(row) for row in rows if row.event_type == CORRECTION]

    async def leaf(self, lane: Lane, lane_seq: int) -> bytes | None:
        place = (*lane, lane_seq)
        rows = self.tables.entries
        return next((r.leaf_hash for r in rows if (r.topic, r.partition, r.lane_seq) == place), None)

    async def trees(self, tenants: Sequence[str]) -> Mapping[str, Frontier]:
        return {name: Frontier().extend(self.tables.leaves(name.encode()))[0] for name in tenants}

    async def newest_note(self) -> bytes | None:
        return self.signed[max(self.signed)][0] if self.signed else None

    async def add_checkpoint(self, size: int, root: bytes, note: bytes, anchored: bool, at: datetime) -> None:
        self.signed.setdefault(size, (note, anchored))

    async def newest_statement(self) -> tuple[int, bytes | None]:
        return len(self.tables.statements), self.tables.statements[-1] if self.tables.statements else None

    async def add_statements(self, first: int, records: Sequence[bytes]) -> None:
        assert first == len(self.tables.statements) + 1
        self.tables.statements += records

    async def restore_statements(self) -> None:
        said = [row.entry for row in self.tables.entries if row.topic == NOTARY_LANE.topic]
        self.tables.statements += said[len(self.tables.statements) :]

    async def large_values(self, digests: Sequence[bytes]) -> Mapping[bytes, bytes]:
        return {digest: value for (_, digest), value in self.tables.large.items() if digest in digests}

    async def checkpoints(self, above: int, limit: int) -> Sequence[SignedSize]:
        found = sorted((size, note) for size, note in self.signed.items() if size > above)
        return [
            SignedSize(size, read_checkpoint(read_note(note).text).root, note, anchored)
            for size, (note, anchored) in found[:limit]
        ]

    async def tiles(self, asked: Sequence[TreeTile]) -> Mapping[tuple[bytes, int, int], tuple[bytes, bytes]]:
        wanted = {(tile.tree, tile.level, tile.place) for tile in asked}
        places = {(tile.tree, tile.level, tile.place): (tile.hashes, tile.root) for tile in self.tables.tiles}
        return {place: found for place, found in places.items() if place in wanted}

    async def has_value(self, digest: bytes) -> bool:
        return digest in await self.large_values([digest])

    async def pruned(self) -> Sequence[tuple[int, int, bytes]]:
        return ()

    async def kept_tenants(self) -> Sequence[bytes]:
        return ()

    async def kept_leaves(self, tenant: bytes, first: int, end: int) -> Sequence[bytes]:
        return ()

    async def kept_before(self, tenant: bytes, first: int, index: int) -> Sequence[bytes]:
        return ()

    async def guard(self) -> Guard:
        return Guard(bytes(32), self.tables.unguarded)


@dataclass(slots=True)
class MemoryShelf:
    """A :class:`~audit_sink.notary.ports.Shelf`."""

    objects: dict[str, bytes] = field(default_factory=dict)

    async def keep(self, objects: Mapping[str, bytes]) -> None:
        for name, data in objects.items():
            if self.objects.setdefault(name, data) != data:
                raise Diverged(f"{name} is there with other bytes")

    async def put(self, name: str, data: bytes) -> None:
        self.objects[name] = data

    async def drop(self, prefix: str) -> None:
        for name in [name for name in self.objects if name.startswith(prefix)]:
            del self.objects[name]

    async def get(self, name: str) -> bytes | None:
        return self.objects.get(name)


@dataclass(slots=True)
class KeptNote:
    """A :class:`~audit_sink.notary.ports.Memory`."""

    note: bytes | None = None

    async def last(self) -> bytes | None:
        return self.note

    async def remember(self, note: bytes) -> None:
        self.note = note


def stored_entry(row: EntryRow) -> StoredEntry:
    """A row of the entries as the notary reads it."""
    return StoredEntry(
        row.leaf_index,
        row.tenant_id,
        row.tenant_index,
        *Lane(row.topic, row.partition),
        row.lane_seq,
        row.event_id,
        row.event_type,
        row.resource,
        row.actor,
        moment(row.occurred_us),
        row.leaf_hash,
        row.entry,
    )
