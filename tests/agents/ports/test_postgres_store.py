"""The store on a real PostgreSQL keeps the contract, in a fixed number of statements a batch."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

import asyncpg
import pytest

from agents.lanes.ports import LaneStore
from agents.records import CommandRecord
from agents.store.postgres import PostgresStore
from tests.agents.commands import evaluate, resources_in
from tests.agents.ports.conftest import POOL, SESSION_S
from tests.agents.ports.desk import Desk
from tests.agents.ports.store_contract import StoreContract
from tests.agents.simulation.scenario import FIRST, SECOND


class TestPostgresStore(StoreContract):
    """On PostgreSQL, with the agents' role."""

    @pytest.fixture
    def store(self, postgres_store: PostgresStore) -> LaneStore:
        return postgres_store

    @pytest.fixture
    def silence(self) -> Callable[[], Awaitable[None]]:
        return lambda: asyncio.sleep(SESSION_S * 0.75)


async def statements(store: PostgresStore, desk: Desk, name: str, count: int) -> Counter[str]:
    """What a batch of ``count`` evaluations in two lanes has the server do, by first word."""
    resources = [r for lane in (FIRST, SECOND) for r in resources_in(lane, count // 2)]
    batch = [desk.sent(evaluate(resource), f"{name}-{resource}") for resource in resources]
    return await statements_of(store, desk, batch)


async def statements_of(store: PostgresStore, desk: Desk, batch: Sequence[CommandRecord]) -> Counter[str]:
    """What a batch has the server do, by first word."""
    seen: Counter[str] = Counter()

    def note(logged: "asyncpg.connection.LoggedQuery") -> None:
        seen[logged.query.split()[0]] += 1

    async with AsyncExitStack() as every:
        pooled = [await every.enter_async_context(store._pool.acquire()) for _ in range(POOL)]
        for connection in pooled:
            connection.add_query_logger(note)
    await desk.decide(batch)
    async with AsyncExitStack() as every:
        pooled = [await every.enter_async_context(store._pool.acquire()) for _ in range(POOL)]
        for connection in pooled:
            connection.remove_query_logger(note)
    return seen


async def test_a_batch_costs_the_same_statements_whatever_its_size(postgres_store: PostgresStore) -> None:
    desk = Desk(postgres_store)
    await desk.with_active_policy()
    await statements(postgres_store, desk, "warm", 2)
    small = await statements(postgres_store, desk, "small", 2)
    large = await statements(postgres_store, desk, "large", 400)
    assert small == large
    assert sum(small.values()) <= 9
