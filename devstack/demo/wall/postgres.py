"""What the wall's database holds of a run, and whether anybody can change it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import asyncpg

from devstack.demo.kafka import Lane
from devstack.demo.postgres import Decided, sequences

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

_ENTRIES: Final = """
SELECT event_type, count(*)
FROM governance_audit.gov_audit_trail_entries
JOIN unnest($1::text[], $2::int[], $3::bigint[]) AS start(topic, partition, first) USING (topic, partition)
WHERE lane_seq >= first GROUP BY event_type"""

STATEMENT: Final = (
    "UPDATE governance_audit.gov_audit_trail_entries SET actor = 'nobody' WHERE leaf_index = $1"
)
"""What somebody with something to hide would run."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to change an entry."""

    who: str
    refused: bool
    answer: str
    """The server's own message."""


@dataclass(frozen=True, slots=True)
class Wall:
    """What the wall's database holds."""

    entries: Counter[str]
    """Entries of the run by event type."""
    size: int
    """All entries, of every run."""


async def read_wall(dsn: str, start: Mapping[Lane, Decided]) -> Wall:
    """Counts with any login that may read."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(_ENTRIES, *sequences(start))
        size = await connection.fetchval("SELECT count(*) FROM governance_audit.gov_audit_trail_entries")
    finally:
        await connection.close()
    return Wall(Counter({row[0]: row[1] for row in rows}), int(size))


async def try_to_change(writer: str, superuser: str, index: int) -> tuple[Attempt, ...]:
    """Runs :data:`STATEMENT` as everybody who could want to; what is not refused is rolled back."""
    return (
        await _attempt("the sink's login (gov_audit_writer)", writer, (), index),
        await _attempt("the owner of the table", superuser, ("SET ROLE gov_audit_owner",), index),
        await _attempt("a superuser", superuser, (), index),
        await _attempt(
            "a superuser, ordinary triggers off",
            superuser,
            ("SET session_replication_role = replica",),
            index,
        ),
    )


async def _attempt(who: str, dsn: str, before: tuple[str, ...], index: int) -> Attempt:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in before:
            await connection.execute(statement)
        return Attempt(who, *await _changed(connection, index))
    finally:
        await connection.close()


async def _changed(connection: Connection, index: int) -> tuple[bool, str]:
    transaction = connection.transaction()
    await transaction.start()
    try:
        return False, await connection.execute(STATEMENT, index)
    except asyncpg.InsufficientPrivilegeError as error:
        return True, str(error)
    finally:
        await transaction.rollback()
