"""What a batch is made of: items with their readings, grouped by lane, ready to commit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from agents.lanes.handlers.port import Advice
from agents.lanes.ports import Position
from agents.reading import Identified, Reading, Received
from agents.records import Item, LaneId
from schemas.models import AuditCommand, LaneAddressed


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a lane with what is known of it before the transaction."""

    item: Item
    reading: Reading | None
    """None for a skip."""
    held: tuple[Reading, ...] = ()
    """What stood in quarantine with the record that a quarantine command names; see ``LaneStore.held``."""
    poison: bool = False
    """It ended the process too often: keep it, do not process it."""

    @property
    def identified(self) -> Iterator[Identified]:
        """The readings that have an inbox key."""
        for reading in (self.reading, *self.held):
            if isinstance(reading, Identified):
                yield reading

    @property
    def commands(self) -> Iterator[Received]:
        """The commands that its family decides when this entry is taken; none of a poison entry."""
        if not self.poison:
            for reading in self.identified:
                if isinstance(reading, Received) and not about_lane(reading):
                    yield reading


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch, ready to commit."""

    entries: Mapping[LaneId, Sequence[Entry]]
    """Per lane in ascending offsets."""
    advice: Advice

    @property
    def lanes(self) -> list[LaneId]:
        """The lanes in lock order."""
        return sorted(self.entries)


def about_lane(reading: Reading) -> bool:
    """Whether it is a command about the lane or the history, which every family answers in the same way."""
    return isinstance(reading, Received) and isinstance(reading.command, LaneAddressed | AuditCommand)


def by_lane(entries: Sequence[Entry]) -> dict[LaneId, list[Entry]]:
    """Entries per lane in ascending offsets; of two at one offset, the first."""
    ordered = sorted(entries, key=_place)
    grouped: dict[LaneId, list[Entry]] = {}
    for (lane, _), same in groupby(ordered, key=_place):
        grouped.setdefault(lane, []).append(next(same))
    return grouped


def _place(entry: Entry) -> Position:
    return entry.item.lane, entry.item.offset
