"""The store in memory, which the fast tests of the lanes stand on, keeps the contract."""

from collections.abc import Awaitable, Callable

import pytest

from agents.lanes.memory import MemoryStore
from projections.apply.decision_stats import DecisionStats
from tests.agents.ports.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    """In memory."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def silence(self, store: MemoryStore) -> Callable[[], Awaitable[None]]:
        async def pass_by() -> None:
            store.tables.end_idle_transactions()

        return pass_by

    @pytest.fixture
    def stats(self, store: MemoryStore) -> Callable[[], Awaitable[DecisionStats]]:
        async def read() -> DecisionStats:
            return store.tables.stats

        return read
