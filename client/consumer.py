"""A consumer of governance events that ships the drop rule.

::

    async with EventConsumer.connect("localhost:9092", families=["policy"], positions=stored) as events:
        async for event in events:
            handle(event)                        # then keep, in the same transaction:
            store(event.place, event.position)   # where to go on

Delivery is at least once until ``store``; what is handed over increases by one per partition.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal, Self, assert_never

from client.broker import Broker
from client.errors import SequenceGap
from client.kafka import KafkaEvents
from client.sequence import step
from client.transport import EventSource, Place, Received, Start
from schemas.codec import Body, WriterSchemas, decode
from schemas.envelope import Envelope, envelope_of
from schemas.errors import Unreadable
from schemas.topics import FAMILIES, Family, topics

OnGap = Callable[[SequenceGap], None]
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a consumer stands in a partition: the last sequence taken, and the Kafka offset after it."""

    sequence: int
    next_offset: int


@dataclass(frozen=True, slots=True)
class Event:
    """One event. ``body`` is read into the newest schema version that this program knows."""

    envelope: Envelope
    body: Body
    topic: str
    partition: int
    sequence: int
    position: Position

    @property
    def place(self) -> Place:
        """Topic and partition: what a position belongs to."""
        return self.topic, self.partition


def log_gap(gap: SequenceGap) -> None:
    """The default alarm: one log line at error level."""
    _LOG.error("%s; waiting for the re-publication", gap)


class EventConsumer:
    """An asynchronous iterator of events; made by :meth:`connect`."""

    def __init__(
        self,
        source: EventSource,
        positions: Mapping[Place, Position] | None = None,
        on_gap: OnGap = log_gap,
        writers: WriterSchemas | None = None,
    ) -> None:
        self._source = source
        self._last = {place: position.sequence for place, position in (positions or {}).items()}
        self._on_gap = on_gap
        self._writers = writers
        self._in_gap: set[Place] = set()

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        bootstrap: str | Broker,
        *,
        families: Iterable[Family] = FAMILIES,
        positions: Mapping[Place, Position] | None = None,
        start: Literal["earliest", "latest"] = "earliest",
        on_gap: OnGap = log_gap,
        writers: WriterSchemas | None = None,
    ) -> AsyncIterator[Self]:
        """A connected consumer of whole families.

        Partitions without a stored position start at their oldest kept event, or with ``latest`` at
        the next one; the first event seen sets the sequence. ``on_gap`` is told once of each gap.
        Raises :class:`client.errors.Unreachable`.
        """
        broker = bootstrap if isinstance(bootstrap, Broker) else Broker(bootstrap)
        offsets = {place: position.next_offset for place, position in (positions or {}).items()}
        wanted = [topics().events(family) for family in families]
        source = KafkaEvents(broker, wanted, Start(offsets, start))
        await source.start()
        try:
            yield cls(source, positions, on_gap, writers)
        finally:
            await source.close()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Events for ever, in order inside a partition.

        Raises :class:`Unreadable` for an event that this program cannot read (it is older than the
        engine, or no schema registry is configured); nothing is passed over.
        """
        while True:
            for record in await self._source.receive():
                event = self._taken(record)
                if event is not None:
                    yield event

    def _taken(self, record: Received) -> Event | None:
        envelope = envelope_of(record.headers)
        if envelope.sequence is None:
            raise Unreadable("bad_headers", f"{record.topic}/{record.partition}: an event without sequence")
        place, found = (record.topic, record.partition), envelope.sequence
        last = self._last.get(place)
        match step(last, found):
            case "drop":
                return None
            case "gap":
                self._alarm(place, last or 0, found)
                return None
            case "take":
                pass
            case _ as never:
                assert_never(never)
        body = decode(envelope.type, record.value, self._writers)
        self._last[place] = found
        self._in_gap.discard(place)
        return Event(envelope, body, *place, found, Position(found, record.offset + 1))

    def _alarm(self, place: Place, last: int, found: int) -> None:
        if place not in self._in_gap:
            self._in_gap.add(place)
            self._on_gap(SequenceGap(*place, last, found))
