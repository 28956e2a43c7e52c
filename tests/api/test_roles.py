"""What the logins of workers, bundle service and background process may do, and everything else refused.

The reader's are in test_reader_role.py.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from typing import Final, TypeAlias

import asyncpg
import pytest

from tests.api.conftest import Dsns

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

CHANGING: Final = frozenset(
    {
        "lane",
        "policy",
        "policy_version",
        "decision_point",
        "quarantine",
        "workflow",
        "workflow_control",
        "timer",
        "evidence",
        "evidence_control",
        "evidence_technical_control",
        "counter",
    }
)
REBUILT: Final = frozenset(
    {"decision_stat", "decision_reason", "policy_activation", "policy_replay", "policy_shadow_count"}
)
GROWING: Final = frozenset(
    {"inbox", "event", "decision", "decision_part", "decision_override", "subject_key"}
)
ALLOWED: Final = {
    "gov_agents": {
        "SELECT": CHANGING | GROWING | REBUILT | {"attempt"},
        "INSERT": CHANGING | GROWING | REBUILT | {"attempt"},
        "UPDATE": CHANGING | REBUILT | {"attempt"},
        "DELETE": REBUILT | {"attempt"},
        "TRUNCATE": frozenset(),
    },
    "gov_bundles": {
        "SELECT": frozenset({"policy", "policy_version"}),
        "INSERT": frozenset(),
        "UPDATE": frozenset(),
        "DELETE": frozenset(),
        "TRUNCATE": frozenset(),
    },
    "gov_background": {
        "SELECT": frozenset({"evidence", "timer", "policy_replay"}),
        "INSERT": frozenset(),
        "UPDATE": frozenset(),
        "DELETE": frozenset(),
        "TRUNCATE": frozenset(),
    },
    "gov_replay": {
        "SELECT": frozenset(
            {"policy_replay", "policy", "policy_version", "decision", "decision_part", "event"}
        ),
        "INSERT": frozenset(),
        "UPDATE": frozenset(),
        "DELETE": frozenset(),
        "TRUNCATE": frozenset(),
    },
}
FORBIDDEN: Final = (
    "CREATE TABLE governance.mine (id integer)",
    "CREATE TABLE public.mine (id integer)",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "ALTER TABLE governance.event ADD COLUMN mine integer",
    "ALTER TABLE governance.event DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE governance.event DISABLE TRIGGER ALL",
    "DROP TABLE governance.inbox",
    "DROP POLICY reader_tenant ON governance.event",
    "GRANT gov_owner TO CURRENT_USER",
    "SET ROLE gov_owner",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION gov_reader",
    "SET session_replication_role = replica",
    "UPDATE public.governance_migration SET number = 99",
    "COPY governance.event TO PROGRAM 'true'",
    "SELECT pg_read_file('PG_VERSION')",
)


@asynccontextmanager
async def logged_in(dsns: Dsns, role: str) -> AsyncIterator[Connection]:
    """A session of the login; what it changes is undone."""
    dsn = {
        "gov_agents": dsns.agents,
        "gov_bundles": dsns.bundles,
        "gov_background": dsns.background,
        "gov_replay": dsns.replay,
    }
    connection = await asyncpg.connect(dsn[role])
    try:
        assert await connection.fetchval("SELECT session_user") == role
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()
    finally:
        await connection.close()


async def tables(dsns: Dsns) -> list[str]:
    """Every table of the schema, partitions included."""
    connection = await asyncpg.connect(dsns.superuser)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'governance'")
        return sorted(row["tablename"] for row in rows)
    finally:
        await connection.close()


async def refused(connection: Connection, statement: str) -> bool:
    """Whether the statement was refused for want of a right."""
    try:
        async with connection.transaction():
            await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    except asyncpg.PostgresError:
        return False  # the right was there: something else was wrong with it
    return False


STATEMENTS: Final = {
    "SELECT": "SELECT 1 FROM governance.{table} LIMIT 1",
    "INSERT": "INSERT INTO governance.{table} DEFAULT VALUES",
    "UPDATE": "UPDATE governance.{table} SET {column} = {column}",
    "DELETE": "DELETE FROM governance.{table}",
    "TRUNCATE": "TRUNCATE governance.{table}",
}


@pytest.mark.parametrize(("role", "verb"), list(product(ALLOWED, STATEMENTS)))
async def test_a_login_may_do_what_it_needs_and_nothing_else(dsns: Dsns, role: str, verb: str) -> None:
    done = set()
    found = await tables(dsns)
    async with logged_in(dsns, role) as connection:
        for table in found:
            column = "topic" if table in ("lane", "attempt") else "tenant_id"
            if not await refused(connection, STATEMENTS[verb].format(table=table, column=column)):
                done.add(table)
    assert done == ALLOWED[role][verb]
    assert CHANGING | GROWING | {"attempt"} <= set(found)


@pytest.mark.parametrize("role", ALLOWED)
async def test_no_login_changes_the_schema_or_becomes_another(dsns: Dsns, role: str) -> None:
    async with logged_in(dsns, role) as connection:
        assert [each for each in FORBIDDEN if not await refused(connection, each)] == []
