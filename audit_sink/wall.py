"""The port to the Audit Wall: what the sink reads from it and appends to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

from audit_sink.errors import Corrupt
from audit_sink.ledger.frontier import Frontier
from audit_sink.ledger.tree import RightEdge, decode_edge

CHAIN_START: Final = bytes(32)
"""``prev_hash`` of the first batch row."""

SINK_TOPIC: Final = "wall.sink"
"""The wall's own lane (partition 0): what the sink has to say about other lanes. It has no receipts."""

PARTITION_ROWS: Final = 1 << 20
"""Rows of one partition of entries and of batches."""


class Lane(NamedTuple):
    """One partition of an event topic."""

    topic: str
    partition: int


SINK_LANE: Final = Lane(SINK_TOPIC, 0)
"""Its ``next_offset`` is 0, but one more than the size at which a rebuild began until that has ended."""
NOTARY_LANE: Final = Lane("wall.notary", 0)
"""The notary's statements, which the sink takes over in their order. It has no receipts."""

LOG_TREE: Final = b""
"""Name of the log's own tree; every tenant's has the tenant's name."""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What one transaction appended of one lane. ``first_*`` are inclusive, ``next_*`` exclusive."""

    batch_no: int
    topic: str
    partition: int
    from_offset: int
    next_offset: int
    first_lane_seq: int
    next_lane_seq: int
    first_index: int
    next_index: int
    root_after: bytes
    right_edge: bytes | None
    """Only on a transaction's last row."""
    prev_hash: bytes

    @property
    def lane(self) -> Lane:
        """The lane it is about."""
        return Lane(self.topic, self.partition)

    def digest(self) -> bytes:
        """SHA-256 of the deterministic CBOR array of all columns in order: the next ``prev_hash``."""
        items = [
            _integer(self.batch_no),
            _octets(3, self.topic.encode()),
            *map(_integer, (self.partition, self.from_offset, self.next_offset)),
            *map(_integer, (self.first_lane_seq, self.next_lane_seq, self.first_index, self.next_index)),
            _octets(2, self.root_after),
            b"\xf6" if self.right_edge is None else _octets(2, self.right_edge),
            _octets(2, self.prev_hash),
        ]
        return sha256(bytes((0x80 | len(items),)) + b"".join(items)).digest()


@dataclass(frozen=True, slots=True)
class LaneEnd:
    """Where a lane goes on; ``batch_no`` is its newest batch row, 0 before the first."""

    next_lane_seq: int = 1
    next_offset: int = 0
    batch_no: int = 0


@dataclass(frozen=True, slots=True)
class LogState:
    """Where the log goes on: all that the next batch is built from, but for tenant counts."""

    batch_no: int
    chain: bytes
    """Digest of the newest batch row."""
    edge: RightEdge
    lanes: Mapping[Lane, LaneEnd]

    def lane(self, lane: Lane) -> LaneEnd:
        """The end of a lane, also of one that the wall has not seen."""
        return self.lanes.get(lane, LaneEnd())


EMPTY_LOG: Final = LogState(0, CHAIN_START, RightEdge(), {})


def state_of(newest: BatchRow | None, lanes: Mapping[Lane, LaneEnd]) -> LogState:
    """The state after the newest row. Raises :class:`Corrupt` where edge and root disagree."""
    if newest is None:
        return EMPTY_LOG
    if newest.right_edge is None:
        raise Corrupt(f"batch row {newest.batch_no} is the newest but has no right edge")
    try:
        edge = decode_edge(newest.next_index, newest.right_edge)
    except ValueError as error:
        raise Corrupt(f"batch row {newest.batch_no}: {error}") from error
    if edge.root() != newest.root_after:
        raise Corrupt(f"batch row {newest.batch_no}: the right edge has another root")
    return LogState(newest.batch_no, newest.digest(), edge, lanes)


@dataclass(frozen=True, slots=True)
class LargeValue:
    """A value that its entry names by digest only."""

    tenant: bytes
    digest: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class TreeTile:
    """A tile that filled up; ``tree`` is :data:`LOG_TREE` or a tenant's name in UTF-8."""

    tree: bytes
    level: int
    place: int
    hashes: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """One transaction: batch rows in ``batch_no`` order and the entries that they count."""

    rows: tuple[BatchRow, ...]
    payload: bytes
    """The entries in PostgreSQL's binary COPY format (:mod:`audit_sink.copy_format`)."""
    entries: int
    large: tuple[LargeValue, ...]
    tiles: tuple[TreeTile, ...]
    trees: Mapping[bytes, Frontier]
    """The log's tree and that of each tenant in the batch, this batch included."""
    after: LogState
    oldest_us: int | None
    """Earliest event time in it, in microseconds since 1970; None without one."""


@dataclass(frozen=True, slots=True)
class SignedSize:
    """One checkpoint of the notary; ``note`` is the signed note."""

    size: int
    root: bytes
    note: bytes
    anchored: bool


@dataclass(frozen=True, slots=True)
class Guard:
    """What the sink checks before it starts."""

    unguarded: tuple[str, ...]
    """Tables and partitions that lack a guard, with what they lack."""
    partitions_left: int
    """Partitions of entries that are still empty."""


class Lease(Protocol):
    """The lead: while it is held, other sinks stand by. A courtesy; the fence is the batch number."""

    @property
    def held(self) -> bool:
        """Whether the last ping found it held."""

    async def ping(self) -> None:
        """Keeps it alive; raises :class:`~audit_sink.errors.LeaseLost`. Call every second."""

    async def release(self) -> None:
        """Gives it up; never raises."""


class WallStore(Protocol):
    """The wall. Every method raises :class:`~audit_sink.errors.Unavailable` when it cannot answer."""

    async def try_lead(self) -> Lease | None:
        """The lead, unless another sink has it. What an earlier leader left unfinished is ended."""

    async def guard(self) -> Guard:
        """What protects the wall now."""

    async def read_state(self) -> LogState:
        """Where the log goes on. Raises :class:`~audit_sink.errors.Corrupt`."""

    async def root_at(self, size: int) -> bytes | None:
        """The root when the log had ``size`` entries; None where no transaction ended there."""

    async def append(self, batch: PreparedBatch) -> None:
        """Appends and commits all of a batch or nothing; the caller has the lead.

        Raises :class:`~audit_sink.errors.Refused` when it does not continue the log, and Unavailable
        also when the outcome is unknown: then the newest row tells.
        """

    async def trees(self, names: Sequence[bytes]) -> Mapping[bytes, Frontier]:
        """The trees of these names; at most 255 hashes are read of each of a tree's levels.

        Raises :class:`~audit_sink.errors.Corrupt` where stored tiles and entries disagree.
        """

    async def statements(self, first: int, limit: int) -> Sequence[bytes]:
        """The notary's statements (version 1 leaves) from a number on, in order."""

    async def newest_checkpoint(self) -> SignedSize | None:
        """The notary's newest checkpoint."""

    async def leaf_hashes(self, lane: Lane, first: int, last: int) -> Mapping[int, bytes]:
        """Stored leaf hashes of a lane by sequence, ``first`` to ``last`` inclusive."""

    async def rows_after(self, batch_no: int, lanes: Sequence[Lane], limit: int) -> Sequence[BatchRow]:
        """The next batch rows of these lanes above ``batch_no``, in order."""


def _integer(value: int) -> bytes:
    return _head(0, value)


def _octets(major: int, data: bytes) -> bytes:
    return _head(major, len(data)) + data


def _head(major: int, value: int) -> bytes:
    kind = major << 5
    if value < 24:
        return bytes((kind | value,))
    for width, low in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if value < 1 << (8 * width):
            return bytes((kind | low,)) + value.to_bytes(width, "big")
    raise ValueError(f"{value} is no unsigned 64-bit number")
