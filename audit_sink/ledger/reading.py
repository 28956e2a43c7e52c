"""The log, read entry by entry by somebody who believes nothing: hashes, lanes and batch rows recomputed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from audit_sink.ledger.scan import scan_columns
from audit_sink.ledger.tree import RightEdge
from audit_sink.wall import CHAIN_START, BatchRow, Lane
from schemas.errors import Unreadable
from schemas.leaf import EventRecord, decode_entry, leaf_hash

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Contradiction(Exception):
    """What is stored contradicts itself. ``check`` names the broken rule, ``index`` the first bad entry."""

    def __init__(self, check: str, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.check = check
        self.index = index


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One row of the entries, as the database says it."""

    leaf_index: int
    tenant_id: str
    tenant_index: int
    topic: str
    partition: int
    lane_seq: int
    event_id: str
    event_type: str
    resource: str
    actor: str
    occurred_at: datetime | None
    leaf_hash: bytes
    entry: bytes


@dataclass(slots=True)
class Lanes:
    """Where each lane goes on, as the entries themselves say."""

    next_seq: dict[Lane, int] = field(default_factory=dict)

    def follow(self, index: int, lane: Lane, lane_seq: int) -> None:
        """Takes the next entry; raises :class:`Contradiction` (``lanes``) where it skips or repeats."""
        expected = self.next_seq.get(lane, 1)
        if lane_seq != expected:
            message = f"{lane.topic}/{lane.partition}: sequence {lane_seq} stands where {expected} should"
            raise Contradiction("lanes", message, index)
        self.next_seq[lane] = expected + 1


def read_entry(index: int, entry: bytes) -> EventRecord:
    """The event of an entry; raises :class:`Contradiction` (``bytes``) for anything but the one form."""
    try:
        return decode_entry(entry)[0]
    except Unreadable as error:
        raise Contradiction("bytes", f"entry {index} is no leaf: {error}", index) from None


def moment(us: int | None) -> datetime | None:
    """Microseconds since 1970 as a time."""
    return None if us is None else _EPOCH + timedelta(microseconds=us)


def check_stored(stored: StoredEntry) -> tuple[bytes, Lane, int]:
    """The entry's leaf hash, lane and sequence, as its bytes say.

    Raises :class:`Contradiction` (``bytes``, ``columns``) where it is no leaf, or columns and bytes disagree.
    """
    index, digest = stored.leaf_index, leaf_hash(stored.entry)
    try:
        lane, lane_seq, stated = scan_columns(stored.entry)
    except Unreadable as error:
        raise Contradiction("bytes", f"entry {index} is no leaf: {error}", index) from None
    if digest != stored.leaf_hash:
        raise Contradiction("bytes", f"entry {index}: its bytes have another hash", index)
    if (stored.topic, stored.partition, stored.lane_seq) != (*lane, lane_seq):
        raise Contradiction("columns", f"entry {index}: its columns name another lane or sequence", index)
    columns = (stored.tenant_id, stored.event_id, stored.event_type, stored.resource, stored.actor)
    if "\0".join(columns).encode() != b"\0".join(stated[:5]) or stored.occurred_at != moment(
        stated.occurred_us
    ):
        raise Contradiction("columns", f"entry {index}: its columns do not follow from its headers", index)
    return digest, lane, lane_seq


@dataclass(slots=True)
class LogReading:
    """How far the log was read, and what must come next."""

    edge: RightEdge = field(default_factory=RightEdge)
    batch_no: int = 0
    chain: bytes = CHAIN_START
    lanes: Lanes = field(default_factory=Lanes)
    next_offset: dict[Lane, int] = field(default_factory=dict)

    def take(self, row: BatchRow, entries: Sequence[StoredEntry]) -> list[bytes]:
        """Takes the next batch row with its entries and returns their leaf hashes.

        Raises :class:`Contradiction` (``batches``, ``bytes``, ``columns``, ``lanes``, ``root``).
        """
        if row.batch_no != self.batch_no + 1 or row.prev_hash != self.chain:
            raise Contradiction("batches", f"batch {row.batch_no} does not continue batch {self.batch_no}")
        if row.first_index != self.edge.size:
            raise Contradiction("batches", f"batch {row.batch_no} starts elsewhere", row.first_index)
        hashes, own = [], row.lane
        for index, stored in enumerate(entries, start=row.first_index):
            if stored.leaf_index != index:
                raise Contradiction("size", f"entry {index} is missing", index)
            digest, lane, lane_seq = check_stored(stored)
            hashes.append(digest)
            if lane != own:
                raise Contradiction("batches", f"entry {index} is of another lane than its batch row", index)
            self.lanes.follow(index, lane, lane_seq)
        if (end := row.first_index + len(entries)) < row.next_index:
            raise Contradiction("size", f"entry {end} is missing", end)
        if entries and self.lanes.next_seq[row.lane] != row.next_lane_seq:
            raise Contradiction("batches", f"batch {row.batch_no} names other sequences", row.first_index)
        self.edge = self.edge.extend(hashes)
        if self.edge.root() != row.root_after:
            raise Contradiction(
                "root", f"the entries up to {row.next_index} give another root", row.first_index
            )
        self.batch_no, self.chain = row.batch_no, row.digest()
        self.next_offset[row.lane] = row.next_offset
        return hashes

    def pass_over(self, row: BatchRow, hashes: Sequence[bytes]) -> None:
        """Takes the next batch row, entries of which are pruned, by the leaf hashes that are kept of it.

        Raises :class:`Contradiction` (``batches``, ``root``).
        """
        if row.batch_no != self.batch_no + 1 or row.prev_hash != self.chain:
            raise Contradiction("batches", f"batch {row.batch_no} does not continue batch {self.batch_no}")
        self.edge = self.edge.extend(hashes)
        if (self.edge.size, self.edge.root()) != (row.next_index, row.root_after):
            raise Contradiction("root", f"what is kept of batch {row.batch_no} gives another root")
        self.batch_no, self.chain = row.batch_no, row.digest()
        self.lanes.next_seq[row.lane] = row.next_lane_seq
        self.next_offset[row.lane] = row.next_offset

    def positions(self) -> Mapping[Lane, tuple[int, int]]:
        """Next sequence and next offset of every lane that was read."""
        return {
            lane: (seq, self.next_offset.get(lane, 0)) for lane, seq in sorted(self.lanes.next_seq.items())
        }
