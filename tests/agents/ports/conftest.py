"""A primary database of these tests alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

import devstack
from agents.store.postgres import PostgresStore
from projections.migrations import runner
from projections.migrations.__main__ import LOGINS

DATABASE = "governance_store_tests"
POOL = 4
"""Connections."""
SESSION_S = 2.0
"""Session time-out: a lane that is locked is given up after half of it."""


@pytest.fixture(scope="session")
def superuser(stack: devstack.Stack) -> str:
    """The migrated database, as superuser."""
    dsn = stack.superuser_dsn(database=DATABASE)

    async def prepare() -> None:
        connection = await asyncpg.connect(stack.superuser_dsn())
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')
            await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()
        passwords = stack.environment("migrations")
        logins = {role: passwords[name] for role, name in LOGINS.items()}
        await runner.migrate(dsn, Path(runner.__file__).parent, logins)

    asyncio.run(prepare())
    return dsn


@pytest.fixture
async def postgres_store(stack: devstack.Stack, superuser: str) -> AsyncIterator[PostgresStore]:
    """An empty store."""
    async with _emptied(stack, superuser, SESSION_S) as store:
        yield store


@pytest.fixture
async def patient_store(stack: devstack.Stack, superuser: str) -> AsyncIterator[PostgresStore]:
    """An empty store whose transactions may take as long as a busy machine needs."""
    async with _emptied(stack, superuser, 60.0) as store:
        yield store


@asynccontextmanager
async def _emptied(stack: devstack.Stack, superuser: str, session_s: float) -> AsyncIterator[PostgresStore]:
    connection = await asyncpg.connect(superuser)
    try:
        names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'governance'")
        tables = ", ".join(f"governance.{row['tablename']}" for row in names)
        await connection.execute(f"TRUNCATE {tables}")
    finally:
        await connection.close()
    dsn = urlsplit(stack.environment("worker")["AUMOS_DATABASE_URL"])
    store = await PostgresStore.connect(urlunsplit(dsn._replace(path=f"/{DATABASE}")), POOL, session_s)
    try:
        yield store
    finally:
        await store.close()
