"""Reading the primary database back. Everything is counted from the lanes' positions before the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import asyncpg

from devstack.demo import queries
from devstack.demo.kafka import Lane
from projections.apply.happened import happened
from schemas.leaf import decode_entry
from schemas.topics import FAMILIES, event_topic_of, topics

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a database that goes away raises."""

CANDIDATES: Final = 4
"""Decisions per policy and outcome that a sample is chosen from."""


@dataclass(frozen=True, slots=True)
class Decided:
    """How far a lane is: its next command and its next event."""

    next_offset: int
    next_seq: int


@dataclass(frozen=True, slots=True)
class DecisionCount:
    """Decisions of one policy with one outcome; basis ``policy`` or ``fail_mode``."""

    policy: str
    outcome: str
    basis: str
    number: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A decision that can stand as an example."""

    tenant: str
    decision_id: str
    policy: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What the primary database holds of a run."""

    decisions: tuple[DecisionCount, ...]
    rejected: Counter[str]
    """Rejection events by reason."""
    quarantined: Counter[str]
    """Quarantine rows by reason."""
    events: Counter[str]
    """Events by type."""


class Primary:
    """The primary database, with a login that sees every tenant."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def connect(cls, dsn: str) -> AsyncIterator[Primary]:
        """A connection that closes in the end."""
        connection = await asyncpg.connect(dsn)
        try:
            yield cls(connection)
        finally:
            await connection.close()

    async def lanes(self) -> Mapping[Lane, Decided]:
        """Every lane of topics.yaml; one that has done nothing yet stands at its beginning."""
        rows = await self._connection.fetch(
            "SELECT topic, partition, next_offset, next_seq FROM governance.lane"
        )
        found = {(row[0], row[1]): Decided(row[2], row[3]) for row in rows}
        return {
            (topic.name, number): found.get((topic.name, number), Decided(0, 1))
            for topic in map(topics().commands, FAMILIES)
            for number in range(topic.partitions)
        }

    async def pending(self) -> int:
        """What the engine will send a command of its own about: artifacts to verify, timers to fire."""
        return int(await self._connection.fetchval(queries.PENDING))

    async def stored(self, start: Mapping[Lane, Decided]) -> Stored:
        """What the run left, all as of one snapshot."""
        events = sequences(start)
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            held = await self._connection.fetch(queries.QUARANTINE, *_offsets(start))
            types = await self._connection.fetch(queries.EVENTS, *events)
            refusals = await self._connection.fetch(queries.REJECTIONS, *events)
            decisions = await self._connection.fetch(queries.DECISIONS, *events)
        return Stored(
            decisions=tuple(DecisionCount(*row) for row in decisions),
            rejected=Counter(_reason(row[0]) for row in refusals),
            quarantined=Counter({row[0]: row[1] for row in held}),
            events=Counter({row[0]: row[1] for row in types}),
        )

    async def inbox(self, start: Mapping[Lane, Decided]) -> Mapping[str, int]:
        """Commands with an inbox row, by ``ce_source``."""
        rows = await self._connection.fetch(queries.INBOX, *_offsets(start))
        return {row[0]: row[1] for row in rows}

    async def candidates(self, start: Mapping[Lane, Decided]) -> list[Candidate]:
        """Some decisions of the run per policy and outcome."""
        rows = await self._connection.fetch(queries.CANDIDATES, *sequences(start), CANDIDATES)
        return [Candidate(*row) for row in rows]


def sequences(start: Mapping[Lane, Decided]) -> tuple[list[str], list[int], list[int]]:
    """The first event of a run in every lane, as columns: event topic, partition, sequence."""
    lanes = sorted(start)
    return (
        [event_topic_of(topic) for topic, _ in lanes],
        [partition for _, partition in lanes],
        [start[lane].next_seq for lane in lanes],
    )


def _offsets(start: Mapping[Lane, Decided]) -> tuple[list[str], list[int], list[int]]:
    lanes = sorted(start)
    return (
        [topic for topic, _ in lanes],
        [partition for _, partition in lanes],
        [start[lane].next_offset for lane in lanes],
    )


def _reason(record: bytes) -> str:
    return str(happened(decode_entry(record)[0]).body["reason"])
