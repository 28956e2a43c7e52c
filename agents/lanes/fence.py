"""The fence of a lane: what is decided already is dropped, what was left out is asked for.

Every offset is decided exactly once because the lane's row, locked, says which one comes next.
"""

from collections.abc import Sequence

from agents.errors import LaneRewound
from agents.lanes.entries import Entry
from agents.lanes.ports import LaneTransaction
from agents.reading import Identified
from agents.records import CommandRecord, LaneId, Skip


class Gap(Exception):
    """The batch starts above the lane's next offset: read ``first..end-1`` from the broker first."""

    def __init__(self, lane: LaneId, first: int, end: int) -> None:
        super().__init__(f"{lane.topic}/{lane.partition}: {first}..{end - 1} were not delivered")
        self.lane = lane
        self.first = first
        self.end = end


async def fresh(transaction: LaneTransaction, lane: LaneId, entries: Sequence[Entry]) -> list[Entry]:
    """The entries from the lane's next offset on, without a hole.

    Raises :class:`Gap`, and :class:`LaneRewound` where a record below was never decided.
    """
    expected = transaction.lanes[lane].next_offset
    await _check_known(transaction, lane, below(expected, entries))
    found: list[Entry] = []
    for entry in entries:
        if entry.item.next_offset <= expected:
            continue
        entry = _cut(entry, expected)
        if entry.item.offset != expected:
            raise Gap(lane, expected, entry.item.offset)
        expected = entry.item.next_offset
        found.append(entry)
    return found


def below(next_offset: int, entries: Sequence[Entry]) -> list[Entry]:
    """The records that a lane at ``next_offset`` has decided."""
    return [e for e in entries if isinstance(e.item, CommandRecord) and e.item.offset < next_offset]


def _cut(entry: Entry, offset: int) -> Entry:
    """A skip without the part below ``offset``."""
    item = entry.item
    if isinstance(item, Skip) and item.offset < offset:
        return Entry(Skip(item.topic, item.partition, offset, item.next_offset), None)
    return entry


async def _check_known(transaction: LaneTransaction, lane: LaneId, overlap: Sequence[Entry]) -> None:
    if not overlap:
        return
    known = await transaction.inbox({e.reading.key for e in overlap if isinstance(e.reading, Identified)})
    missing = [e for e in overlap if not (isinstance(e.reading, Identified) and e.reading.key in known)]
    quarantined = await transaction.quarantined({(lane, e.item.offset) for e in missing})
    for entry in missing:
        if (lane, entry.item.offset) not in quarantined:
            raise LaneRewound(
                f"{lane.topic}/{lane.partition}: offset {entry.item.offset} is below the decided offset "
                "and was never decided; was the topic recreated?"
            )
