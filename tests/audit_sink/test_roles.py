"""Who may do what with the wall: every role tries every forbidden statement."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
import pytest

from audit_sink.append import Run, prepare
from audit_sink.postgres import PostgresWall
from audit_sink.wall import EMPTY_LOG, Lane
from tests.audit_sink.batches import fresh_trees
from tests.audit_sink.conftest import WallDatabase
from tests.audit_sink.lane_events import events

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

LANE = Lane("governance.policy.events.v1", 0)
S = "governance_audit"
PARENTS = (
    "gov_audit_trail_entries",
    "gov_audit_batches",
    "gov_audit_large_values",
    "gov_audit_tiles",
    "gov_audit_statements",
    "gov_audit_checkpoints",
)
PARTITIONS = ("gov_audit_trail_entries_p0000", "gov_audit_batches_p0000", "gov_audit_trail_entries_p0063")
COLUMN = {
    "entries": "event_id",
    "batches": "topic",
    "large": "tenant_id",
    "tiles": "tree",
    "statements": "record",
    "checkpoints": "note",
}

CHANGES = [
    statement
    for table in (*PARENTS, *PARTITIONS)
    for column in [COLUMN[table.removeprefix("gov_audit_").removeprefix("trail_").partition("_")[0]]]
    for statement in (
        f"UPDATE {S}.{table} SET {column} = 'x'",
        f"UPDATE {S}.{table} SET {column} = {column} WHERE false",
        f"DELETE FROM {S}.{table}",
        f"DELETE FROM {S}.{table} WHERE false",
        f"TRUNCATE {S}.{table}",
        f"TRUNCATE {S}.{table} CASCADE",
    )
]
DDL = [
    f"DROP TABLE {S}.gov_audit_trail_entries",
    f"DROP TABLE {S}.gov_audit_trail_entries_p0001",
    f"ALTER TABLE {S}.gov_audit_trail_entries DETACH PARTITION {S}.gov_audit_trail_entries_p0001",
    f"ALTER TABLE {S}.gov_audit_trail_entries DISABLE TRIGGER ALL",
    f"ALTER TABLE {S}.gov_audit_trail_entries_p0000 DISABLE TRIGGER USER",
    f"ALTER TABLE {S}.gov_audit_batches DISABLE TRIGGER continue_predecessor",
    f"ALTER TABLE {S}.gov_audit_trail_entries NO FORCE ROW LEVEL SECURITY",
    f"ALTER TABLE {S}.gov_audit_trail_entries DISABLE ROW LEVEL SECURITY",
    f"ALTER TABLE {S}.gov_audit_trail_entries ADD COLUMN more text",
    f"ALTER TABLE {S}.gov_audit_trail_entries RENAME TO other",
    f"DROP TRIGGER refuse_statement ON {S}.gov_audit_trail_entries",
    f"DROP POLICY own_tenant ON {S}.gov_audit_trail_entries",
    f"CREATE POLICY mine ON {S}.gov_audit_trail_entries USING (true)",
    f"CREATE OR REPLACE FUNCTION {S}.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    f"CREATE RULE quiet AS ON INSERT TO {S}.gov_audit_batches DO INSTEAD NOTHING",
    f"DROP INDEX {S}.entries_by_tenant",
    f"DROP SCHEMA {S} CASCADE",
    f"GRANT UPDATE ON {S}.gov_audit_trail_entries TO gov_audit_writer",
    f"GRANT ALL ON ALL TABLES IN SCHEMA {S} TO gov_audit_reader",
    f"CREATE TABLE {S}.more (a int)",
    "CREATE TABLE public.more (a int)",
    "CREATE TEMPORARY TABLE more (a int)",
    "SELECT 1 AS a INTO TEMPORARY more",
    f"CREATE TABLE {S}.more AS TABLE {S}.gov_audit_batches",
    "CREATE SCHEMA more",
    "CREATE FUNCTION public.more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DROP EVENT TRIGGER governance_audit_refuse_ddl",
    "ALTER EVENT TRIGGER governance_audit_refuse_ddl DISABLE",
]
ESCALATIONS = [
    "SET ROLE gov_audit_owner",
    "SET SESSION AUTHORIZATION gov_audit_owner",
    "SET ROLE postgres",
    "SET session_replication_role = replica",
    "CREATE ROLE another",
    "ALTER ROLE gov_audit_owner LOGIN",
    "GRANT gov_audit_owner TO CURRENT_USER",
    "ALTER SYSTEM SET fsync = off",
    f"CALL {S}.add_partition('gov_audit_batches', 64)",
    f"CALL {S}.guard('{S}.gov_audit_batches')",
    f"COPY {S}.gov_audit_batches TO PROGRAM 'true'",
    "SELECT pg_read_file('PG_VERSION')",
    f"SELECT * FROM {S}.gov_audit_batches FOR UPDATE",
    f"SELECT 1; LOCK TABLE {S}.gov_audit_trail_entries IN ACCESS EXCLUSIVE MODE",
    "SET governance_audit.migration = 'on'; CREATE TABLE public.more (a int)",
]
INSERTS = [
    f"INSERT INTO {S}.{table} SELECT * FROM {S}.{table} LIMIT 1" for table in (*PARENTS, *PARTITIONS)
] + [f"COPY {S}.gov_audit_batches FROM STDIN"]


@pytest.fixture(scope="module")
def wall(module_wall: WallDatabase) -> WallDatabase:
    """With three entries of two tenants."""

    async def fill() -> None:
        records = events(LANE, 1, 3, ("acme", "other"))
        batch = prepare(
            EMPTY_LOG,
            [Run(LANE, 3, records, [dict(record.headers) for record in records])],
            fresh_trees(),
        )
        async with PostgresWall(module_wall.writer, 3) as store:
            assert await store.try_lead() is not None
            await store.append(batch)

    asyncio.run(fill())
    return module_wall


@asynccontextmanager
async def connected(dsn: str, *first: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in first:
            await connection.execute(statement)
        yield connection
    finally:
        await connection.close()


async def fingerprint(wall: WallDatabase) -> tuple[object, ...]:
    """The rows and everything that protects them."""
    async with connected(wall.superuser) as connection:
        return (
            await connection.fetch(f"SELECT * FROM {S}.gov_audit_trail_entries ORDER BY leaf_index"),
            await connection.fetch(f"SELECT * FROM {S}.gov_audit_batches ORDER BY batch_no"),
            await connection.fetch(
                "SELECT c.oid, relname, relacl::text, relrowsecurity, relforcerowsecurity FROM pg_class c"
                f" WHERE relnamespace = '{S}'::regnamespace ORDER BY oid"
            ),
            await connection.fetch("SELECT tgrelid, tgname, tgenabled FROM pg_trigger ORDER BY 1, 2"),
            await connection.fetch("SELECT evtname, evtenabled FROM pg_event_trigger"),
        )


async def refusal(connection: Connection, statement: str) -> bool:
    """Whether the statement was refused for want of a right."""
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    return False


async def assert_refused(connection: Connection, wall: WallDatabase, statements: list[str]) -> None:
    before = await fingerprint(wall)
    assert [each for each in statements if not await refusal(connection, each)] == []
    assert await fingerprint(wall) == before


@pytest.mark.parametrize("role", ["writer", "reader", "notary"])
async def test_no_login_can_change_a_row_or_the_schema(wall: WallDatabase, role: str) -> None:
    async with connected(getattr(wall, role), "SET default_transaction_read_only = off") as connection:
        await assert_refused(connection, wall, CHANGES + DDL + ESCALATIONS)


@pytest.mark.parametrize("role", ["reader", "notary"])
async def test_only_the_writer_can_add_rows(wall: WallDatabase, role: str) -> None:
    async with connected(getattr(wall, role), "SET default_transaction_read_only = off") as connection:
        own = ("gov_audit_statements", "gov_audit_checkpoints") if role == "notary" else ()
        await assert_refused(
            connection, wall, [each for each in INSERTS if not any(table in each for table in own)]
        )


async def test_the_writer_cannot_speak_for_the_notary(wall: WallDatabase) -> None:
    async with connected(wall.writer) as connection:
        statements = [
            each for each in INSERTS if "gov_audit_statements" in each or "gov_audit_checkpoints" in each
        ]
        assert len(statements) == 2
        await assert_refused(connection, wall, statements)


async def test_the_writer_reaches_no_partition_past_its_parent(wall: WallDatabase) -> None:
    async with connected(wall.writer) as connection:
        statements = [statement for statement in INSERTS if "_p00" in statement]
        statements += [f"SELECT * FROM {S}.{partition}" for partition in PARTITIONS]
        await assert_refused(connection, wall, statements)


async def test_the_owner_cannot_log_in_and_nobody_is_a_member(wall: WallDatabase) -> None:
    async with connected(wall.superuser) as connection:
        assert (
            await connection.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'gov_audit_owner'")
            is False
        )
        members = (
            "SELECT member::regrole::text FROM pg_auth_members WHERE roleid = 'gov_audit_owner'::regrole"
        )
        assert await connection.fetch(members) == []


async def test_the_owner_itself_is_refused(wall: WallDatabase) -> None:
    async with connected(wall.superuser, "SET ROLE gov_audit_owner") as connection:
        await assert_refused(connection, wall, CHANGES + DDL)


async def test_a_careless_superuser_is_refused_by_the_triggers(wall: WallDatabase) -> None:
    guarded = [each for each in DDL if "EVENT TRIGGER" not in each]
    async with connected(wall.superuser) as connection:
        await assert_refused(connection, wall, CHANGES + guarded)


async def test_the_triggers_hold_where_replication_switches_others_off(wall: WallDatabase) -> None:
    guarded = [each for each in DDL if "EVENT TRIGGER" not in each]
    async with connected(wall.superuser, "SET session_replication_role = replica") as connection:
        await assert_refused(connection, wall, CHANGES + guarded)


async def test_a_reader_sees_its_tenant_only(wall: WallDatabase) -> None:
    query = f"SELECT tenant_id FROM {S}.gov_audit_trail_entries ORDER BY leaf_index"
    async with connected(wall.reader) as connection:
        assert await connection.fetch(query) == []
        for tenant, count in (("acme", 1), ("other", 2), ("nobody", 0), ("", 0), ("%", 0)):
            async with connection.transaction():
                await connection.execute("SELECT set_config('audit.tenant', $1, true)", tenant)
                assert [row["tenant_id"] for row in await connection.fetch(query)] == [tenant] * count
        assert await connection.fetch(query) == []


async def test_a_reader_sees_no_batches_before_it_takes_the_auditors_role(wall: WallDatabase) -> None:
    query = f"SELECT count(*) FROM {S}.gov_audit_batches"
    async with connected(wall.reader) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval(query)
        async with connection.transaction():
            await connection.execute("SET LOCAL ROLE gov_audit_auditor")
            assert await connection.fetchval(query) == 1
            assert await connection.fetchval(f"SELECT count(*) FROM {S}.gov_audit_trail_entries") == 3
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval(query)


async def test_the_auditor_reads_and_nothing_else(wall: WallDatabase) -> None:
    first = ("SET default_transaction_read_only = off", "SET ROLE gov_audit_auditor")
    async with connected(wall.reader, *first) as connection:
        await assert_refused(connection, wall, CHANGES + DDL + INSERTS + ESCALATIONS)


async def test_a_reader_writes_nothing_by_default(wall: WallDatabase) -> None:
    async with connected(wall.reader) as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("CREATE TEMPORARY TABLE more (a int)")
