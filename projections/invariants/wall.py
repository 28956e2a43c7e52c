"""Invariant 4: the wall holds every event exactly once, and no byte of it ever changed."""

from collections.abc import Sequence
from hashlib import sha256

from projections.invariants.evidence import Evidence
from projections.invariants.report import Invariant
from schemas.leaf import leaf_hash


def wall_holds_every_event(evidence: Evidence) -> Invariant:
    """Entries equal event rows, lane by lane; indexes are 0..n-1; bytes give the wall's root."""
    invariant = Invariant(4, "the wall holds every event exactly once, unchanged")
    lanes: dict[tuple[str, int], list[bytes]] = {}
    hashes: list[bytes] = []
    for position, entry in enumerate(evidence.wall):
        invariant.expect(entry.index == position, f"entry {position} has index {entry.index}")
        digest = leaf_hash(entry.entry)
        invariant.expect(
            digest == entry.leaf_hash, f"entry {entry.index}: its bytes do not give its leaf hash"
        )
        hashes.append(digest)
        lane = lanes.setdefault((entry.topic, entry.partition), [])
        lane.append(digest)
        where = f"entry {entry.index}: {entry.topic}/{entry.partition}"
        invariant.expect(
            entry.lane_seq == len(lane), f"{where} has sequence {entry.lane_seq}, not {len(lane)}"
        )
    for key in sorted(lanes.keys() | evidence.events.keys()):
        rows = [row.leaf_hash for row in evidence.events.get(key, [])]
        entries = lanes.get(key, [])
        if key[0].startswith("wall."):
            continue
        invariant.expect(
            rows == entries, f"{key[0]}/{key[1]}: {len(rows)} events, {len(entries)} entries, or they differ"
        )
    if evidence.head is None:
        invariant.fail("the wall's head could not be read")
    else:
        size, root = evidence.head.size, evidence.head.root
        invariant.expect(size == len(hashes), f"the wall says {size} entries and shows {len(hashes)}")
        invariant.expect(root == tree_root(hashes), "the entries do not give the wall's root")
    return invariant


def tree_root(hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of leaf hashes (RFC 9162 section 2.1.1), computed from its definition."""
    if not hashes:
        return sha256(b"").digest()
    level = list(hashes)
    while len(level) > 1:
        paired = [sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[len(level) & ~1 :]
    return level[0]
