"""Published events in memory; see :mod:`agents.lanes.memory_log`."""

from collections.abc import AsyncIterator

from agents.lanes.memory_log import MemoryBroker
from schemas.leaf import EventRecord


class MemoryHistory:
    """A :class:`agents.restore.history.History`."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    async def events(self, topic: str, partition: int) -> AsyncIterator[EventRecord]:
        for event in self._broker.events.get((topic, partition), []):
            yield event
