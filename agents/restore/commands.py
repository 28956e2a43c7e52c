"""What a command partition still holds, by inbox key and by offset."""

from dataclasses import dataclass, field

from agents.lanes.ports import CommandLog
from agents.reading import Identified, InboxKey, Reader
from agents.records import CommandRecord, LaneId


@dataclass(frozen=True, slots=True)
class Place:
    """A readable command: where it stands, and the digest of its body."""

    offset: int
    digest: bytes


@dataclass(slots=True)
class SentCommands:
    """One command partition, read once from the front, as far as somebody asks."""

    lane: LaneId
    log: CommandLog
    reader: Reader
    _places: dict[InboxKey, list[Place]] = field(default_factory=dict)
    _read_to: int = 0

    async def first(self, key: InboxKey) -> Place | None:
        """The first command with this key, None where the broker has none."""
        while not (found := self._places.get(key)) and await self._read_on():
            continue
        return found[0] if found else None

    async def other(self, key: InboxKey, digest: bytes, offset: int) -> Place | None:
        """The first command with this key and another body, at or above ``offset``."""
        while True:
            for place in self._places.get(key, ()):
                if place.digest != digest and place.offset >= offset:
                    return place
            if not await self._read_on():
                return None

    async def at(self, offset: int) -> CommandRecord | None:
        """The record at an offset, None where the broker has it no longer."""
        found = await self.log.read(self.lane, offset, offset + 1)
        return found[0] if found else None

    async def _read_on(self) -> bool:
        end = await self.log.end(self.lane)
        if self._read_to >= end:
            return False
        records = await self.log.read(self.lane, self._read_to, end)
        for record in records:
            reading = self.reader.read(record)
            if isinstance(reading, Identified):
                self._places.setdefault(reading.key, []).append(Place(record.offset, reading.digest))
        self._read_to = records[-1].next_offset if records else end
        return True
