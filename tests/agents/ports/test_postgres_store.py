"""The store on a real PostgreSQL keeps the contract, in a fixed number of statements a batch."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import asyncpg
import pytest

from agents.lanes.ports import Changes, LaneStore
from agents.records import CommandRecord
from agents.store.postgres import PostgresStore
from projections.apply.decision_stats import DecisionStats
from projections.rebuild.postgres import read_stats
from schemas.identity import policy_id
from schemas.models import UpdatePolicy
from tests.agents.commands import TENANT, activate, confirm, evaluate, resources_in
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

    @pytest.fixture
    def stats(self, superuser: str) -> Callable[[], Awaitable[DecisionStats]]:
        async def read() -> DecisionStats:
            connection = await asyncpg.connect(superuser, server_settings={"search_path": "governance"})
            try:
                return await read_stats(connection)
            finally:
                await connection.close()

        return read


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


async def test_a_batch_costs_the_same_statements_whatever_its_size(patient_store: PostgresStore) -> None:
    desk = Desk(patient_store)
    await desk.with_active_policy()
    await statements(patient_store, desk, "warm", 2)
    small = await statements(patient_store, desk, "small", 2)
    large = await statements(patient_store, desk, "large", 400)
    assert small == large
    assert sum(small.values()) <= 9


async def test_denials_cost_one_statement_more_and_names_are_read_once(patient_store: PostgresStore) -> None:
    desk = Desk(patient_store)
    await desk.with_active_policy()
    await statements(patient_store, desk, "warm", 2)
    allowed = await statements(patient_store, desk, "allowed", 2)
    desk.violations = ["own_approval: nobody approves a change of their own"]
    first = await statements(patient_store, desk, "first", 2)
    denied = await statements(patient_store, desk, "denied", 400)
    assert first - allowed == Counter(SELECT=1, INSERT=1)
    assert denied - allowed == Counter(INSERT=1)


async def test_names_of_a_transaction_that_failed_are_not_taken_as_counted(
    postgres_store: PostgresStore,
) -> None:
    desk = Desk(postgres_store)
    await desk.with_active_policy()
    (resource,) = resources_in(FIRST, 1)
    committed = await desk.say(evaluate(resource), "e-1")
    known = dict(postgres_store._counted_names)
    event = committed.events[FIRST][0]
    again = replace(event, happened=replace(event.happened, body={**event.happened.body, "version": 7}))
    with pytest.raises(asyncpg.UniqueViolationError):
        async with postgres_store.transaction([FIRST]) as transaction:
            await transaction.write(Changes(events=[again]))
    assert postgres_store._counted_names == known


async def test_recorded_inputs_of_a_policy_that_were_kept_whole_are_read_back(
    postgres_store: PostgresStore,
) -> None:
    desk = Desk(postgres_store)
    await desk.with_active_policy()
    for number in range(4):
        await desk.say(evaluate(f"model/{number}", document={"n": number}), f"kept-{number}")
    await desk.say(UpdatePolicy(policy="gate", input_storage="digest"), "u-1")
    await desk.say(activate(version=2), "u-2")
    await desk.say(confirm(version=2), "u-3")
    await desk.say(evaluate("model/9", document={"n": 9}), "digest-9")
    found = await postgres_store.recorded_inputs(TENANT, policy_id(TENANT, "gate"), 10)
    assert sorted(found) == [b'{"n":%d}' % number for number in range(4)]
    assert len(await postgres_store.recorded_inputs(TENANT, policy_id(TENANT, "gate"), 2)) <= 2
    assert await postgres_store.recorded_inputs("other", policy_id(TENANT, "gate"), 4) == []
