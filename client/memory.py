"""The client's ports in memory: for tests of programs that use the client, without Kafka.

::

    transport = InMemoryTransport(ScriptedEngine(lambda policy, document: "allow"))
    async with GovernanceClient.over(transport, Sender("acme", "svc", "svc")) as gov: ...
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence

from client.errors import Closed
from client.transport import Outgoing, Place, Received, Start

Respond = Callable[[Outgoing], Sequence[Received]]


def _silence(_command: Outgoing) -> Sequence[Received]:
    return ()


class Log:
    """Partitions in memory; readers wake up when something is appended."""

    def __init__(self) -> None:
        self.records: dict[Place, list[Received]] = defaultdict(list)
        self._appended = asyncio.Condition()

    async def append(
        self,
        topic: str,
        partition: int,
        headers: Sequence[tuple[str, bytes]],
        value: bytes | None,
        key: bytes | None = None,
    ) -> int:
        """Appends one record and returns its offset."""
        async with self._appended:
            records = self.records[topic, partition]
            records.append(Received(topic, partition, len(records), tuple(headers), value, key))
            self._appended.notify_all()
            return len(records) - 1

    async def read(self, positions: dict[Place, int], start: int) -> Sequence[Received]:
        """What stands beyond ``positions`` (unknown places: from ``start``), at least one record."""
        async with self._appended:
            while True:
                found: list[Received] = []
                for place, records in self.records.items():
                    at = positions.get(place, start)
                    found.extend(records[at:])
                    positions[place] = len(records)
                if found:
                    return found
                await self._appended.wait()


class InMemoryTransport:
    """:class:`client.transport.Transport`. ``respond`` gives the records that a command causes.

    ``sent`` holds every command in order; ``log`` is where a test publishes further records.
    """

    def __init__(self, respond: Respond = _silence, log: Log | None = None) -> None:
        self.sent: list[Outgoing] = []
        self.log = log or Log()
        self._respond = respond
        self._positions: dict[Place, int] | None = None

    async def start(self) -> None:
        self._positions = {place: len(records) for place, records in self.log.records.items()}

    async def send(self, record: Outgoing) -> int:
        if self._positions is None:
            raise Closed("the client is not connected")
        self.sent.append(record)
        for answer in self._respond(record):
            await self.log.append(answer.topic, answer.partition, answer.headers, answer.value, answer.key)
        return len([sent for sent in self.sent if _place(sent) == _place(record)]) - 1

    async def receive(self) -> Sequence[Received]:
        if self._positions is None:
            raise Closed("the client is not connected")
        return await self.log.read(self._positions, 0)

    async def close(self) -> None:
        self._positions = None


class InMemoryEvents:
    """:class:`client.transport.EventSource` over the same log."""

    def __init__(self, log: Log, start: Start | None = None) -> None:
        self._log = log
        self._from = start or Start({})
        self._positions: dict[Place, int] | None = None

    async def start(self) -> None:
        latest = self._from.otherwise == "latest"
        ends = {place: len(records) for place, records in self._log.records.items()}
        self._positions = (ends if latest else {}) | dict(self._from.offsets)

    async def receive(self) -> Sequence[Received]:
        if self._positions is None:
            raise Closed("the consumer is not connected")
        return await self._log.read(self._positions, 0)

    async def close(self) -> None:
        self._positions = None


def _place(record: Outgoing) -> Place:
    return record.topic, record.partition
