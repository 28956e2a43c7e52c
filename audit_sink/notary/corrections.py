"""Whether what corrections claim to correct stands earlier in the log.

A correction that does not is an event like any other and is signed; the log says beside it that it is false.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from audit_sink.ledger.correction import CORRECTION, claim_of
from audit_sink.ledger.reading import Contradiction, StoredEntry, read_entry
from audit_sink.notary.ports import WallReader


@dataclass(frozen=True, slots=True)
class Refuted:
    """A correction that is none: its index, and why."""

    index: int
    why: str


async def refuted(entries: Sequence[StoredEntry], wall: WallReader) -> list[Refuted]:
    """The false ones among the corrections of these entries. What was pruned refutes nothing."""
    corrections = [stored for stored in entries if stored.event_type == CORRECTION]
    return [Refuted(each.leaf_index, why) for each in corrections if (why := await _why(each, wall))]


async def _why(stored: StoredEntry, wall: WallReader) -> str:
    index = stored.leaf_index
    try:
        claim = claim_of(index, read_entry(index, stored.entry))
    except Contradiction as error:
        return str(error)
    leaf = await wall.leaf(claim.lane, claim.lane_seq)
    if leaf is not None and leaf != claim.leaf_hash:
        return f"sequence {claim.lane_seq} of {claim.lane.topic}/{claim.lane.partition} has another leaf"
    return ""
