"""The port between the client and Kafka: sends commands, hears answers.

Adapters: :mod:`client.kafka` (real) and :mod:`client.memory` (in memory, for tests of programs that
use the client).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.leaf import Headers

Place = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A command as it goes to its partition."""

    topic: str
    partition: int
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """A record of an event or receipt topic."""

    topic: str
    partition: int
    offset: int
    headers: Headers
    value: bytes | None
    key: bytes | None = None


class Transport(Protocol):
    """One producer and one response consumer.

    Every method raises :class:`client.errors.Unreachable` for what does not heal by itself, and
    :class:`client.errors.Closed` after ``close``.
    """

    async def start(self) -> None:
        """Connects. What is published to an event or receipt partition from here on is received.

        Raises :class:`client.errors.TopicsConflict` where the cluster's partition counts are not
        those of ``topics.yaml``: commands would reach the wrong lanes.
        """

    async def send(self, record: Outgoing) -> int:
        """Hands a command over and returns its offset once the broker acknowledged it.

        Calls made together travel together. Cancelled while it waits, the command may still arrive.
        """

    async def receive(self) -> Sequence[Received]:
        """The next records, at least one, in order inside each partition; one caller at a time."""

    async def close(self) -> None:
        """Sends what was handed over, then disconnects; twice is once."""


class EventSource(Protocol):
    """Event partitions to read in order; errors as of :class:`Transport`."""

    async def start(self) -> None:
        """Connects and stands before the first record to read of each partition."""

    async def receive(self) -> Sequence[Received]:
        """The next records, at least one, in order inside each partition; one caller at a time."""

    async def close(self) -> None:
        """Disconnects; twice is once."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where to start reading: per partition a stored next offset, else the oldest or only new records."""

    offsets: Mapping[Place, int]
    otherwise: str = "earliest"
