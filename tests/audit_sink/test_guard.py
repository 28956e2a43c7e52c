"""What the sink checks before it writes, and what the migration leaves behind."""

import asyncpg
import pytest

from audit_sink.migrations.__main__ import ESCAPE, LOGINS, migrate_wall
from audit_sink.postgres import PostgresWall
from tests.audit_sink.conftest import MakeWall, WallDatabase

S = "governance_audit"
BREAKS = {
    "gov_audit_batches: refusing triggers": f"DROP TRIGGER refuse_statement ON {S}.gov_audit_batches",
    "gov_audit_trail_entries_p0005: refusing triggers": (
        f"ALTER TABLE {S}.gov_audit_trail_entries_p0005 DISABLE TRIGGER refuse_row"
    ),
    "gov_audit_trail_entries_p0006: refusing triggers": (
        f"ALTER TABLE {S}.gov_audit_trail_entries_p0006 ENABLE TRIGGER refuse_statement"
    ),
    "gov_audit_batches_p0000: refusing triggers": (
        f"ALTER TABLE {S}.gov_audit_batches_p0000 ENABLE REPLICA TRIGGER continue_predecessor"
    ),
    "gov_audit_trail_entries_p0000: row-level security not forced": (
        f"ALTER TABLE {S}.gov_audit_trail_entries_p0000 NO FORCE ROW LEVEL SECURITY"
    ),
    "gov_audit_large_values: row-level security not forced": (
        f"ALTER TABLE {S}.gov_audit_large_values DISABLE ROW LEVEL SECURITY"
    ),
    "gov_audit_batches: grants too many": f"GRANT UPDATE ON {S}.gov_audit_batches TO gov_audit_writer",
    "gov_audit_large_values: grants too many": f"GRANT SELECT ON {S}.gov_audit_large_values TO PUBLIC",
    "gov_audit_trail_entries_p0001: grants too many": (
        f"GRANT DELETE ON {S}.gov_audit_trail_entries_p0001 TO gov_audit_owner"
    ),
    "gov_audit_trail_entries_p0064: row-level security not forced, refusing triggers, grants too many": (
        f"CREATE TABLE {S}.gov_audit_trail_entries_p0064 PARTITION OF {S}.gov_audit_trail_entries"
        " FOR VALUES FROM (67108864) TO (68157440)"
    ),
    "database: the event trigger that refuses DDL": "ALTER EVENT TRIGGER governance_audit_refuse_ddl DISABLE",
}


async def administered(wall: WallDatabase, statement: str) -> None:
    """Runs a statement as only a migration can."""
    connection = await asyncpg.connect(wall.superuser, server_settings={ESCAPE: "on"})
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize(("lacks", "statement"), BREAKS.items())
async def test_whatever_is_missing_is_named(wall_database: WallDatabase, lacks: str, statement: str) -> None:
    await administered(wall_database, statement)
    async with PostgresWall(wall_database.writer, 3) as store:
        assert (await store.guard()).unguarded == (lacks,)


async def test_a_new_partition_of_the_template_is_guarded_like_the_others(
    wall_database: WallDatabase,
) -> None:
    for parent in ("gov_audit_trail_entries", "gov_audit_batches"):
        await administered(wall_database, f"SET ROLE gov_audit_owner; CALL {S}.add_partition('{parent}', 64)")
    async with PostgresWall(wall_database.writer, 3) as store:
        guard = await store.guard()
    assert (guard.unguarded, guard.partitions_left) == ((), 65)


async def test_a_database_without_migrations_is_unguarded(wall_database: WallDatabase) -> None:
    await administered(wall_database, f"DROP SCHEMA {S} CASCADE")
    async with PostgresWall(wall_database.writer, 3) as store:
        (lacks,) = [each for each in (await store.guard()).unguarded if "migrations" in each]
    assert lacks == "gov_audit_trail_entries: no partition; run the migrations"


async def test_migrating_again_changes_nothing(wall_database: WallDatabase) -> None:
    connection = await asyncpg.connect(wall_database.superuser)
    before = await connection.fetch("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1")
    assert await migrate_wall(wall_database.superuser, {}) == []
    assert await connection.fetch("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1") == before
    await connection.close()


async def test_only_a_superuser_can_migrate(make_wall: MakeWall) -> None:
    wall = await make_wall()
    await administered(wall, f"DROP SCHEMA {S} CASCADE; DELETE FROM public.governance_migration")
    for role in ("writer", "notary"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await migrate_wall(getattr(wall, role), {})


async def test_every_trigger_fires_always(wall_database: WallDatabase) -> None:
    connection = await asyncpg.connect(wall_database.superuser)
    states = await connection.fetch("SELECT DISTINCT tgenabled FROM pg_trigger WHERE NOT tgisinternal")
    tables = await connection.fetchval(
        f"SELECT count(*) FROM pg_class WHERE relnamespace = '{S}'::regnamespace AND relkind IN ('r', 'p')"
    )
    guarded = await connection.fetchval(
        "SELECT count(DISTINCT tgrelid) FROM pg_trigger WHERE tgname = 'refuse_statement'"
    )
    await connection.close()
    assert [bytes(row["tgenabled"]) for row in states] == [b"A"]
    assert tables == guarded == 64 + 64 + 8


def test_every_login_of_the_migration_has_a_password_setting() -> None:
    assert set(LOGINS) == {"gov_audit_writer", "gov_audit_reader", "gov_audit_notary"}
