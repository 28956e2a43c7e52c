"""Some thousand entries read by themselves: everything that does not depend on what stands before them.

Pure, and its arguments and answers are plain, so that several processes can read at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from audit_sink.ledger.correction import CORRECTION
from audit_sink.ledger.scan import scan
from audit_sink.ledger.tiles import WIDTH, decode_bundle, perfect_root
from audit_sink.retention.rules import RETENTION
from audit_sink.verify.report import Name
from audit_sink.wall import NOTARY_LANE, Lane
from schemas.errors import Unreadable
from schemas.leaf import leaf_hashes

STEP: Final = 256
"""Entries of a lane from one marked place to the next."""

_NOTED: Final = frozenset({CORRECTION.encode(), RETENTION.encode()})


@dataclass(slots=True)
class Chunk:
    """What entries ``first`` to ``first + count - 1`` say."""

    first: int
    count: int = 0
    missing: int | None = None
    """The first entry whose bundle is not there."""
    tiles: list[bytes] = field(default_factory=list)
    """The leaf hashes of each bundle, joined."""
    roots: list[bytes] = field(default_factory=list)
    """The root over each full one of them."""
    starts: list[tuple[Lane, int, int, int | None]] = field(default_factory=list)
    """Lane, sequence, index, and the sequence that should stand there; None for a lane's first one here."""
    ends: dict[Lane, int] = field(default_factory=dict)
    """The sequence with which each lane goes on."""
    tenants: dict[bytes, bytearray] = field(default_factory=dict)
    """The leaf hashes of each tenant, joined."""
    marks: list[tuple[Lane, int, int]] = field(default_factory=list)
    """Lane, sequence and index of the first, and every :data:`STEP` th following entry of each lane."""
    noted: list[tuple[int, bytes]] = field(default_factory=list)
    """Entries of which more than the place counts: index and bytes."""
    problems: list[tuple[Name, str, int]] = field(default_factory=list)
    """Check, what is wrong, and index."""


def read_chunk(first: int, end: int, bundles: Iterable[bytes | None]) -> Chunk:
    """Reads the bundles of entries ``first`` to ``end - 1``, up to one that is absent or says otherwise."""
    chunk = Chunk(first)
    for start, data in zip(range(first, end, WIDTH), bundles, strict=True):
        if data is None:
            chunk.missing = start
            break
        width = min(WIDTH, end - start)
        try:
            entries = decode_bundle(data)[:width]
        except ValueError as error:
            chunk.problems.append(("bytes", f"entries from {start} on: {error}", start))
            break
        tile = b"".join(_read(chunk, start, entries))
        chunk.tiles.append(tile)
        chunk.count += len(entries)
        if len(entries) != width:
            place = start + len(entries)
            chunk.problems.append(("size", f"the bundle at {start} has {len(entries)} entries", place))
            break
        if width == WIDTH:
            chunk.roots.append(perfect_root(tile))
    return chunk


def _read(chunk: Chunk, first: int, entries: Sequence[bytes]) -> list[bytes]:
    hashes = leaf_hashes(entries)
    tenants = chunk.tenants
    before: Lane | None = None
    expected: int | None = None
    notary = False
    for index, (entry, digest, found) in enumerate(zip(entries, hashes, scan(entries), strict=True), first):
        if isinstance(found, Unreadable):
            chunk.problems.append(("bytes", f"entry {index} is no leaf: {found}", index))
            continue
        lane, lane_seq, tenant, kind, large = found
        if lane is not before:
            _end(chunk, before, expected)
            before, expected = lane, chunk.ends.get(lane)
            notary = lane.topic == NOTARY_LANE.topic
        if lane_seq != expected:
            chunk.starts.append((lane, lane_seq, index, expected))
        expected = lane_seq + 1
        if lane_seq % STEP == 1:
            chunk.marks.append((lane, lane_seq, index))
        mine = tenants.get(tenant)
        if mine is None:
            mine = tenants[tenant] = bytearray()
        mine += digest
        if large or notary or kind in _NOTED:
            chunk.noted.append((index, entry))
    _end(chunk, before, expected)
    return hashes


def _end(chunk: Chunk, lane: Lane | None, following: int | None) -> None:
    if lane is not None and following is not None:
        chunk.ends[lane] = following
