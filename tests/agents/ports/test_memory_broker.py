"""The broker in memory keeps the contract."""

from collections.abc import Sequence

import pytest

from agents.lanes.memory_log import MemoryBroker, MemoryLog
from agents.records import CommandRecord, LaneId
from agents.restore.memory import MemoryHistory
from schemas.leaf import EventRecord
from tests.agents.ports.broker_contract import Broker, BrokerContract


class InMemory:
    """A :class:`Broker`."""

    def __init__(self) -> None:
        self.command_topic, self.event_topic = "commands", "events"
        self._broker = MemoryBroker()
        self.commands = self.events = MemoryLog(self._broker)
        self.history = MemoryHistory(self._broker)

    async def send(self, record: CommandRecord) -> None:
        self._broker.append(record)

    async def remove_before(self, lane: LaneId, offset: int) -> None:
        for each in range(offset):
            self._broker.remove(lane, each)

    async def arrived(self, partition: int) -> Sequence[EventRecord]:
        return self._broker.events[self.event_topic, partition]


class TestMemoryBroker(BrokerContract):
    """In memory."""

    @pytest.fixture
    def broker(self) -> Broker:
        return InMemory()
