"""What operators read in the primary database: quarantine and lanes. The database role sees every tenant."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg
import orjson

from client.errors import Unreachable

CONNECT_TIMEOUT_S: Final = 5.0
STATEMENT_TIMEOUT_MS: Final = 10_000
"""Longest a query may run, in ms: they read by index, or a few rows."""

DATABASE_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError)
"""What the driver raises, apart from OSError."""

_QUARANTINE: Final = """
SELECT topic, partition, record_offset, state, tenant_id, command_id, source, reason, detail,
       recorded_at, octet_length(value) AS size
FROM governance.quarantine
WHERE ($1::text[] IS NULL OR state = ANY($1)) AND ($2::text IS NULL OR topic = $2)
  AND ($3::text IS NULL OR tenant_id = $3)
ORDER BY recorded_at DESC, topic, partition, record_offset
LIMIT $4"""

_QUARANTINED: Final = """
SELECT topic, partition, record_offset, state, tenant_id, command_id, source, reason, detail,
       recorded_at, octet_length(value) AS size, key, headers::text, value
FROM governance.quarantine
WHERE topic = $1 AND partition = $2 AND record_offset = $3"""

_LANES: Final = """
SELECT topic, partition, next_offset, next_seq, published_seq, last_event_time,
       coalesce(held.quarantined, 0) AS quarantined, coalesce(held.parked, 0) AS parked
FROM governance.lane
LEFT JOIN (
    SELECT topic, partition, count(*) FILTER (WHERE state = 'quarantined') AS quarantined,
           count(*) FILTER (WHERE state = 'parked') AS parked
    FROM governance.quarantine
    WHERE state IN ('quarantined', 'parked')
    GROUP BY topic, partition
) AS held USING (topic, partition)
ORDER BY topic, partition"""


@dataclass(frozen=True, slots=True)
class Held:
    """A record in quarantine, or one that is parked behind it."""

    topic: str
    partition: int
    offset: int
    state: str
    tenant: str
    command_id: str | None
    source: str | None
    reason: str
    detail: str
    recorded_at: datetime
    size: int | None

    @property
    def position(self) -> str:
        """How the other commands name it."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class HeldWhole:
    """The same with all that was received."""

    held: Held
    key: bytes | None
    headers: tuple[tuple[str, str], ...]
    """Name and value in base64, in record order."""
    value: bytes | None


@dataclass(frozen=True, slots=True)
class LaneRow:
    """How far a lane is."""

    topic: str
    partition: int
    next_offset: int
    next_seq: int
    published_seq: int
    last_event_time: datetime | None
    quarantined: int
    parked: int

    @property
    def unpublished(self) -> int:
        """Committed events that the broker has not acknowledged."""
        return self.next_seq - 1 - self.published_seq


class OperatorDatabase:
    """Read-only queries; made by :func:`operator_database`."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def quarantine(
        self, states: list[str] | None, topic: str | None, tenant: str | None, limit: int
    ) -> list[Held]:
        """Records held, newest first; None filters nothing."""
        rows = await self._connection.fetch(_QUARANTINE, states, topic, tenant, limit)
        return [_held(row) for row in rows]

    async def quarantined(self, topic: str, partition: int, offset: int) -> HeldWhole | None:
        """One record held, whole."""
        row = await self._connection.fetchrow(_QUARANTINED, topic, partition, offset)
        if row is None:
            return None
        headers: list[list[str]] = orjson.loads(row["headers"])
        pairs = tuple((name, value) for name, value in headers)
        return HeldWhole(_held(row), row["key"], pairs, row["value"])

    async def lanes(self) -> list[LaneRow]:
        """Every lane that a worker has owned."""
        return [_lane(row) for row in await self._connection.fetch(_LANES)]


@asynccontextmanager
async def operator_database(dsn: str) -> AsyncIterator[OperatorDatabase]:
    """A read-only session; raises :class:`Unreachable`."""
    try:
        connection = await asyncpg.connect(
            dsn,
            timeout=CONNECT_TIMEOUT_S,
            server_settings={
                "application_name": "governance-cli",
                "default_transaction_read_only": "on",
                "statement_timeout": str(STATEMENT_TIMEOUT_MS),
            },
        )
        try:
            yield OperatorDatabase(connection)
        finally:
            await connection.close()
    except (OSError, *DATABASE_ERRORS) as error:
        raise Unreachable(f"primary database: {type(error).__name__}: {error}") from error


def _held(row: asyncpg.Record) -> Held:
    return Held(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["record_offset"],
        state=row["state"],
        tenant=row["tenant_id"],
        command_id=row["command_id"],
        source=row["source"],
        reason=row["reason"],
        detail=row["detail"],
        recorded_at=row["recorded_at"],
        size=row["size"],
    )


def _lane(row: asyncpg.Record) -> LaneRow:
    time = row["last_event_time"]
    return LaneRow(
        topic=row["topic"],
        partition=row["partition"],
        next_offset=row["next_offset"],
        next_seq=row["next_seq"],
        published_seq=row["published_seq"],
        # '-infinity' stands for none and comes as the smallest datetime.
        last_event_time=None if time.year == 1 else time,
        quarantined=row["quarantined"],
        parked=row["parked"],
    )
