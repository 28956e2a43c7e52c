"""What the bench asks of the two database servers."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from schemas.leaf import EventRecord, decode_entry
from schemas.topics import command_topic_for_events

_LANES: Final = "SELECT partition, next_seq - 1 FROM governance.lane WHERE topic = $1"
_COUNT: Final = """
SELECT count(*) FROM governance.event e
JOIN unnest($2::integer[], $3::bigint[]) AS k(partition, last) USING (partition)
WHERE e.topic = $1 AND e.lane_seq > k.last
"""
_SAMPLE: Final = """
SELECT record FROM governance.event e JOIN unnest($2::integer[], $3::bigint[]) AS k(partition, lane_seq)
    USING (partition, lane_seq)
WHERE e.topic = $1
"""
_OF_TYPE: Final = """
SELECT record FROM governance.event WHERE topic = $1 AND event_type = $2 ORDER BY partition, lane_seq
"""


@asynccontextmanager
async def database(server: str, name: str) -> AsyncIterator[str]:
    """A new database on the server of a superuser's DSN, dropped afterwards; gives its own DSN."""
    unique = f"{name}_{uuid4().hex[:12]}"
    await _execute(server, f'CREATE DATABASE "{unique}"')
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{unique}"))
    finally:
        await _execute(server, f'DROP DATABASE "{unique}" WITH (FORCE)')


def as_login(dsn: str, role: str, password: str) -> str:
    """The same database for another login."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port}"))


async def count(dsn: str, table: str) -> int:
    """Rows of a table."""
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await connection.close()


class EventTable:
    """The product's event table, read as superuser."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", topic: str) -> None:
        self._connection = connection
        self._topic = topic

    @classmethod
    @asynccontextmanager
    async def connect(cls, dsn: str, topic: str) -> "AsyncIterator[EventTable]":
        """Connected to the primary database, for the events of one topic."""
        connection = await asyncpg.connect(dsn)
        try:
            yield cls(connection, topic)
        finally:
            await connection.close()

    async def last(self) -> dict[int, int]:
        """The last sequence of each partition, where its lane says that it is."""
        commands = command_topic_for_events(self._topic)
        return {row[0]: row[1] for row in await self._connection.fetch(_LANES, commands)}

    async def count_after(self, last: Mapping[int, int]) -> int:
        """Rows above the given sequences."""
        found = await self._connection.fetchval(_COUNT, self._topic, list(last), list(last.values()))
        return int(found)

    async def records(self, places: Sequence[tuple[int, int]]) -> list[EventRecord]:
        """The events at these (partition, sequence)."""
        partitions, sequences = [place[0] for place in places], [place[1] for place in places]
        found = await self._connection.fetch(_SAMPLE, self._topic, partitions, sequences)
        return [decode_entry(row["record"])[0] for row in found]

    async def of_type(self, event_type: str) -> list[EventRecord]:
        """All events of a type, lane by lane."""
        found = await self._connection.fetch(_OF_TYPE, self._topic, event_type)
        return [decode_entry(row["record"])[0] for row in found]


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
