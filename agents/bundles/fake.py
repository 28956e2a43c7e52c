"""Policy versions and commands in memory, for tests."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from agents.bundles.ports import LoadableVersion, LoadedState, VersionKey
from agents.engine_commands import EngineCommand
from agents.errors import Outage
from rego.loaded import Loaded


@dataclass(slots=True)
class FakeVersions:
    """:class:`agents.bundles.ports.VersionSource` over a dictionary; ``away`` makes every read fail."""

    rows: dict[VersionKey, LoadableVersion] = field(default_factory=dict)
    sources: dict[VersionKey, Loaded] = field(default_factory=dict)
    away: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def put(
        self, key: VersionKey, version: Loaded | str, state: LoadedState, confirmed_revision: int = 0
    ) -> None:
        """Adds a version (a text is its only module), or changes its state."""
        loaded = Loaded(version) if isinstance(version, str) else version
        tenant, policy_id, number = key
        since = datetime(2026, 1, 1, tzinfo=UTC) if state in {"activating", "shadowing"} else None
        self.rows[key] = LoadableVersion(
            tenant, policy_id, number, state, loaded.digest, since, confirmed_revision
        )
        self.sources[key] = loaded
        self._changed.set()

    def become(self, key: VersionKey, state: LoadedState, confirmed_revision: int = 0) -> None:
        """Changes a version's state."""
        self.rows[key] = replace(self.rows[key], state=state, confirmed_revision=confirmed_revision)
        self._changed.set()

    def remove(self, key: VersionKey) -> None:
        """Takes a version out of what must be loaded."""
        del self.rows[key]
        self._changed.set()

    async def loadable(self) -> list[LoadableVersion]:
        self._refuse_when_away()
        return list(self.rows.values())

    async def loaded(self, keys: Sequence[VersionKey]) -> dict[VersionKey, Loaded]:
        self._refuse_when_away()
        return {key: self.sources[key] for key in keys if key in self.sources}

    async def wait_for_change(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def close(self) -> None:
        """Nothing to give back."""

    def _refuse_when_away(self) -> None:
        if self.away:
            raise Outage("away")


@dataclass(slots=True)
class FakeOutlet:
    """:class:`agents.bundles.ports.CommandOutlet` that keeps what it is given; ``away`` refuses it."""

    published: list[EngineCommand] = field(default_factory=list)
    away: bool = False

    async def connect(self) -> None:
        if self.away:
            raise Outage("away")

    async def publish(self, record: EngineCommand) -> None:
        await self.connect()
        self.published.append(record)

    async def close(self) -> None:
        """Nothing to end."""
