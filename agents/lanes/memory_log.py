"""Command and event topics in memory; see :mod:`agents.lanes.memory`."""

from collections.abc import Awaitable, Generator, Sequence
from dataclasses import dataclass, field, replace

from agents.errors import LaneRewound
from agents.lanes.memory import Pause, no_pause
from agents.records import CommandRecord, LaneId
from schemas.leaf import EventRecord

PIECE_RECORDS = 2
"""Records read at once: small, so that every backfill takes several pieces."""


@dataclass(slots=True)
class MemoryBroker:
    """Command and event partitions of one cluster."""

    commands: dict[LaneId, list[CommandRecord | None]] = field(default_factory=dict)
    """By offset; None for what retention removed and for transaction markers."""
    events: dict[tuple[str, int], list[EventRecord]] = field(default_factory=dict)

    def append(self, record: CommandRecord) -> CommandRecord:
        """Appends a command; its offset is the next one of its partition."""
        log = self.commands.setdefault(record.lane, [])
        appended = replace(record, offset=len(log))
        log.append(appended)
        return appended

    def remove(self, lane: LaneId, offset: int) -> None:
        """Takes a record out, as retention does."""
        self.commands[lane][offset] = None


class MemoryLog:
    """A :class:`agents.lanes.ports.CommandLog` and :class:`agents.lanes.ports.EventLog`.

    Events reach the broker when :meth:`flush` runs, or when an acknowledgement of them is awaited:
    what a process hands over before it dies may arrive late or never, but always as a prefix.
    """

    def __init__(self, broker: MemoryBroker, pause: Pause = no_pause) -> None:
        self.broker = broker
        self.pause = pause
        self._buffer: list[EventRecord] = []
        self._taken = 0
        self._flushed = 0

    @property
    def handed_over(self) -> int:
        """Events that the broker has not got yet."""
        return len(self._buffer)

    async def end(self, lane: LaneId) -> int:
        await self.pause("end")
        return len(self.broker.commands.get(lane, []))

    async def read(self, lane: LaneId, first: int, end: int) -> Sequence[CommandRecord]:
        await self.pause("read")
        log = self.broker.commands.get(lane, [])
        if len(log) < end:
            raise LaneRewound(f"{lane.topic}/{lane.partition} ends at {len(log)}, below {end}")
        return [record for record in log[first:end] if record][:PIECE_RECORDS]

    async def publish(self, events: Sequence[EventRecord]) -> Awaitable[None]:
        await self.pause("hand over")
        self._buffer.extend(events)
        self._taken += len(events)
        return MemoryAcknowledgement(self, self._taken)

    async def last_sequence(self, topic: str, partition: int) -> int:
        await self.pause("last sequence")
        log = self.broker.events.get((topic, partition), [])
        return log[-1].lane_seq if log else 0

    def flush(self, count: int) -> None:
        """Lets the first ``count`` events that are still under way arrive at the broker."""
        for event in self._buffer[:count]:
            self.broker.events.setdefault((event.topic, event.partition), []).append(event)
            self._flushed += 1
        del self._buffer[:count]

    def flush_to(self, taken: int) -> None:
        """Lets the first ``taken`` events of all that were ever handed over arrive."""
        self.flush(max(0, taken - self._flushed))


@dataclass(frozen=True, slots=True)
class MemoryAcknowledgement:
    """Ends when the broker has everything that was handed over up to its publication."""

    log: MemoryLog
    taken: int

    def __await__(self) -> Generator[object, None, None]:
        return self._arrived().__await__()

    async def _arrived(self) -> None:
        await self.log.pause("publish")
        self.log.flush_to(self.taken)
        await self.log.pause("published")
