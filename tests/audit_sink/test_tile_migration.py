"""A wall from before tiles gets them, and goes on."""

import asyncpg
import pytest

from audit_sink.migrations.__main__ import ESCAPE
from audit_sink.migrations.tiles import fill_tiles
from audit_sink.postgres import PostgresWall
from audit_sink.wall import LOG_TREE, Lane
from tests.audit_sink.batches import Log
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import events

LANE = Lane("governance.policy.events.v1", 0)
pytestmark = pytest.mark.stack


async def test_a_wall_without_tiles_gets_those_that_a_sink_would_have_written(
    wall_database: WallDatabase,
) -> None:
    log = Log()
    batches = [log.of(events(LANE, 1, 900, ("acme", "other"))), log.of(events(LANE, 901, 1300))]
    superuser = await asyncpg.connect(wall_database.superuser, server_settings={ESCAPE: "on"})
    try:
        async with PostgresWall(wall_database.writer, 3) as wall:
            assert await wall.try_lead() is not None
            for batch in batches:
                await wall.append(batch)
            stored = await superuser.fetch("SELECT * FROM governance_audit.gov_audit_tiles ORDER BY 1, 2, 3")
            await superuser.execute(
                "SET session_replication_role = replica;"
                "ALTER TABLE governance_audit.gov_audit_tiles DISABLE TRIGGER USER;"
                "DELETE FROM governance_audit.gov_audit_tiles"
            )
            assert await fill_tiles(superuser) == len(stored) == 9
            assert stored == await superuser.fetch(
                "SELECT * FROM governance_audit.gov_audit_tiles ORDER BY 1, 2, 3"
            )
            assert await fill_tiles(superuser) == 0
            names = [LOG_TREE, b"acme", b"other"]
            assert await wall.trees(names) == {name: log.trees[name] for name in names}
    finally:
        await superuser.close()
