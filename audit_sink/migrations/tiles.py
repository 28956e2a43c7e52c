"""Fills in the tiles of a wall that was begun before it kept any."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

import asyncpg

from audit_sink.ledger.frontier import Frontier
from audit_sink.queries import ADD_TILES

PIECE: Final = 20_000
"""Leaf hashes read at once."""

_TREES: Final = """
SELECT '' AS tree UNION ALL SELECT DISTINCT tenant_id FROM governance_audit.gov_audit_trail_entries
"""
_HASHES: Final = """
SELECT leaf_hash FROM governance_audit.gov_audit_trail_entries
WHERE $1 = '' OR tenant_id = $1 ORDER BY leaf_index
"""


async def fill_tiles(connection: "asyncpg.Connection[asyncpg.Record]") -> int:
    """Adds the tiles of a wall that has none, all or nothing, and returns how many.

    ``connection`` is a superuser's. Nothing may append meanwhile: migrations run before the sink starts.
    """
    added = 0
    async with connection.transaction():
        if await connection.fetchval("SELECT EXISTS (SELECT FROM governance_audit.gov_audit_tiles)"):
            return 0
        for row in await connection.fetch(_TREES):
            frontier = Frontier()
            async for hashes in _pieces(connection, row["tree"]):
                frontier, full = frontier.extend(hashes)
                columns = [list(column) for column in zip(*full, strict=True)]
                if full:
                    await connection.execute(ADD_TILES, [row["tree"]] * len(full), *columns)
                added += len(full)
    return added


async def _pieces(
    connection: "asyncpg.Connection[asyncpg.Record]", tree: str
) -> AsyncIterator[Sequence[bytes]]:
    cursor = await connection.cursor(_HASHES, tree)
    while rows := await cursor.fetch(PIECE):
        yield [row["leaf_hash"] for row in rows]
